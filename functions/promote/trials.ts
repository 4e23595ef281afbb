import type { ModelSpec } from '../contracts/model-spec.ts';
import type { AskedLine } from '../contracts/prediction-line.ts';
import type { PromotionPlan } from '../contracts/promotion-plan.ts';
import type { TrialAnswer, TrialRequest } from '../contracts/trial.ts';
import { linearQuantile } from '../measures/regression-metrics.ts';
import type { GateFinding } from './gate.ts';

type Example = ModelSpec['example'];
type PerformanceStep = Extract<PromotionPlan['steps'][number], { kind: 'test-performance' }>;

/** Asks the trial function of the model. */
export type Try = (request: Pick<TrialRequest, 'requests' | 'repeat'>) => Promise<TrialAnswer>;

const askedOf = (example: Example): AskedLine =>
  'items' in example
    ? { api: 'rank', query: example.query, items: example.items }
    : { api: 'predict', instances: example.instances };

/** The spec's own requests, the ordinary and those at the edge of what is allowed, must all be answered. */
export async function smokeTest(spec: ModelSpec, ask: Try): Promise<GateFinding> {
  const examples = [spec.example, ...spec.edgeCases];
  const requests = examples.map((example) => ({ asked: askedOf(example) }));
  const { answers } = await ask({ requests, repeat: 1 });
  const failures = answers.flatMap(({ failure }, at) =>
    failure === undefined ? [] : [`${at === 0 ? 'the example' : `edge case ${at}`}: ${failure}`],
  );
  const unsound = answers.flatMap(({ outputs = [] }, at) =>
    outputs.some(({ data }) => data.includes(null))
      ? [`${at === 0 ? 'the example' : `edge case ${at}`} has an output that is no finite number`]
      : [],
  );
  const faults = [...failures, ...unsound];
  return {
    verdict: faults.length > 0 ? 'FAIL' : 'PASS',
    reason: faults[0] ?? `${answers.length} requests were answered`,
    evidence: { requests: answers.length, faults },
  };
}

/** A request of so many rows, made of the spec's example. */
function ofRows(example: Example, rows: number): AskedLine {
  const repeated = <Value>(values: readonly Value[]): Value[] =>
    Array.from({ length: rows }, (_, row) => values[row % values.length]).flatMap((value) =>
      value === undefined ? [] : [value],
    );
  const asked = askedOf(example);
  if (asked.api === 'rank') {
    const items = repeated(asked.items).map((item, row) => ({ ...item, id: `item-${row}` }));
    return { ...asked, items };
  }
  return asked.api === 'predict' ? { ...asked, instances: repeated(asked.instances) } : asked;
}

/** Requests that warm the code up are not counted. */
const WARM_UP = 20;
/** Requests a batch size, so that its 99th percentile rests on a few. */
const MEASURED = 300;

/**
 * Latency, memory, start and throughput of a version in the model's own configuration, against the budgets
 * of the plan. Times are the function's own: the network is not the version's doing.
 */
export async function testPerformance(
  step: PerformanceStep,
  spec: ModelSpec,
  ask: Try,
): Promise<GateFinding> {
  const requests = step.batchSizes.map((rows) => ({ asked: ofRows(spec.example, rows) }));
  const trial = await ask({ requests, repeat: WARM_UP + MEASURED });
  const batches = step.batchSizes.map((rows, at) => {
    const answer = trial.answers[at];
    const times = answer?.timesMs.slice(WARM_UP) ?? [];
    return {
      rows,
      failure: answer?.failure,
      p50Ms: linearQuantile(times, 0.5),
      p99Ms: linearQuantile(times, 0.99),
      requestsPerSecond: throughput(times),
    };
  });
  const coldStartMs = trial.initMs + trial.openMs;
  const evidence = { batches, coldStartMs, openMs: trial.openMs, memoryMb: trial.memoryMb };
  const faults = [
    ...batches.flatMap((batch) => batchFaults(step, batch)),
    ...over('memory', trial.memoryMb, step.memoryMb, 'MB'),
    ...over('a cold start', coldStartMs, step.coldStartMs, 'ms'),
  ];
  if (faults.length > 0) return { verdict: 'FAIL', reason: faults.join('; '), evidence };
  return { verdict: 'PASS', reason: 'every budget was kept', evidence };
}

/** Of one environment, which answers one request at a time. */
function throughput(timesMs: readonly number[]): number | undefined {
  const total = timesMs.reduce((sum, time) => sum + time, 0);
  return total > 0 ? (1000 * timesMs.length) / total : undefined;
}

interface Batch {
  readonly rows: number;
  readonly failure: string | undefined;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly requestsPerSecond: number | undefined;
}

function batchFaults(step: PerformanceStep, batch: Batch): string[] {
  const { rows, failure, p50Ms, p99Ms, requestsPerSecond } = batch;
  if (failure !== undefined) return [`a request of ${rows} rows failed: ${failure}`];
  if (p50Ms === undefined || p99Ms === undefined || requestsPerSecond === undefined)
    return [`a request of ${rows} rows was not measured`];
  return [
    ...over(`p50 of ${rows} rows`, p50Ms, step.p50Ms, 'ms'),
    ...over(`p99 of ${rows} rows`, p99Ms, step.p99Ms, 'ms'),
    ...(requestsPerSecond < step.requestsPerSecond
      ? [
          `${requestsPerSecond.toFixed(1)} requests/s of ${rows} rows; at least ${step.requestsPerSecond} are asked for`,
        ]
      : []),
  ];
}

const over = (what: string, value: number, budget: number, unit: string): string[] =>
  value > budget
    ? [`${what} takes ${value.toFixed(1)} ${unit}, at most ${budget} are allowed`]
    : [];
