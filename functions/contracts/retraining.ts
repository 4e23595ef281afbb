import * as z from 'zod/mini';
import { strictObject } from './strict-object.ts';

const count = z.int().check(z.gte(1));
const positive = z.number().check(z.positive());

const Trainer = z.discriminatedUnion('kind', [
  strictObject({
    kind: z.literal('gbdt'),
    trees: count,
    leaves: z.int().check(z.gte(2), z.lte(1024)),
    learningRate: z.number().check(z.gt(0), z.lte(1)),
    minimumChildRows: count,
    /** Isolation trees whose anomaly score joins the classifier's log-odds in the calibration; 0 for none. */
    anomalyTrees: z.int().check(z.gte(0)),
  }),
  strictObject({
    kind: z.literal('mlp'),
    hidden: z.array(count).check(z.minLength(1), z.maxLength(4)),
    epochs: count,
    learningRate: positive,
  }),
  strictObject({
    kind: z.literal('sagemaker-xgboost'),
    instanceType: z.string(),
    rounds: count,
    maximumRuntimeMinutes: count,
  }),
]);

const Trigger = z.discriminatedUnion('kind', [
  strictObject({ kind: z.literal('schedule'), everyDays: positive }),
  strictObject({ kind: z.literal('age'), days: positive }),
  strictObject({ kind: z.literal('missed-objective') }),
  strictObject({ kind: z.literal('drift') }),
]);

export const Retraining = strictObject({
  trainer: Trainer,
  triggers: z.array(Trigger),
  /** Rows of this many days, newest first, are trained on. */
  windowDays: positive,
  /** No second retraining sooner than this, whatever triggers it. */
  coolDownHours: positive,
});
export type Retraining = z.infer<typeof Retraining>;
