import * as z from 'zod/mini';
import { Feature } from './feature.ts';
import { LIMITS } from './limits.ts';
import { ModelName } from './model-name.ts';
import { ModelRuntime } from './model-runtime.ts';
import { Monitoring } from './monitoring.ts';
import { planFaults } from './plan-faults.ts';
import { misorderedSteps, PromotionPlan } from './promotion-plan.ts';
import { ResponsePolicy } from './response-policy.ts';
import { Retraining } from './retraining.ts';
import { Signature } from './signature.ts';
import { explainIssues, strictObject } from './strict-object.ts';
import { METRICS_OF_TASK, SERVICE_METRICS, Task } from './task.ts';

const FeatureValue = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const Instance = z.record(z.string(), FeatureValue);

/** A request as a caller would send it: readiness, smoke test and documentation use it. */
const Example = z.union([
  strictObject({ instances: z.array(Instance).check(z.minLength(1)) }),
  /** Each item has an `id` beside its features. */
  strictObject({ query: Instance, items: z.array(Instance).check(z.minLength(1)) }),
]);

const ModelSpecShape = strictObject({
  name: ModelName,
  description: z.string().check(z.minLength(1)),
  /** The team that answers for the model. */
  owner: z.string().check(z.minLength(1)),
  task: Task,
  features: z.array(Feature).check(z.minLength(1)),
  signature: Signature,
  /** Features that identify what a row is about; training and validation must not share their values. */
  entityKeys: z.array(z.string()),
  example: Example,
  /** Requests at the edge of what is allowed, for the smoke test of a promotion. */
  edgeCases: z.array(Example),
  runtime: ModelRuntime,
  monitoring: Monitoring,
  promotion: PromotionPlan,
  retraining: Retraining,
  /** Dataset versions made of recorded predictions by themselves; moving a pointer to one stays a decision. */
  snapshots: z.optional(
    strictObject({
      purpose: z.enum(['training', 'validation']),
      everyDays: z.int().check(z.gte(1), z.lte(365)),
      /** Matured days that it is drawn from. */
      windowDays: z.int().check(z.gte(1), z.lte(LIMITS.snapshotDays)),
      /** Rows at the most; of a ranking, queries. */
      units: z.int().check(z.gte(1), z.lte(LIMITS.snapshotUnits)),
    }),
  ),
  response: ResponsePolicy,
});

/** Everything Slipway knows of a model; one file in `functions/models/` exports one. */
export type ModelSpec = z.infer<typeof ModelSpecShape>;

type Fault = { path: (string | number)[]; message: string };

const repeated = (names: readonly string[]): string[] =>
  names.filter((name, at) => names.indexOf(name) !== at);

function signatureFaults({ features, signature, task }: ModelSpec): Fault[] {
  const faults: Fault[] = [];
  const byName = new Map(features.map((feature) => [feature.name, feature]));
  signature.inputs.forEach((tensor, at) => {
    tensor.columns.forEach((column, columnAt) => {
      const path = ['signature', 'inputs', at, 'columns', columnAt];
      const name = typeof column === 'string' ? column : column.feature;
      const feature = byName.get(name);
      if (!feature) return void faults.push({ path, message: `no feature is named "${name}"` });
      if (feature.kind === 'identifier')
        return void faults.push({
          path,
          message: `"${name}" is an identifier, which a model must not learn`,
        });
      if (feature.log === 'hash' || feature.log === 'omit')
        faults.push({
          path,
          message: `"${name}" is logged as "${feature.log}", so it cannot be a model input: use "sealed"`,
        });
      const wanted = feature.kind === 'category' ? 'BYTES' : 'FP32';
      if (tensor.datatype !== wanted)
        faults.push({
          path,
          message: `a ${feature.kind} feature goes into a ${wanted} tensor, not ${tensor.datatype}`,
        });
      if ((feature.kind === 'timestamp') !== (typeof column === 'object'))
        faults.push({ path, message: `write { feature, part } for timestamps, and only for them` });
    });
  });
  const outputs = signature.outputs.flatMap((tensor) => tensor.columns);
  const asked =
    task.kind === 'regression'
      ? [task.prediction, ...task.quantiles.map((quantile) => quantile.column)]
      : [task.score];
  for (const column of asked)
    if (!outputs.includes(column))
      faults.push({ path: ['task'], message: `no output column is named "${column}"` });
  for (const name of repeated(
    [...signature.inputs, ...signature.outputs].map((tensor) => tensor.name),
  ))
    faults.push({ path: ['signature'], message: `two tensors are named "${name}"` });
  for (const name of repeated(outputs))
    faults.push({ path: ['signature', 'outputs'], message: `two columns are named "${name}"` });
  return faults;
}

/** Whether a hash in place of the value is still one that the feature may have. */
const canBeHashed = (feature: Feature): boolean =>
  feature.kind === 'identifier' || (feature.kind === 'category' && feature.unknown === 'missing');

function featureFaults({ features, task, entityKeys }: ModelSpec): Fault[] {
  const names = features.map((feature) => feature.name);
  const faults: Fault[] = repeated(names).map((name) => ({
    path: ['features'],
    message: `two features are named "${name}"`,
  }));
  features.forEach((feature, at) => {
    if ((task.kind === 'ranking') !== (feature.of !== undefined))
      faults.push({
        path: ['features', at, 'of'],
        message: 'say "query" or "item" for ranking, and only there',
      });
    if (feature.log === 'hash' && !canBeHashed(feature))
      faults.push({
        path: ['features', at, 'log'],
        message: `a dataset could not take the hash in place of the ${feature.kind}: only identifiers, and categories whose unknown values are "missing", can be logged as "hash"; use "omit"`,
      });
    if (feature.kind === 'number' && feature.range.minimum > feature.range.maximum)
      faults.push({ path: ['features', at, 'range'], message: 'minimum is above maximum' });
  });
  for (const key of entityKeys)
    if (!names.includes(key))
      faults.push({ path: ['entityKeys'], message: `no feature is named "${key}"` });
  const queryKey =
    task.kind === 'ranking' ? features.find(({ name }) => name === task.queryKey) : undefined;
  if (queryKey && queryKey.kind !== 'identifier')
    faults.push({
      path: ['task', 'queryKey'],
      message: `"${queryKey.name}" names queries, so it must be an identifier, not a ${queryKey.kind}`,
    });
  if (task.kind === 'classification' && typeof task.cost.falseNegative === 'object') {
    const { feature } = task.cost.falseNegative;
    const message = whyNoValue(
      feature,
      features.find(({ name }) => name === feature),
    );
    if (message !== undefined)
      faults.push({ path: ['task', 'cost', 'falseNegative', 'feature'], message });
  }
  return faults;
}

/** A miss whose value nobody can look up later would cost nothing. */
function whyNoValue(name: string, feature: Feature | undefined): string | undefined {
  if (feature?.kind !== 'number') return `no number feature is named "${name}"`;
  if (feature.log !== 'plain')
    return `"${name}" is not in the log in plain, so a miss could not be valued: it is logged as "${feature.log}"`;
  if (!feature.required)
    return `"${name}" may be missing, so a miss could not be valued: require it`;
  return undefined;
}

function objectiveFaults({ objectives }: ModelSpec['monitoring']): Fault[] {
  return objectives.flatMap(({ metric, periods }, at): Fault[] => {
    const path = ['monitoring', 'objectives', at];
    // Alarms are named by their metric, and a ticket must say which of two thresholds it is about.
    const isSecond = objectives.findIndex((each) => each.metric === metric) < at;
    return [
      ...(isSecond
        ? [{ path: [...path, 'metric'], message: `"${metric}" has an objective already` }]
        : []),
      ...(periods.missed > periods.of
        ? [{ path: [...path, 'periods'], message: 'missed is above of' }]
        : []),
    ];
  });
}

function metricFaults({ task, monitoring, promotion }: ModelSpec): Fault[] {
  const known: readonly string[] = [...METRICS_OF_TASK[task.kind], ...SERVICE_METRICS];
  const named: Fault[] = [];
  const check = (metric: string, path: (string | number)[]) => {
    if (!known.includes(metric))
      named.push({
        path,
        message: `"${metric}" is no metric of ${task.kind}; there are: ${known.join(', ')}`,
      });
  };
  monitoring.objectives.forEach(({ metric }, at) => {
    check(metric, ['monitoring', 'objectives', at, 'metric']);
  });
  named.push(...objectiveFaults(monitoring));
  promotion.steps.forEach((step, at) => {
    const path = ['promotion', 'steps', at];
    if ('gates' in step) for (const gate of step.gates) check(gate.metric, [...path, 'gates']);
    if ('guardrails' in step)
      for (const guardrail of step.guardrails) check(guardrail.metric, [...path, 'guardrails']);
    if (step.kind === 'ab') check(step.metric, [...path, 'metric']);
    if (step.kind === 'ab' && step.minimumDays > step.maximumDays)
      named.push({ path, message: 'minimumDays is above maximumDays' });
    if (
      step.kind === 'pilot' &&
      step.ramp.some(
        ({ exposurePercent }, r) => exposurePercent < (step.ramp[r - 1]?.exposurePercent ?? 0),
      )
    )
      named.push({
        path: [...path, 'ramp'],
        message: 'exposure only grows: a ramp never goes down',
      });
  });
  if (monitoring.outcomes.maturityHours > monitoring.outcomes.horizonHours)
    named.push({
      path: ['monitoring', 'outcomes'],
      message: 'maturityHours is above horizonHours',
    });
  return named;
}

type Values = z.infer<typeof Instance>;

/** What is wrong with one object of an example, as the serving function would say it. */
function instanceFaults(
  values: Values,
  features: readonly Feature[],
  path: Fault['path'],
): Fault[] {
  const names = features.map(({ name }) => name);
  const unknown = Object.keys(values)
    .filter((name) => !names.includes(name))
    .map((name) => ({ path: [...path, name], message: 'no such feature belongs here' }));
  const missing = features
    .filter(({ name, required }) => required && (values[name] ?? null) === null)
    .map(({ name }) => ({ path: [...path, name], message: 'required, and not given' }));
  return [...unknown, ...missing];
}

function requestFaults(
  { task, features }: ModelSpec,
  request: ModelSpec['example'],
  path: Fault['path'],
): Fault[] {
  if ('items' in request !== (task.kind === 'ranking'))
    return [{ path, message: 'ranking wants { query, items }, other tasks { instances }' }];
  if ('instances' in request)
    return request.instances.flatMap((each, at) =>
      instanceFaults(each, features, [...path, 'instances', at]),
    );
  const of = (side: 'query' | 'item') => features.filter((feature) => feature.of === side);
  return [
    ...instanceFaults(request.query, of('query'), [...path, 'query']),
    ...request.items.flatMap(({ id, ...item }, at) => [
      ...(id === undefined
        ? [{ path: [...path, 'items', at, 'id'], message: 'required, and not given' }]
        : []),
      ...instanceFaults(item, of('item'), [...path, 'items', at]),
    ]),
  ];
}

const exampleFaults = (spec: ModelSpec): Fault[] => [
  ...requestFaults(spec, spec.example, ['example']),
  ...spec.edgeCases.flatMap((each, at) => requestFaults(spec, each, ['edgeCases', at])),
];

export const ModelSpec = ModelSpecShape.check(
  z.superRefine((spec, context) => {
    const faults = [
      ...featureFaults(spec),
      ...signatureFaults(spec),
      ...metricFaults(spec),
      ...planFaults(spec),
      ...exampleFaults(spec),
      ...misorderedSteps(spec.promotion).map((message) => ({
        path: ['promotion', 'steps'],
        message,
      })),
    ];
    for (const fault of faults) context.addIssue({ code: 'custom', input: spec, ...fault });
  }),
);

/** @throws an Error that lists every fault with its path. @param source where the value was read, for the message. */
export function parseModelSpec(value: unknown, source: string): ModelSpec {
  const parsed = ModelSpec.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(
    `${source} is not a model spec:\n  ${explainIssues(parsed.error.issues).join('\n  ')}`,
  );
}
