import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { SmokeReply, SmokeRequest } from './smoke-client.ts';
import {
  binaryRequest,
  emptyRow,
  jsonRequest,
  readInference,
  type TensorDescription,
} from './smoke-tensors.ts';

/** What is asked, what must come, and what to do when it does not. */
export interface SmokeStep {
  readonly what: string;
  readonly request: SmokeRequest;
  readonly status: number;
  /** What is wrong with the reply, apart from its status. */
  readonly fault: (reply: SmokeReply) => string | undefined;
  readonly remedy: string;
}

type Journey = Generator<SmokeStep, void, SmokeReply>;

const CHECK_URL =
  'Check --api (the URL with the stage, as the deployment or npm start prints it) and --key (a key of a usage plan of that API).';
const NOT_READY =
  'Register a version and make it the champion (npm run operate). Right after a deployment wait a few seconds and try again; the log group /slipway/<stage>/serve/request/<model> says why a version does not open.';
const NOT_OURS =
  'This is not what this checkout of Slipway answers: deploy it again, or look into the log of the function behind the path.';
const OPEN_API =
  'The API lets in whom it should not: find out who changed its methods since the last deployment, and deploy again.';

const jsonOf = ({ body }: SmokeReply): unknown => JSON.parse(body.toString('utf8'));

/** Says what in the JSON of a reply is not as a schema has it. */
const unlike =
  (schema: z.ZodType) =>
  (reply: SmokeReply): string | undefined => {
    const parsed = schema.safeParse(jsonOf(reply));
    return parsed.success ? undefined : z.prettifyError(parsed.error);
  };

const get = (what: string, path: string, schema: z.ZodType, remedy: string): SmokeStep => ({
  what,
  request: { method: 'GET', path },
  status: 200,
  fault: unlike(schema),
  remedy,
});

const Instance = z.record(z.string(), z.unknown());
const Example = z.union([
  z.strictObject({ instances: z.array(Instance).min(1) }),
  z.strictObject({ query: Instance, items: z.array(Instance).min(1) }),
]);
const ApiDescription = z.looseObject({
  openapi: z.literal('3.1.0'),
  paths: z.record(z.string(), z.looseObject({ post: z.unknown().optional() })),
});
type ApiDescription = z.infer<typeof ApiDescription>;
const ModelList = z.looseObject({ models: z.array(z.string()).min(1) });
const Tensor = z.looseObject({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) });

/** A short walk through all that a caller can do; each step is given the reply to the one before. */
export function* smokeJourney(): Journey {
  const server = z.looseObject({ name: z.literal('slipway'), extensions: z.array(z.string()) });
  yield get('server metadata', '/v2', server, CHECK_URL);
  yield get('live', '/v2/health/live', z.looseObject({ live: z.literal(true) }), NOT_READY);
  yield get('ready', '/v2/health/ready', z.looseObject({ ready: z.literal(true) }), NOT_READY);
  const listed = yield get('list of models', '/v2/models', ModelList, NOT_OURS);
  const described = yield get('description of the API', '/openapi.json', ApiDescription, NOT_OURS);
  const { models } = ModelList.parse(jsonOf(listed));
  const api = ApiDescription.parse(jsonOf(described));
  for (const model of models) yield* modelSteps(model, api);
  yield* refusalSteps(models[0] ?? '', api);
}

function* modelSteps(model: string, api: ApiDescription): Journey {
  const Metadata = z.looseObject({
    name: z.literal(model),
    versions: z.array(z.string()).min(1),
    inputs: z.array(Tensor).min(1),
    outputs: z.array(Tensor).min(1),
  });
  const path = `/v2/models/${model}`;
  const metadata = yield get(`${model}: metadata`, path, Metadata, NOT_READY);
  const ready = z.looseObject({ name: z.literal(model), ready: z.literal(true) });
  yield get(`${model}: ready`, `${path}/ready`, ready, NOT_READY);
  yield exampleStep(model, api);
  const { inputs, outputs } = Metadata.parse(jsonOf(metadata));
  yield* tensorSteps(model, inputs, outputs);
}

/** The path of a model for named features, and the request that the API gives as its example. */
function exampleOf(model: string, { paths }: ApiDescription) {
  const operations = ['predict', 'rank'].map((verb) => `/v1/models/${model}/${verb}`);
  const path = operations.find((each) => each in paths) ?? '';
  const { requestBody } = z
    .looseObject({
      requestBody: z.looseObject({
        content: z.looseObject({ 'application/json': z.looseObject({ example: Example }) }),
      }),
    })
    .parse(paths[path]?.post);
  return { path, example: requestBody.content['application/json'].example };
}

function exampleStep(model: string, api: ApiDescription): SmokeStep {
  const { path, example } = exampleOf(model, api);
  const answered = {
    predictionId: z.string().min(1),
    model: z.literal(model),
    version: z.string().regex(/^[1-9][0-9]*$/),
    arm: z.enum(['champion', 'challenger']),
  };
  const schema =
    'instances' in example
      ? z.strictObject({
          ...answered,
          predictions: z.array(Instance).length(example.instances.length),
        })
      : z.strictObject({
          ...answered,
          items: z
            .array(z.looseObject({ rank: z.int() }))
            .length(example.items.length)
            .refine((items) => items.every(({ rank }, at) => rank === at + 1), {
              error: 'the items are not in the order of their ranks',
            }),
        });
  return {
    what: `${model}: ${path.split('/').at(-1) ?? ''} its example`,
    request: { method: 'POST', path, body: example },
    status: 200,
    fault: unlike(schema),
    remedy: NOT_READY,
  };
}

/** The same row three ways, which must be answered alike. */
function* tensorSteps(
  model: string,
  inputs: readonly TensorDescription[],
  outputs: readonly TensorDescription[],
): Journey {
  const row = emptyRow(inputs);
  const json = jsonRequest(row);
  const step = (
    what: string,
    request: Pick<SmokeRequest, 'headers' | 'body'>,
    fault: SmokeStep['fault'],
  ): SmokeStep => ({
    what: `${model}: infer, ${what}`,
    request: { method: 'POST', path: `/v2/models/${model}/infer`, ...request },
    status: 200,
    fault,
    remedy: NOT_OURS,
  });
  const first = yield step('JSON', { body: json }, (reply) => {
    const given = readInference(reply);
    const wanted = {
      model,
      outputs: emptyRow(outputs).map(({ name, shape }) => ({ name, shape })),
    };
    const found = { ...given, outputs: given.outputs.map(({ name, shape }) => ({ name, shape })) };
    return isDeepStrictEqual(found, wanted) ? undefined : differ(wanted, found);
  });
  const wanted = readInference(first);
  const otherThanFirst = (reply: SmokeReply): string | undefined => {
    const found = readInference(reply);
    return isDeepStrictEqual(found, wanted) ? undefined : differ(wanted, found);
  };
  yield step('binary tensors', binaryRequest(row), otherThanFirst);
  const bytes = Buffer.from(JSON.stringify(json));
  yield step('no Content-Type, no Accept', { body: bytes }, otherThanFirst);
}

const differ = (wanted: unknown, found: unknown): string =>
  `expected ${JSON.stringify(wanted)}, got ${JSON.stringify(found)}`;

const refusal = (code: string, details: z.ZodType = z.array(z.string())) =>
  unlike(z.strictObject({ error: z.string().min(1), code: z.literal(code), details }));

/** What must be refused, and in which words. */
function* refusalSteps(model: string, api: ApiDescription): Journey {
  const { path, example } = exampleOf(model, api);
  const [list, rows] =
    'instances' in example ? ['instances', example.instances] : ['items', example.items];
  const [first = {}, ...others] = rows;
  const field = Object.keys(first).find((name) => name !== 'id') ?? '';
  const spoilt = { ...example, [list]: [{ ...first, [field]: { no: 'value' } }, ...others] };
  const offending = z
    .array(z.string())
    .refine((details) => details.some((detail) => detail.startsWith(`${list}[0].${field}`)), {
      error: `no detail names ${list}[0].${field}`,
    });
  yield {
    what: 'a malformed request is refused with the path of the field',
    request: { method: 'POST', path, body: spoilt },
    status: 400,
    fault: unlike(z.looseObject({ details: offending })),
    remedy: NOT_OURS,
  };
  yield {
    what: 'a wrong key is refused',
    request: { method: 'GET', path: '/v2', key: 'no-key-of-this-api-0000000' },
    status: 403,
    fault: refusal('FORBIDDEN'),
    remedy: OPEN_API,
  };
  yield {
    what: 'an unknown model is not found',
    request: { method: 'GET', path: '/v2/models/no-such-model' },
    status: 404,
    fault: refusal('MODEL_NOT_FOUND'),
    remedy: NOT_OURS,
  };
}
