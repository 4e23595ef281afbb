import type { Level } from 'level';

/** Where an execution stands in its current state; what a restart goes on from. */
export type Phase =
  | { readonly kind: 'entered' }
  | { readonly kind: 'waiting'; readonly untilMs: number }
  /** The task was handed over and its token is out. */
  | { readonly kind: 'token'; readonly token: string; readonly untilMs?: number };

export interface Cursor {
  readonly state: string;
  readonly input: unknown;
  readonly enteredMs: number;
  /** The event of the history that entered the state. */
  readonly enteredEvent: number;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Attempts used, by the state's retriers. */
  readonly attempts: readonly number[];
  readonly phase: Phase;
}

export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

export interface ExecutionRecord {
  readonly arn: string;
  readonly name: string;
  readonly machineArn: string;
  readonly input: unknown;
  readonly startedMs: number;
  readonly status: ExecutionStatus;
  readonly stoppedMs?: number;
  readonly output?: unknown;
  readonly error?: string;
  readonly cause?: string;
  readonly cursor: Cursor;
  readonly events: number;
}

/** An event of the history, in the words of GetExecutionHistory but with plain milliseconds. */
export interface HistoryEvent {
  readonly id: number;
  readonly previousEventId: number;
  readonly timestampMs: number;
  readonly type: string;
  readonly details?: { readonly member: string; readonly value: Readonly<Record<string, unknown>> };
}

const AFTER_ALL = '\u{10ffff}';
const executionKey = (arn: string): string => `execution/${arn}`;
const eventKey = (arn: string, id: number): string =>
  `history/${arn}/${String(id).padStart(6, '0')}`;

/** Executions and their histories on disk; a change and its events are written together. */
export class StatesStore {
  readonly #level: Level<string, unknown>;

  constructor(level: Level<string, unknown>) {
    this.#level = level;
  }

  async executions(): Promise<ExecutionRecord[]> {
    const prefix = executionKey('');
    return (await this.#level
      .values({ gte: prefix, lt: prefix + AFTER_ALL })
      .all()) as ExecutionRecord[];
  }

  async write(record: ExecutionRecord, events: readonly HistoryEvent[]): Promise<void> {
    await this.#level.batch([
      { type: 'put', key: executionKey(record.arn), value: record },
      ...events.map(
        (event) => ({ type: 'put', key: eventKey(record.arn, event.id), value: event }) as const,
      ),
    ]);
  }

  async history(arn: string): Promise<HistoryEvent[]> {
    const prefix = `history/${arn}/`;
    return (await this.#level
      .values({ gte: prefix, lt: prefix + AFTER_ALL })
      .all()) as HistoryEvent[];
  }
}
