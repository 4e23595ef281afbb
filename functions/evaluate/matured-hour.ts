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

export const hourBefore = (hour: string): string => hourAt(startOf(hour) - HOUR_MS);

export interface OpenHours {
  /** That can be closed, some of them closed already, oldest first. */
  readonly hours: readonly string[];
  /** First and last of those that were not closed in time. */
  readonly forgotten?: { readonly first: string; readonly last: string };
}

/**
 * Hours whose youngest prediction has matured, from the oldest that may not be closed on, as far back as the
 * join table still remembers all of an hour: so an outage of closing is made up for. A first run begins with
 * the latest hours.
 * @param nowMs epoch milliseconds. @param closedUpTo the last hour up to which all are closed.
 */
export function openHours(
  nowMs: number,
  { monitoring }: Pick<ModelSpec, 'monitoring'>,
  closedUpTo?: string,
): OpenHours {
  const { maturityHours, horizonHours } = monitoring.outcomes;
  const endMs = Math.floor((nowMs - maturityHours * HOUR_MS) / HOUR_MS) * HOUR_MS;
  const keptMs = (horizonHours + LIMITS.joinMarginHours) * HOUR_MS;
  const rememberedMs = Math.ceil((nowMs - keptMs) / HOUR_MS) * HOUR_MS;
  const openMs =
    closedUpTo === undefined ? endMs - LIMITS.hoursPerRun * HOUR_MS : startOf(closedUpTo) + HOUR_MS;
  const firstMs = Math.max(openMs, rememberedMs);
  return {
    hours: Array.from({ length: Math.max(0, (endMs - firstMs) / HOUR_MS) }, (_, at) =>
      hourAt(firstMs + at * HOUR_MS),
    ),
    ...(openMs < rememberedMs && {
      forgotten: { first: hourAt(openMs), last: hourAt(rememberedMs - HOUR_MS) },
    }),
  };
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
