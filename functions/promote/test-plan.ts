import type { Arms, ArmValue } from '../measures/arm-effect.ts';
import type { RareEvents } from '../measures/rare-events.ts';

/**
 * Chances of error, fixed before a test begins. Success may be called at any look (0.01) or at one final
 * look (0.04): at the sample where a fixed test has 80 % power this has 77 %, a confidence sequence alone
 * 48 %. Harm is watched separately, each guardrail with its share of 0.01.
 */
export const ERROR_BUDGET = {
  successAtAnyLook: 0.01,
  successAtTheEnd: 0.04,
  harm: 0.01,
  sampleRatio: 0.001,
} as const;

/** Units, of an arm or of a dataset, below which no mean is judged: its distribution is not normal yet. */
export const SMALLEST_SAMPLE = 100;

export type Verdict = 'PROMOTE' | 'ROLLBACK' | 'HOLD' | 'CONTINUE' | 'INCONCLUSIVE';

/** Immutable once a test has begun. */
export interface TestPlan {
  readonly metric: string;
  /** 1 where higher is better, −1 where lower is. */
  readonly direction: 1 | -1;
  readonly guardrails: readonly {
    readonly metric: string;
    readonly margin: number;
    readonly direction: 1 | -1;
  }[];
  /** Of both arms together. */
  readonly plannedUnits: number;
  readonly minimumDays: number;
  readonly maximumDays: number;
}

/** Units that sharpen a pilot's harm test; a pilot plans no sample, it only watches. */
const PILOT_UNITS = 10_000;

/** What a pilot or a bake watches: nothing is to be shown, and the clock ends it. */
export const watchPlan = (guardrails: TestPlan['guardrails'], days: number): TestPlan => ({
  metric: '',
  direction: 1,
  guardrails,
  plannedUnits: PILOT_UNITS,
  minimumDays: 0,
  maximumDays: days,
});

/** Values of one metric in both arms, and whether there are enough units and events to say anything. */
export interface MeasuredMetric {
  readonly arms: Arms<ArmValue>;
  readonly isSampleLarge: boolean;
  /**
   * Of latency: units that met a slow answer. Too few of them for means is what a fast service looks like,
   * not a lack of data; then they are judged exactly.
   */
  readonly slowUnits?: RareEvents;
}

/** What is known at a look: mature units only, and nothing from before the last change of the route. */
export interface Evidence {
  readonly days: number;
  /** Alarms that are ringing, by the arm they are about. */
  readonly alarms: {
    readonly challenger: readonly string[];
    readonly champion: readonly string[];
  };
  /** Errors, time-outs and fallbacks, at most one a unit and hour; absent while nothing was requested. */
  readonly rareEvents: RareEvents | undefined;
  /** Units at their first exposure. */
  readonly exposed: Arms<number>;
  readonly mixedUnits: number;
  /** `silent`: nothing arrived although units are exposed; `failed`: the store could not be read. */
  readonly data: 'complete' | 'silent' | 'failed';
  /** What could not be read. */
  readonly failure?: string | undefined;
  /** How long `data` has been silent. */
  readonly incompleteHours: number;
  readonly metrics: ReadonlyMap<string, MeasuredMetric>;
  /** Whether an earlier look has shown success: a confidence sequence holds at all looks at once. */
  readonly hasSucceeded: boolean;
}
