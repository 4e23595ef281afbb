import type { SERVING_METRICS } from './serving-metric.ts';
import type { METRICS_OF_TASK, SERVICE_METRICS, Task } from './task.ts';

/**
 * What one scored row adds to the metrics of its task. All are sums, so that any period, arm and batch
 * merges by addition: a batch of rows is logged as one value a component, and CloudWatch adds them up.
 */
export const QUALITY_COMPONENTS = {
  /** Rows whose outcome is known. */
  labels: { name: 'Labels', unit: 'Count' },
  error: { name: 'Error', unit: 'None' },
  absoluteError: { name: 'AbsoluteError', unit: 'None' },
  squaredError: { name: 'SquaredError', unit: 'None' },
  withinTolerance: { name: 'WithinTolerance', unit: 'Count' },
  /** Rows whose outcome is known and whose quantiles all were predicted. */
  quantileLabels: { name: 'QuantileLabels', unit: 'Count' },
  /** Outcomes between the lowest and the highest predicted quantile. */
  covered: { name: 'Covered', unit: 'Count' },
  /** Mean pinball loss over the predicted quantiles. */
  pinball: { name: 'Pinball', unit: 'None' },
  /** Requests that were ranked, those somebody clicked in, and those somebody bought from. */
  queries: { name: 'Queries', unit: 'Count' },
  clickedQueries: { name: 'ClickedQueries', unit: 'Count' },
  purchasedQueries: { name: 'PurchasedQueries', unit: 'Count' },
  /**
   * Queries with a relevant item: NDCG is undefined in the others. Online, clicks are biased by the position
   * at which the champion showed an item, so that NDCG made of clicks favours what was shown high: compare
   * arms by it, and never read its absolute value.
   */
  relevantQueries: { name: 'RelevantQueries', unit: 'Count' },
  ndcg: { name: 'Ndcg', unit: 'None' },
  reciprocalRank: { name: 'ReciprocalRank', unit: 'None' },
  truePositives: { name: 'TruePositives', unit: 'Count' },
  falsePositives: { name: 'FalsePositives', unit: 'Count' },
  falseNegatives: { name: 'FalseNegatives', unit: 'Count' },
  trueNegatives: { name: 'TrueNegatives', unit: 'Count' },
  /** Of false alarms and misses, in the currency of the task. */
  cost: { name: 'Cost', unit: 'None' },
  /** Value of the rows that were positive, and of those that were decided so. */
  positiveValue: { name: 'PositiveValue', unit: 'None' },
  caughtValue: { name: 'CaughtValue', unit: 'None' },
  /** Positives that came, and the sum of scores that promised them. */
  observed: { name: 'Observed', unit: 'Count' },
  expected: { name: 'Expected', unit: 'None' },
} as const;

export type QualityComponent = keyof typeof QUALITY_COMPONENTS;

/** Values of some components, of a row or of many. */
export type Components = Readonly<Partial<Record<QualityComponent, number>>>;

type QualityMetric = (typeof METRICS_OF_TASK)[Task['kind']][number];
type ServiceMetric = (typeof SERVICE_METRICS)[number];
export type MetricId = QualityMetric | ServiceMetric;

/** Which way a metric is better; `target`: nearer to a number, such as the nominal coverage. */
type Direction = 'lower' | 'higher' | 'target';

/** A quotient of sums of components, times `scale`. */
export interface RatioOfSums {
  readonly kind: 'ratio';
  readonly numerator: QualityComponent;
  /** Their sum divides. */
  readonly denominator: readonly QualityComponent[];
  readonly scale?: number;
  /** `squareRoot`: the metric is the root of the quotient. */
  readonly root?: 'squareRoot';
  readonly better: Direction;
}

/** Not additive: computed once a window by a scheduled function and published under its own name. */
export interface WindowedMetric {
  readonly kind: 'windowed';
  readonly name: string;
  readonly better: Direction;
}

/** Of the service itself. */
export type ServiceMetricDefinition =
  | { readonly kind: 'latency'; readonly percentile: 50 | 99; readonly better: 'lower' }
  | {
      readonly kind: 'share';
      readonly numerator: keyof typeof SERVING_METRICS;
      readonly denominator: keyof typeof SERVING_METRICS;
      readonly better: 'lower';
    }
  /** Requests that Lambda did not let in; its own metric, by function. */
  | { readonly kind: 'throttled'; readonly better: 'lower' };

export type MetricDefinition = RatioOfSums | WindowedMetric | ServiceMetricDefinition;

const ratio = (
  numerator: QualityComponent,
  denominator: QualityComponent | readonly QualityComponent[],
  better: Direction,
  rest: Pick<RatioOfSums, 'scale' | 'root'> = {},
): RatioOfSums => ({
  kind: 'ratio',
  numerator,
  denominator: typeof denominator === 'string' ? [denominator] : denominator,
  better,
  ...rest,
});

/**
 * How each metric is made. The one place that recording, evaluation, alarms, dashboards and gates share,
 * so that what raises an alarm is what was promised.
 */
export const METRIC_DEFINITIONS: Readonly<Record<MetricId, MetricDefinition>> = {
  mae: ratio('absoluteError', 'labels', 'lower'),
  rmse: ratio('squaredError', 'labels', 'lower', { root: 'squareRoot' }),
  bias: ratio('error', 'labels', 'target'),
  withinToleranceShare: ratio('withinTolerance', 'labels', 'higher'),
  quantileCoverage: ratio('covered', 'quantileLabels', 'target'),
  pinball: ratio('pinball', 'quantileLabels', 'lower'),
  ndcg: ratio('ndcg', 'relevantQueries', 'higher'),
  mrr: ratio('reciprocalRank', 'queries', 'higher'),
  clickThroughShare: ratio('clickedQueries', 'queries', 'higher'),
  purchaseShare: ratio('purchasedQueries', 'queries', 'higher'),
  precision: ratio('truePositives', ['truePositives', 'falsePositives'], 'higher'),
  recall: ratio('truePositives', ['truePositives', 'falseNegatives'], 'higher'),
  costPerThousand: ratio('cost', 'labels', 'lower', { scale: 1000 }),
  valueWeightedRecall: ratio('caughtValue', 'positiveValue', 'higher'),
  calibrationRatio: ratio('observed', 'expected', 'target'),
  brier: ratio('squaredError', 'labels', 'lower'),
  averagePrecision: { kind: 'windowed', name: 'AveragePrecision', better: 'higher' },
  latencyP50Ms: { kind: 'latency', percentile: 50, better: 'lower' },
  latencyP99Ms: { kind: 'latency', percentile: 99, better: 'lower' },
  errorShare: { kind: 'share', numerator: 'failures', denominator: 'requests', better: 'lower' },
  fallbackShare: {
    kind: 'share',
    numerator: 'fallbacks',
    denominator: 'requests',
    better: 'lower',
  },
  throttledShare: { kind: 'throttled', better: 'lower' },
};

/**
 * The component whose sum says how much a metric rests on; for the smallest window that gives a verdict.
 * Classification counts positives where positives are what the metric is about.
 */
export function evidenceOf(metric: MetricId): readonly QualityComponent[] {
  const definition = METRIC_DEFINITIONS[metric];
  if (definition.kind !== 'ratio') return [];
  const { denominator } = definition;
  if (metric === 'valueWeightedRecall') return ['truePositives', 'falseNegatives'];
  return metric === 'calibrationRatio' ? ['observed'] : denominator;
}

/** NDCG means little without its gain and cutoff, so both are in the metric's name. */
export function componentName(component: QualityComponent, task: Task): string {
  const { name } = QUALITY_COMPONENTS[component];
  if (component !== 'ndcg' || task.kind !== 'ranking') return name;
  const gain = task.gain === 'linear' ? 'Linear' : 'Exponential';
  return `${name}${gain}At${task.cutoff}`;
}

const QUANTILE_COMPONENTS = ['quantileLabels', 'covered', 'pinball'] as const;

const COMPONENTS_OF_TASK = {
  regression: [
    'labels',
    'error',
    'absoluteError',
    'squaredError',
    'withinTolerance',
    ...QUANTILE_COMPONENTS,
  ],
  ranking: [
    'labels',
    'queries',
    'clickedQueries',
    'purchasedQueries',
    'relevantQueries',
    'ndcg',
    'reciprocalRank',
  ],
  classification: [
    'labels',
    'truePositives',
    'falsePositives',
    'falseNegatives',
    'trueNegatives',
    'cost',
    'positiveValue',
    'caughtValue',
    'squaredError',
    'observed',
    'expected',
  ],
} as const satisfies Record<Task['kind'], readonly QualityComponent[]>;

/** What rows of a task are measured by; quantiles only where the model predicts them. */
export const componentsOf = (task: Task): readonly QualityComponent[] =>
  COMPONENTS_OF_TASK[task.kind].filter(
    (component) =>
      task.kind !== 'regression' ||
      task.quantiles.length > 0 ||
      !QUANTILE_COMPONENTS.some((each) => each === component),
  );

/** How the components of a task are published. */
export const componentMetrics = (
  task: Task,
): Readonly<Partial<Record<QualityComponent, { readonly name: string; readonly unit: string }>>> =>
  Object.fromEntries(
    componentsOf(task).map((component) => [
      component,
      { name: componentName(component, task), unit: QUALITY_COMPONENTS[component].unit },
    ]),
  );
