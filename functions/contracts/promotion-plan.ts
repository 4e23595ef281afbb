import * as z from 'zod/mini';
import { strictObject } from './strict-object.ts';

const count = z.int().check(z.gte(1));
const positive = z.number().check(z.positive());
const margin = z.number().check(z.gte(0), z.lt(1));
const percent = z.number().check(z.gt(0), z.lte(100));

/** Non-inferiority: the challenger may be worse by at most this share of the champion's value. */
const Guardrail = strictObject({ metric: z.string(), margin });

/** Written down before the run; either against the champion or against a fixed number. */
const Gate = z.discriminatedUnion('against', [
  strictObject({ against: z.literal('champion'), metric: z.string(), margin }),
  strictObject({
    against: z.literal('number'),
    metric: z.string(),
    comparison: z.enum(['at-most', 'at-least']),
    threshold: z.number(),
  }),
]);

const Step = z.discriminatedUnion('kind', [
  strictObject({
    kind: z.literal('evaluate-offline'),
    gates: z.array(Gate).check(z.minLength(1)),
    /** Features whose values are judged one by one. */
    slices: z.array(z.string()),
  }),
  strictObject({
    kind: z.literal('replay-traffic'),
    windowHours: positive,
    guardrails: z.array(Guardrail),
  }),
  strictObject({
    kind: z.literal('test-performance'),
    /** Rows a request. */
    batchSizes: z.array(count).check(z.minLength(1)),
    p50Ms: positive,
    p99Ms: positive,
    coldStartMs: positive,
    memoryMb: positive,
    requestsPerSecond: positive,
  }),
  strictObject({ kind: z.literal('smoke-test') }),
  strictObject({
    kind: z.literal('shadow'),
    hours: positive,
    minimumRequests: count,
    /** Smallest share of requests on which both versions decide alike. */
    agreement: z.number().check(z.gt(0), z.lte(1)),
  }),
  strictObject({
    kind: z.literal('pilot'),
    ramp: z
      .array(strictObject({ exposurePercent: percent, bakeMinutes: positive }))
      .check(z.minLength(1)),
    /** Judged once enough units tell of them; the last rung waits for those that no A/B test judges later. */
    guardrails: z.array(Guardrail),
  }),
  strictObject({
    kind: z.literal('ab'),
    /** Share of units enrolled; the arms split them evenly. */
    exposurePercent: percent,
    minimumDays: positive,
    maximumDays: positive,
    metric: z.string(),
    /** Smallest relative change worth finding, the sample size follows from it. */
    minimumDetectableEffect: margin,
    guardrails: z.array(Guardrail),
    /**
     * Variance reduction with the champion's prediction on a unit's first request. It costs a second run of
     * every request of an enrolled unit, off the caller's path.
     */
    covariate: z.enum(['none', 'champion-prediction']),
    /**
     * Share of the declined rows of both arms that is accepted at random, where declining hides the outcome:
     * arms are compared in all rows, each weighted with 1 / its chance to be seen. Every request draws anew,
     * so who asks again and again is let through in the end. In steps of 1/10,000.
     */
    randomAcceptShare: z.number().check(z.gte(0), z.lte(0.1), z.multipleOf(0.0001)),
  }),
  strictObject({ kind: z.literal('approve'), expiresAfterHours: positive }),
  strictObject({ kind: z.literal('production') }),
  strictObject({ kind: z.literal('bake'), hours: positive }),
]);

/** A team's way to production; the state machine is drawn from it. */
export const PromotionPlan = strictObject({
  /** What a unit is: the one who must stay in one arm. */
  unit: z.string(),
  /** `hash`: the log and all that follows know units by a keyed hash only; `plain` unless said. */
  unitLog: z.optional(z.enum(['plain', 'hash'])),
  steps: z.array(Step).check(z.minLength(2)),
});
export type PromotionPlan = z.infer<typeof PromotionPlan>;

/** What is wrong with the order of the steps; empty when nothing is. */
export const misorderedSteps = ({ steps }: PromotionPlan): string[] => {
  const kinds = steps.map((step) => step.kind);
  const production = kinds.indexOf('production');
  const wrong: string[] = [];
  if (kinds.filter((kind) => kind === 'production').length !== 1)
    wrong.push('exactly one step must be "production"');
  if (production === 0) wrong.push('"production" cannot be first: nothing would have been tried');
  kinds.forEach((kind, at) => {
    if (kind === 'bake' && at < production)
      wrong.push(`"bake" (step ${at + 1}) must follow "production"`);
    if (kind !== 'bake' && production >= 0 && at > production)
      wrong.push(`"${kind}" (step ${at + 1}) must come before "production"`);
  });
  return wrong;
};
