import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Components } from '../contracts/quality-metric.ts';
import { addComponents } from '../measures/row-score.ts';
import { ScoreCounts, type ScoreHistogram } from '../measures/score-histogram.ts';
import { epochMsOf, instantOf, utc } from '../runtime/clock.ts';

const HOUR_MS = 3_600_000;

/** `2026-11-23T18` of the hour of UTC that a moment lies in. */
const hourAt = (epochMs: number): string => instantOf(epochMs).slice(0, 13);
const startOf = (hour: string): number => epochMsOf(utc(`${hour}:00:00Z`));

/** The hours of the window that ends with this one, oldest first. */
export const windowFrom = (hour: string): string =>
  hourAt(startOf(hour) - (LIMITS.windowHours - 1) * HOUR_MS);

/**
 * Hours whose youngest prediction has matured, oldest first, as far back as the join table remembers.
 * @param nowMs epoch milliseconds.
 */
export function maturedHours(nowMs: number, { monitoring }: Pick<ModelSpec, 'monitoring'>) {
  const maturedMs = nowMs - monitoring.outcomes.maturityHours * HOUR_MS;
  const endMs = Math.floor(maturedMs / HOUR_MS) * HOUR_MS;
  return Array.from({ length: LIMITS.joinMarginHours }, (_, at) =>
    hourAt(endMs - (LIMITS.joinMarginHours - at) * HOUR_MS),
  );
}

/**
 * Those of the matured hours that are to be closed now, oldest first. An outage is caught up with; what lies
 * before the first hour that was ever closed is not, and a first run begins with the latest hours.
 */
export function dueHours(matured: readonly string[], closed: ReadonlySet<string>): string[] {
  const first = matured.findIndex((hour) => closed.has(hour));
  const begun = first < 0 ? matured.slice(-LIMITS.hoursPerRun) : matured.slice(first);
  return begun.filter((hour) => !closed.has(hour)).slice(0, LIMITS.hoursPerRun);
}

/** A prediction or a score of the hour, as the join table's index shows it. */
export interface CohortItem {
  readonly predictionId: string;
  readonly sk: string;
  readonly arm: string;
  readonly rowCount?: number;
  readonly hiddenRows?: number;
  readonly components?: string;
  readonly outcome?: string;
  readonly propensity?: number;
}

export interface ArmOfHour {
  readonly sums: Components;
  /** Of classification only. */
  readonly histogram: ScoreHistogram;
}

export interface HourTotals {
  readonly predictions: number;
  readonly rows: number;
  readonly scored: number;
  readonly labelled: number;
  /** Rows that were declined, so that nobody sees their outcome, and that nobody looked into either. */
  readonly hidden: number;
  readonly arms: Readonly<Record<string, ArmOfHour>>;
}

interface Awaited {
  rows: number;
  scored: number;
  hidden: number;
}

/** Adds up one hour of a model. */
export class HourTally {
  readonly #spec: Pick<ModelSpec, 'task'>;
  readonly #predictions = new Map<string, Awaited>();
  readonly #sums = new Map<string, Components>();
  readonly #scores = new Map<string, ScoreCounts>();
  #labelled = 0;

  constructor(spec: Pick<ModelSpec, 'task'>) {
    this.#spec = spec;
  }

  add({ predictionId, sk, arm, components, ...item }: CohortItem): void {
    const awaited = this.#predictions.get(predictionId) ?? { rows: 0, scored: 0, hidden: 0 };
    this.#predictions.set(predictionId, awaited);
    if (sk.startsWith('prediction#')) {
      awaited.rows = this.#spec.task.kind === 'ranking' ? 1 : (item.rowCount ?? 0);
      awaited.hidden += item.hiddenRows ?? 0;
    }
    if (components === undefined) return;
    awaited.scored += 1;
    if (item.propensity === 0) awaited.hidden -= 1;
    if (item.outcome !== undefined) this.#labelled += 1;
    this.#count(arm, JSON.parse(components));
  }

  #count(arm: string, components: Components): void {
    this.#sums.set(arm, addComponents(this.#sums.get(arm) ?? {}, components));
    const { expected: score, observed: label } = components;
    if (this.#spec.task.kind !== 'classification') return;
    if (score === undefined || label === undefined) return;
    const scores = this.#scores.get(arm) ?? new ScoreCounts();
    this.#scores.set(arm, scores);
    scores.add(score, label);
  }

  get predictionIds(): string[] {
    return [...this.#predictions.keys()];
  }

  /** Predictions that have rows without a score. */
  get unscored(): string[] {
    return [...this.#predictions]
      .filter(([, { rows, scored }]) => scored < rows)
      .map(([predictionId]) => predictionId);
  }

  get totals(): HourTotals {
    const all = [...this.#predictions.values()];
    const sum = (of: keyof Awaited) => all.reduce((total, each) => total + each[of], 0);
    return {
      predictions: all.length,
      rows: sum('rows'),
      scored: sum('scored'),
      labelled: this.#labelled,
      hidden: sum('hidden'),
      arms: Object.fromEntries(
        [...this.#sums].map(([arm, sums]) => [
          arm,
          { sums, histogram: this.#scores.get(arm)?.histogram ?? [] },
        ]),
      ),
    };
  }
}
