import { describe, expect, test } from 'vitest';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import {
  ChampionRequestBody,
  RegisterRequest,
  UploadRequest,
} from '../../functions/promote/operator-requests.ts';
import { DecisionBody, ReasonBody, StartBody } from '../../functions/promote/promotion-requests.ts';
import { compileInferenceReader } from '../../functions/serve/inference-request.ts';
import { compileInstanceReader } from '../../functions/serve/named-request.ts';
import { openApiDocument } from '../../functions/serve/openapi.ts';
import { describeSignature } from '../../functions/serve/signature-tensors.ts';
import { aDecliningModel } from '../builders/declining-model.ts';

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

const document = openApiDocument([deliveryTime, searchRanking, cardFraud], 'https://api.test/prod');

/** The value below a JSON pointer's names, or undefined. */
const at = (...names: readonly string[]): unknown =>
  names.reduce<unknown>((value, name) => (isFields(value) ? value[name] : undefined), document);
const fieldsAt = (...names: readonly string[]): Fields => {
  const found = at(...names);
  if (!isFields(found)) throw new Error(`nothing at ${names.join(' ')}`);
  return found;
};

const refsIn = (value: unknown): string[] =>
  isFields(value)
    ? Object.entries(value).flatMap(([name, each]) =>
        name === '$ref' && typeof each === 'string' ? [each] : refsIn(each),
      )
    : [];

const operations = Object.entries(fieldsAt('paths')).flatMap(([path, item]) =>
  isFields(item)
    ? Object.entries(item).map(([method, operation]) => ({
        path,
        method,
        operation: isFields(operation) ? operation : {},
      }))
    : [],
);
const exampleAt = (path: string, method = 'post'): unknown =>
  at('paths', path, method, 'requestBody', 'content', 'application/json', 'example');
const bytesAt = (path: string): Buffer => Buffer.from(JSON.stringify(exampleAt(path)));

describe('the document', () => {
  test('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
    expect(document['openapi']).toBe('3.1.0');
    expect(document['servers']).toEqual([{ url: 'https://api.test/prod' }]);
  });

  test('resolves every reference, and uses every schema and refusal', () => {
    const refs = new Set(refsIn(document));
    expect([...refs].filter((ref) => at(...ref.slice(2).split('/')) === undefined)).toEqual([]);
    const defined = ['schemas', 'responses'].flatMap((kind) =>
      Object.keys(fieldsAt('components', kind)).map((name) => `#/components/${kind}/${name}`),
    );
    expect(defined.filter((name) => !refs.has(name))).toEqual([]);
  });

  test('lists the paths of callers and operators', () => {
    expect(operations.map(({ path, method }) => `${method} ${path}`)).toEqual([
      'post /v1/models/delivery-time/predict',
      'post /v1/models/search-ranking/rank',
      'post /v1/models/card-fraud/predict',
      'get /v2',
      'get /v2/health/live',
      'get /v2/health/ready',
      'get /v2/models',
      'get /v2/models/{model}',
      'get /v2/models/{model}/ready',
      'post /v2/models/{model}/infer',
      'get /v2/models/{model}/versions/{version}',
      'get /v2/models/{model}/versions/{version}/ready',
      'post /v2/models/{model}/versions/{version}/infer',
      'post /v1/outcomes',
      'get /v1/records/{predictionId}',
      'post /v1/records/redrive',
      'post /v1/versions/{model}/uploads',
      'post /v1/versions/{model}',
      'get /v1/versions/{model}',
      'get /v1/versions/{model}/{version}',
      'post /v1/versions/{model}/{version}/retire',
      'get /v1/routes/{model}',
      'put /v1/routes/{model}',
      'post /v1/promotions/{model}',
      'get /v1/promotions/{model}',
      'get /v1/promotions/{model}/ideas',
      'get /v1/promotions/{model}/{promotionId}',
      'get /v1/promotions/{model}/{promotionId}/looks',
      'post /v1/promotions/{model}/{promotionId}/decide',
      'post /v1/promotions/{model}/{promotionId}/abort',
      'post /v1/promotions/{model}/{promotionId}/override',
      'post /v1/routes/{model}/rollback',
      'post /v1/datasets/{model}/uploads',
      'post /v1/datasets/{model}/uploads/{uploadId}/complete',
      'post /v1/datasets/{model}',
      'get /v1/datasets/{model}',
      'get /v1/datasets/{model}/imports/{importId}',
      'post /v1/datasets/{model}/snapshots',
      'get /v1/datasets/{model}/snapshots/{snapshotId}',
      'get /v1/datasets/{model}/{digest}',
      'get /v1/datasets/{model}/{digest}/profile',
      'get /v1/datasets/{model}/{digest}/rows',
      'get /v1/datasets/{model}/{digest}/diff/{otherDigest}',
      'get /v1/datasets/{model}/pointers/{pointer}',
      'put /v1/datasets/{model}/pointers/{pointer}',
      'get /v1/datasets/{model}/baselines',
      'get /v1/datasets/{model}/pointers/{pointer}/moves',
    ]);
  });

  test('describes a refusal as the shape every error has', () => {
    expect(Object.keys(fieldsAt('components', 'schemas', 'Error', 'properties'))).toEqual([
      'error',
      'code',
      'details',
    ]);
  });
});

describe('every operation', () => {
  test.each(operations)(
    '$method $path has what a client generator needs',
    ({ path, operation }) => {
      const responses = isFields(operation['responses']) ? operation['responses'] : {};
      expect(Object.keys(responses).some((status) => status.startsWith('2'))).toBe(true);
      expect(Object.keys(responses)).toContain('429');
      expect(operation['summary']).toMatch(/\.$/);
      const given: readonly unknown[] = Array.isArray(operation['parameters'])
        ? operation['parameters']
        : [];
      const inPath = given.filter(isFields).filter((each) => each['in'] === 'path');
      expect(inPath.map(({ name }) => `{${String(name)}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      const [security] = Array.isArray(operation['security']) ? operation['security'] : [];
      expect(Object.keys(security)).toEqual([
        /^\/v1\/(versions|routes|promotions|datasets|records)/.test(path) ? 'sigv4' : 'apiKey',
      ]);
    },
  );

  test('has an id of its own', () => {
    const ids = operations.map(({ operation }) => operation['operationId']);
    expect(new Set(ids).size).toBe(operations.length);
  });
});

describe('a named-feature path', () => {
  test('has the features of the spec, with units, ranges and values', () => {
    const { properties, required, additionalProperties } = fieldsAt(
      'components',
      'schemas',
      'DeliveryTimeInstance',
    );
    expect(additionalProperties).toBe(false);
    expect(required).toEqual(
      deliveryTime.features.filter((each) => each.required).map(({ name }) => name),
    );
    expect(properties).toMatchObject({
      orderId: { type: ['string', 'integer', 'null'] },
      orderedAt: { type: 'string', format: 'date-time' },
      distanceKm: { type: 'number', minimum: 0, maximum: 40, 'x-unit': 'km' },
      floor: { type: ['number', 'null'] },
      hasFrozenItems: { type: 'boolean' },
      vehicle: { type: 'string', examples: ['bicycle', 'scooter', 'car', 'van'] },
      zone: { enum: ['centre', 'north', 'east', 'south', 'west', 'outskirts'] },
    });
  });

  test('of a ranking parts the query from the items', () => {
    const names = (schema: string) =>
      Object.keys(fieldsAt('components', 'schemas', schema, 'properties'));
    expect(names('SearchRankingQuery')).toContain('searchedAt');
    expect(names('SearchRankingItem').slice(0, 2)).toEqual(['id', 'textMatch']);
    expect(at('components', 'schemas', 'SearchRankingItem', 'required', '0')).toBe('id');
  });

  test('of a classifier answers with the decision', () => {
    expect(
      at(
        ...['components', 'schemas', 'CardFraudAnswer', 'properties', 'predictions', 'items'],
        ...['properties', 'decision', 'enum'],
      ),
    ).toEqual(['legitimate', 'fraud', null]);
  });
});

describe('an example in the document is accepted', () => {
  test.each([deliveryTime, cardFraud])('by predict of $name', (spec) => {
    const { readPredict } = compileInstanceReader(spec);
    expect(readPredict(bytesAt(`/v1/models/${spec.name}/predict`), {}).rows).toBe(1);
  });

  test('by rank', () => {
    const { readRank } = compileInstanceReader(searchRanking);
    expect(readRank(bytesAt('/v1/models/search-ranking/rank'), {}).rows).toBe(3);
  });

  test('by infer', () => {
    const read = compileInferenceReader(describeSignature(deliveryTime.signature));
    expect(read(bytesAt('/v2/models/{model}/infer'), {}).unit).toBe('customer-7');
  });

  test('by the operator paths', () => {
    const bodies = [
      UploadRequest.safeParse(exampleAt('/v1/versions/{model}/uploads')),
      RegisterRequest.safeParse(exampleAt('/v1/versions/{model}')),
      ChampionRequestBody.safeParse(exampleAt('/v1/routes/{model}', 'put')),
      StartBody.safeParse(exampleAt('/v1/promotions/{model}')),
      DecisionBody.safeParse(exampleAt('/v1/promotions/{model}/{promotionId}/decide')),
      ReasonBody.safeParse(exampleAt('/v1/promotions/{model}/{promotionId}/abort')),
      ReasonBody.safeParse(exampleAt('/v1/promotions/{model}/{promotionId}/override')),
      ReasonBody.safeParse(exampleAt('/v1/routes/{model}/rollback')),
    ];
    expect(bodies.flatMap(({ error }) => error ?? [])).toEqual([]);
  });

  test('and no promotion is described with the token of its approval', () => {
    const approval = fieldsAt('components', 'schemas', 'Promotion', 'properties', 'approval');
    expect(JSON.stringify(approval)).not.toContain('token');
    expect(approval['required']).toEqual(['expiresAt']);
  });
});

test('who may be accepted at random is said of the models whose decision hides what comes of it', () => {
  const described = JSON.stringify(
    openApiDocument([aDecliningModel('cards')], 'https://api.test/prod'),
  );
  expect(described).toContain('"isAcceptedAtRandom"');
  expect(described).toContain('"required":["risk","decision"]');
  expect(JSON.stringify(document)).not.toContain('isAcceptedAtRandom');
});
