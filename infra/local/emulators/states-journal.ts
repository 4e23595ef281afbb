import type { Clock } from '../clock.ts';
import { StatesError } from './states-error.ts';
import type { Bindings } from './states-expression.ts';
import type { Cursor, ExecutionRecord, HistoryEvent, StatesStore } from './states-store.ts';

/** Step Functions fails an execution whose history is longer. */
const HISTORY_EVENTS = 25_000;

type Details = NonNullable<HistoryEvent['details']>;

/** Where an execution stands, with the events that led there; both go to disk together. */
export class ExecutionJournal {
  record: ExecutionRecord;
  /** What is on disk, which is all that anybody may be told: a kill takes the rest back. */
  kept: ExecutionRecord;
  readonly #store: StatesStore;
  readonly #clock: Pick<Clock, 'nowMs'>;
  #events: HistoryEvent[] = [];

  constructor(record: ExecutionRecord, store: StatesStore, clock: Pick<Clock, 'nowMs'>) {
    this.record = record;
    this.kept = record;
    this.#store = store;
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  change(change: Partial<ExecutionRecord>): void {
    this.record = { ...this.record, ...change };
  }

  move(change: Partial<Cursor>): void {
    this.change({ cursor: { ...this.record.cursor, ...change } });
  }

  enter(type: string, name: string, input: unknown, variables: Cursor['variables']): void {
    this.note(`${type}StateEntered`, 'stateEnteredEventDetails', { name, input });
    const entered = { enteredMs: this.nowMs(), enteredEvent: this.record.events };
    const cursor = { state: name, input, ...entered, variables };
    this.change({ cursor: { ...cursor, attempts: [], phase: { kind: 'entered' } } });
  }

  /** Adds an event; it is written with the next change. @throws StatesError once the history is full. */
  note(type: string, member?: string, value: Details['value'] = {}): void {
    const id = this.record.events + 1;
    if (id > HISTORY_EVENTS)
      throw new StatesError(
        'States.Runtime',
        `The execution reached the maximum number of history events (${HISTORY_EVENTS}).`,
      );
    this.change({ events: id });
    this.#events.push({
      id,
      previousEventId: id - 1,
      timestampMs: this.nowMs(),
      type,
      ...(member !== undefined && { details: { member, value } }),
    });
  }

  /** The event that ends the execution, for which a full history has room. */
  noteLast(type: string, member: string, value: Details['value']): void {
    this.change({ events: Math.min(this.record.events, HISTORY_EVENTS - 1) });
    this.note(type, member, value);
  }

  async save(): Promise<void> {
    const { record } = this;
    const events = this.#events;
    this.#events = [];
    await this.#store.write(record, events);
    this.kept = record;
  }

  /** @param extra `result` or `errorOutput`, where the state has one. */
  bindings(extra: Readonly<Record<string, unknown>> = {}): Bindings {
    const { arn, name, machineArn, input: executionInput, startedMs, cursor } = this.record;
    const token = cursor.phase.kind === 'token' ? { Task: { Token: cursor.phase.token } } : {};
    const context = {
      Execution: {
        Id: arn,
        Input: executionInput,
        Name: name,
        StartTime: new Date(startedMs).toISOString(),
        RedriveCount: 0,
      },
      StateMachine: { Id: machineArn, Name: machineArn.split(':').at(-1) },
      State: {
        Name: cursor.state,
        EnteredTime: new Date(cursor.enteredMs).toISOString(),
        RetryCount: cursor.attempts.reduce((sum, each) => sum + each, 0),
      },
      ...token,
    };
    return {
      states: { input: cursor.input, context, ...extra },
      variables: cursor.variables,
      nowMs: () => this.nowMs(),
      entered: { state: cursor.state, event: cursor.enteredEvent },
    };
  }
}
