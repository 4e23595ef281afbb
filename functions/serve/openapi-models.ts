import type { Feature } from '../contracts/feature.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Task } from '../contracts/task.ts';
import {
  AT_THE_DOOR,
  type JsonObject,
  jsonContent,
  OF_A_BODY,
  objectOf,
  ref,
  responsesOf,
} from './openapi-parts.ts';

type Classification = Extract<Task, { kind: 'classification' }>;

/** `delivery-time` is `DeliveryTime` among the schemas. */
const schemaName = (model: string): string =>
  model
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

const unit: JsonObject = {
  type: 'string',
  minLength: 1,
  maxLength: LIMITS.unitCharacters,
  description:
    'What is assigned to an arm of a trial and stays there. Without it the champion answers.',
};

const answered = ({ name }: ModelSpec): Record<string, JsonObject> => ({
  predictionId: { type: 'string', description: 'Report the outcome under this id.' },
  model: { type: 'string', const: name },
  version: { type: 'string', pattern: '^[1-9][0-9]{0,9}$' },
  arm: { type: 'string', enum: ['champion', 'challenger', 'pinned'] },
});

const rowsOf = (items: JsonObject): JsonObject => ({
  type: 'array',
  minItems: 1,
  maxItems: LIMITS.rowsPerRequest,
  items,
});

function featureSchema(feature: Feature): JsonObject {
  const described = { description: feature.description };
  switch (feature.kind) {
    case 'number':
      return {
        type: 'number',
        ...feature.range,
        ...described,
        description: `${feature.description} Unit: ${feature.unit}.`,
        'x-unit': feature.unit,
      };
    case 'category':
      return feature.unknown === 'refuse'
        ? { type: 'string', enum: feature.values, ...described }
        : {
            type: 'string',
            maxLength: LIMITS.stringElementBytes,
            examples: feature.values,
            ...described,
          };
    case 'boolean':
      return { type: 'boolean', ...described };
    case 'timestamp':
      return { type: 'string', format: 'date-time', ...described };
    case 'identifier':
      return { type: ['string', 'integer'], ...described };
    default:
      return described;
  }
}

/** JSON Schema 2020-12 lists null beside the type, and among the values of an enum. */
const orNull = (schema: JsonObject): JsonObject => ({
  ...schema,
  type: Array.isArray(schema['type'])
    ? [...schema['type'], 'null']
    : [schema['type'] ?? '', 'null'],
  ...(Array.isArray(schema['enum']) && { enum: [...schema['enum'], null] }),
});

const instanceSchema = (
  features: readonly Feature[],
  more: Readonly<Record<string, JsonObject>> = {},
): JsonObject =>
  objectOf(
    {
      ...more,
      ...Object.fromEntries(
        features.map((feature) => {
          const schema = featureSchema(feature);
          return [feature.name, feature.required ? schema : orNull(schema)];
        }),
      ),
    },
    features.filter(({ required }) => !required).map(({ name }) => name),
  );

const itemId: JsonObject = {
  type: ['string', 'integer'],
  description: 'Comes back in the answer; no two items may share it.',
};

function columnDescription({ task }: ModelSpec, column: string): string {
  if (task.kind === 'regression') {
    if (column === task.prediction) return `Predicted ${task.label}, in ${task.unit}.`;
    const quantile = task.quantiles.find((each) => each.column === column);
    if (quantile) return `Quantile ${quantile.level} of ${task.label}, in ${task.unit}.`;
  } else if (column === task.score)
    return task.kind === 'classification'
      ? `Probability of "${task.classes[1]}".`
      : 'What the items are sorted by, highest first.';
  return 'Further output of the model.';
}

const columnSchema = (spec: ModelSpec, column: string): JsonObject => ({
  type: ['number', 'null'],
  description: columnDescription(spec, column),
});

function predictionSchema(spec: ModelSpec): JsonObject {
  const columns = spec.signature.outputs.flatMap((tensor) => tensor.columns);
  const { task } = spec;
  return objectOf(
    {
      ...Object.fromEntries(columns.map((column) => [column, columnSchema(spec, column)])),
      ...(task.kind === 'classification' && {
        decision: {
          type: ['string', 'null'],
          enum: [...task.classes, null],
          description: `"${task.classes[1]}" from a probability of ${task.threshold} on.`,
        },
        ...(task.positiveHidesOutcome && { isAcceptedAtRandom: acceptedAtRandom(task) }),
      }),
    },
    ['isAcceptedAtRandom'],
  );
}

const acceptedAtRandom = ({ classes: [accepted, declined] }: Classification): JsonObject => ({
  type: 'boolean',
  const: true,
  description: `Present where a test decided "${accepted}" by lot, whatever the probability: what comes of it shows what declining "${declined}" is worth, if it is really let through.`,
});

const rankedSchema = (spec: ModelSpec, score: string): JsonObject =>
  objectOf({
    id: itemId,
    [score]: columnSchema(spec, score),
    rank: { type: 'integer', minimum: 1, description: '1 is best.' },
  });

/** Schemas of one model's bodies, by name. */
export function modelSchemas(spec: ModelSpec): Record<string, JsonObject> {
  const name = schemaName(spec.name);
  const { features, task } = spec;
  if (task.kind !== 'ranking')
    return {
      [`${name}Request`]: objectOf({ unit, instances: rowsOf(ref(`${name}Instance`)) }, ['unit']),
      [`${name}Instance`]: instanceSchema(features),
      [`${name}Answer`]: objectOf({
        ...answered(spec),
        predictions: { type: 'array', items: predictionSchema(spec) },
      }),
    };
  const given = (of: Feature['of']) => features.filter((feature) => feature.of === of);
  return {
    [`${name}Request`]: objectOf(
      { unit, query: ref(`${name}Query`), items: rowsOf(ref(`${name}Item`)) },
      ['unit'],
    ),
    [`${name}Query`]: instanceSchema(given('query')),
    [`${name}Item`]: instanceSchema(given('item'), { id: itemId }),
    [`${name}Answer`]: objectOf({
      ...answered(spec),
      items: { type: 'array', items: rankedSchema(spec, task.score) },
    }),
  };
}

/** The named-feature path of one model. */
export function modelPaths(spec: ModelSpec): Record<string, JsonObject> {
  const name = schemaName(spec.name);
  const verb = spec.task.kind === 'ranking' ? 'rank' : 'predict';
  return {
    [`/v1/models/${spec.name}/${verb}`]: {
      post: {
        operationId: `${verb}${name}`,
        tags: [spec.name],
        summary: spec.description,
        security: [{ apiKey: [] }],
        requestBody: {
          required: true,
          content: jsonContent(ref(`${name}Request`), spec.example),
        },
        responses: responsesOf(
          [200, verb === 'rank' ? 'The items, best first.' : 'A prediction for each instance.'],
          jsonContent(ref(`${name}Answer`)),
          [...OF_A_BODY, ...AT_THE_DOOR, 405, 500, 503],
        ),
      },
    },
  };
}
