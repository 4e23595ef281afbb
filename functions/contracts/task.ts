import * as z from 'zod/mini';
import { strictObject } from './strict-object.ts';

const positive = z.number().check(z.positive());
const share = z.number().check(z.gt(0), z.lt(1));
/** A column of an output tensor, as the signature names it. */
const OutputColumn = z.string();

const Regression = strictObject({
  kind: z.literal('regression'),
  /** Column of a dataset that holds the truth. */
  label: z.string(),
  unit: z.string(),
  /** |prediction - outcome| up to this counts as right, in `unit`. */
  tolerance: positive,
  prediction: OutputColumn,
  /** Predicted quantiles, lowest first; empty where the model gives a point only. */
  quantiles: z.array(strictObject({ level: share, column: OutputColumn })),
});

const Ranking = strictObject({
  kind: z.literal('ranking'),
  label: z.string(),
  /** Column of a dataset that holds the rows of one query together. */
  queryKey: z.string(),
  /** k of NDCG@k: how many results a person sees. */
  cutoff: z.int().check(z.gte(1), z.lte(1000)),
  /** `linear`: gain = relevance; `exponential`: gain = 2^relevance - 1. Part of the metric's name. */
  gain: z.enum(['linear', 'exponential']),
  /** What an interaction is worth as relevance. */
  relevance: strictObject({ click: positive, purchase: positive }),
  score: OutputColumn,
});

const Classification = strictObject({
  kind: z.literal('classification'),
  label: z.string(),
  /** Negative class first; the score is the probability of the second. */
  classes: z.tuple([z.string(), z.string()]),
  score: OutputColumn,
  /** Decided positive when score >= threshold. */
  threshold: share,
  /**
   * Who is decided positive is declined, so that nobody sees what would have come of it (a card). Its silence
   * means nothing then, and online metrics are of the rows that were let through or reported on.
   */
  positiveHidesOutcome: z.optional(z.boolean()),
  /** In money: each false alarm, and each miss (`amount`: the value of that number feature). */
  cost: strictObject({
    currency: z.string().check(z.regex(/^[A-Z]{3}$/)),
    falsePositive: positive,
    falseNegative: z.union([positive, strictObject({ feature: z.string() })]),
  }),
});

export const Task = z.discriminatedUnion('kind', [Regression, Ranking, Classification]);
export type Task = z.infer<typeof Task>;

/** Whether a row that is decided positive never shows its outcome. */
export const hidesOutcomes = (task: Task): boolean =>
  task.kind === 'classification' && task.positiveHidesOutcome === true;

/** The metrics an objective, a gate or a guardrail of each task may name. */
export const METRICS_OF_TASK = {
  regression: ['mae', 'rmse', 'bias', 'withinToleranceShare', 'quantileCoverage', 'pinball'],
  ranking: ['ndcg', 'mrr', 'clickThroughShare', 'purchaseShare'],
  classification: [
    'precision',
    'recall',
    'costPerThousand',
    'valueWeightedRecall',
    'calibrationRatio',
    'averagePrecision',
    'brier',
  ],
} as const satisfies Record<Task['kind'], readonly string[]>;

/** Metrics of the service itself, for every task. */
export const SERVICE_METRICS = [
  'latencyP50Ms',
  'latencyP99Ms',
  'errorShare',
  'fallbackShare',
  'throttledShare',
] as const;
