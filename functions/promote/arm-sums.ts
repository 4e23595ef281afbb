import type { Arms } from '../measures/arm-effect.ts';
import { addUnit, mergeUnits, NO_UNITS, type UnitSums } from '../measures/unit-sums.ts';
import type { MetricSums } from './look.ts';
import type { UnitMetric, UnitRow } from './unit-metrics.ts';

export type ArmName = 'champion' | 'challenger';

/** A metric of a unit is a sum over a sum. */
type Terms = NonNullable<ReturnType<UnitMetric['termsOf']>>;

const NO_TERMS: Terms = { top: 0, bottom: 0 };

interface EventCounts {
  readonly with: number;
  readonly without: number;
}

/** Sums over the units of one arm; those without a covariate apart, since its mean is not known yet. */
export interface ArmTotals {
  readonly known: UnitSums;
  readonly unknown: UnitSums;
  readonly events: EventCounts;
  /** Units with a row that was accepted at random. */
  readonly accepted: number;
}

/** By metric. Additive: days merge. */
export type MetricTotals = Readonly<Record<string, Arms<ArmTotals>>>;

const NOTHING: ArmTotals = {
  known: NO_UNITS,
  unknown: NO_UNITS,
  events: { with: 0, without: 0 },
  accepted: 0,
};
const NEITHER: Arms<ArmTotals> = { champion: NOTHING, challenger: NOTHING };

/** A metric with how it is taken: `mean` per unit beside a covariate, or `ratio` of two sums. */
export interface Measured {
  readonly unitMetric: UnitMetric;
  readonly kind: 'mean' | 'ratio';
}

/** A unit of a promotion with what its rows add up to, within the window it is judged by. */
export class JudgedUnit {
  readonly arm: ArmName;
  /** The champion's prediction on its first request; undefined where the shadow could not run that. */
  readonly covariate: number | undefined;
  /** By metric, of those that a row says anything of. */
  readonly #terms: Record<string, Terms> = {};
  #hasAccepted = false;

  constructor({ arm, covariate }: Pick<JudgedUnit, 'arm' | 'covariate'>) {
    this.arm = arm;
    this.covariate = covariate;
  }

  /** Each row once, and of all that is measured: what a row says is not kept beyond its sums. */
  take(row: UnitRow, measured: readonly Measured[]): void {
    this.#hasAccepted ||= isAcceptedAtRandom(row);
    for (const { unitMetric } of measured) {
      const terms = unitMetric.termsOf(row);
      if (terms) this.#terms[unitMetric.metric] = addTerms(this.termsOf(unitMetric.metric), terms);
    }
  }

  termsOf(metric: string): Terms {
    return this.#terms[metric] ?? NO_TERMS;
  }

  /** Whether a row was accepted at random. */
  get hasAccepted(): boolean {
    return this.#hasAccepted;
  }
}

/** What units add up to. A unit that says nothing of a metric does not count in it. */
export function totalsOf(units: Iterable<JudgedUnit>, measured: readonly Measured[]): MetricTotals {
  const totals: Record<string, Arms<ArmTotals>> = {};
  for (const { unitMetric } of measured) totals[unitMetric.metric] = NEITHER;
  for (const unit of units)
    for (const each of measured) {
      const { metric } = each.unitMetric;
      const arms = totals[metric] ?? NEITHER;
      totals[metric] = { ...arms, [unit.arm]: addJudged(arms[unit.arm], unit, each) };
    }
  return totals;
}

function addJudged(totals: ArmTotals, unit: JudgedUnit, { unitMetric, kind }: Measured): ArmTotals {
  const { covariate, hasAccepted } = unit;
  const { top, bottom } = unit.termsOf(unitMetric.metric);
  if (bottom === 0) return totals;
  const events = {
    with: totals.events.with + Number(top > 0),
    without: totals.events.without + Number(top === 0),
  };
  const accepted = totals.accepted + Number(hasAccepted);
  const counted = { ...totals, events, accepted };
  if (kind === 'ratio') return { ...counted, known: addUnit(totals.known, top, bottom) };
  const y = top / bottom;
  return covariate === undefined
    ? { ...counted, unknown: addUnit(totals.unknown, y, 0) }
    : { ...counted, known: addUnit(totals.known, y, covariate) };
}

const addTerms = (one: Terms, other: Terms): Terms => ({
  top: one.top + other.top,
  bottom: one.bottom + other.bottom,
});

const isAcceptedAtRandom = ({ propensity = 1 }: UnitRow): boolean => propensity < 1;

const mergeArm = (one: ArmTotals, other: ArmTotals): ArmTotals => ({
  known: mergeUnits(one.known, other.known),
  unknown: mergeUnits(one.unknown, other.unknown),
  events: {
    with: one.events.with + other.events.with,
    without: one.events.without + other.events.without,
  },
  accepted: one.accepted + other.accepted,
});

export function mergeTotals(one: MetricTotals, other: MetricTotals): MetricTotals {
  const merged: Record<string, Arms<ArmTotals>> = { ...one };
  for (const [metric, arms] of Object.entries(other)) {
    const before = merged[metric] ?? NEITHER;
    merged[metric] = {
      champion: mergeArm(before.champion, arms.champion),
      challenger: mergeArm(before.challenger, arms.challenger),
    };
  }
  return merged;
}

/** Units without a covariate take the mean of those that have one, in both arms alike. */
export function sumsOf({ unitMetric, kind }: Measured, totals: MetricTotals): MetricSums {
  const { champion, challenger } = totals[unitMetric.metric] ?? NEITHER;
  const known = mergeUnits(champion.known, challenger.known);
  const unknown = champion.unknown.n + challenger.unknown.n;
  const mean = known.n > 0 ? known.sx / known.n : 0;
  const fold = ({ known: own, unknown: others }: ArmTotals): UnitSums =>
    mergeUnits(own, {
      ...others,
      sx: others.n * mean,
      sxx: others.n * mean * mean,
      sxy: others.sy * mean,
    });
  return {
    metric: unitMetric.metric,
    kind,
    arms: { champion: fold(champion), challenger: fold(challenger) },
    covariateShare: kind === 'mean' && known.n > 0 ? known.n / (known.n + unknown) : 0,
    ...(unitMetric.isShare && {
      events: { champion: champion.events, challenger: challenger.events },
    }),
    ...(unitMetric.isWeighted && {
      acceptedUnits: { champion: champion.accepted, challenger: challenger.accepted },
    }),
  };
}
