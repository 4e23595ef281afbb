import * as z from 'zod/mini';
import { Instant } from './instant.ts';
import { ShadowComparison } from './shadow-comparison.ts';

export const LoggedTensor = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.int()),
  /** Row-major; null where a float is not finite, text where an integer needs more than 53 bits. */
  data: z.array(z.union([z.number(), z.string(), z.null()])),
});
export type LoggedTensor = z.infer<typeof LoggedTensor>;

/** `pinned`: the caller named the version, so nothing was assigned. */
export const Arm = z.enum(['champion', 'challenger', 'pinned']);
export type Arm = z.infer<typeof Arm>;

const Fields = z.record(z.string(), z.unknown());

/** What was asked, as the caller wrote it, without what must not be logged. */
export const AskedLine = z.discriminatedUnion('api', [
  z.object({ api: z.literal('predict'), instances: z.array(Fields) }),
  z.object({ api: z.literal('rank'), query: Fields, items: z.array(Fields) }),
  z.object({ api: z.literal('infer'), inputs: z.array(LoggedTensor) }),
]);
export type AskedLine = z.infer<typeof AskedLine>;

/** The sealed features of a request, in the shape of `asked`: what `restoreSealed` puts back. */
export const SealedFields = z.discriminatedUnion('api', [
  z.object({ api: z.literal('predict'), instances: z.array(Fields) }),
  z.object({ api: z.literal('rank'), query: Fields, items: z.array(Fields) }),
  z.object({
    api: z.literal('infer'),
    columns: z.array(
      z.object({
        input: z.string(),
        column: z.int(),
        width: z.int(),
        /** One a row. */
        values: LoggedTensor.shape.data,
      }),
    ),
  }),
]);
export type SealedFields = z.infer<typeof SealedFields>;

/** AES-256-GCM under a data key of KMS, bound to the prediction's id; each part in base64. */
export const Sealed = z.object({
  /** The data key, encrypted by KMS. */
  dataKey: z.string(),
  iv: z.string(),
  /** Ends in the 16 bytes of the authentication tag. */
  ciphertext: z.string(),
});
export type Sealed = z.infer<typeof Sealed>;

/** What KMS binds data keys of the prediction log to; policies of roles ask for it. */
export const sealingContext = (model: string) => ({ purpose: 'prediction-log', model });

/** One text for the whole stage, so that a card hashes alike whichever model is asked about it. */
export const HASH_PURPOSE = 'slipway log hash';

/** The text whose keyed hash stands in the log for a value. */
export const hashedText = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

/** The log line of one answered request: everything that is ever known of a prediction starts here. */
export const PredictionLine = z.object({
  kind: z.literal('prediction'),
  predictionId: z.string(),
  /** The caller's own id of the request. */
  requestId: z.optional(z.string()),
  at: Instant,
  model: z.string(),
  version: z.string(),
  digest: z.string(),
  arm: Arm,
  /** The arm that the unit's hash gave; differs from `arm` where the challenger failed. Absent unless enrolled. */
  assigned: z.optional(z.enum(['champion', 'challenger'])),
  /** Id of the running promotion; absent when there is none. */
  promotion: z.optional(z.string()),
  isEnrolled: z.boolean(),
  /** Hashed where the spec says so. */
  unit: z.optional(z.string()),
  /** API key id or ARN: only it may report outcomes. */
  caller: z.string(),
  routeEpoch: z.int(),
  rows: z.int(),
  /** From the request's arrival to its answer. */
  latencyMs: z.number(),
  asked: AskedLine,
  /** Features that were sent but are not in the log: the spec omits them, or no key was to be had. */
  withheld: z.array(z.string()),
  /** JSON of `SealedFields`. */
  sealed: z.optional(Sealed),
  outputs: z.array(LoggedTensor),
  /**
   * Chance of each row that its outcome is seen, where a positive decision hides it: 1 where the row was
   * decided negative, the share where it was accepted at random, 0 where it stays declined. Absent of
   * tensors: no decision is told there, so what was declined is known to the caller alone.
   */
  propensities: z.optional(z.array(z.number().check(z.gte(0), z.lte(1)))),
  /** Versions that should have answered and did not, in the order they were tried. */
  failures: z.optional(z.array(z.object({ version: z.string(), arm: Arm }))),
  /** Whether the shadow runs this request: through the champion if it is enrolled, else the challenger. */
  isShadowed: z.boolean(),
});
export type PredictionLine = z.infer<typeof PredictionLine>;

/** One piece of a line that is too long for a log event; the pieces of `id` in order make the line. */
export const LinePart = z.object({
  kind: z.literal('part'),
  id: z.string(),
  /** From 1. */
  part: z.int(),
  of: z.int(),
  isShadowed: z.boolean(),
  text: z.string(),
});
export type LinePart = z.infer<typeof LinePart>;

/** The text of a line from its parts, in any order and more than once each; undefined while one is missing. */
export function joinParts(parts: readonly LinePart[]): string | undefined {
  const texts = new Map(parts.map(({ part, text }) => [part, text]));
  if (parts.length === 0 || texts.size !== parts[0]?.of) return undefined;
  const inOrder = [...texts].toSorted(([a], [b]) => a - b);
  return inOrder.map(([, text]) => text).join('');
}

/** The log line of a request that was answered with 5xx. */
export const FailureLine = z.object({
  kind: z.literal('failure'),
  status: z.int(),
  at: Instant,
  model: z.string(),
  caller: z.string(),
  latencyMs: z.number(),
  /** Of an enrolled unit's request, so that the failure counts in its arm. */
  enrolment: z.optional(
    z.object({
      predictionId: z.string(),
      promotion: z.string(),
      unit: z.string(),
      assigned: z.enum(['champion', 'challenger']),
    }),
  ),
});
export type FailureLine = z.infer<typeof FailureLine>;

/**
 * The log line of a recorded request that was run once more, off the caller's path, or why it was not. Before
 * anybody is exposed the challenger runs it, which is compared; in an A/B test the champion runs those of
 * enrolled units in both arms, and its prediction on a unit's first request is the unit's covariate.
 */
export const ShadowLine = z.object({
  kind: z.literal('shadow'),
  predictionId: z.optional(z.string()),
  at: Instant,
  model: z.string(),
  promotion: z.optional(z.string()),
  version: z.optional(z.string()),
  outputs: z.optional(z.array(LoggedTensor)),
  failure: z.optional(z.object({ message: z.string() })),
  reason: z.optional(z.string()),
  /** Of the recorded request. */
  requestedAt: z.optional(Instant),
  unit: z.optional(z.string()),
  comparison: z.optional(ShadowComparison),
  covariate: z.optional(z.number()),
});
export type ShadowLine = z.infer<typeof ShadowLine>;

/** Puts opened values back where they were taken from. @throws where the two are of different requests. */
export function restoreSealed(asked: AskedLine, fields: SealedFields): AskedLine {
  if (asked.api === 'predict' && fields.api === 'predict')
    return { ...asked, instances: mergeEach(asked.instances, fields.instances) };
  if (asked.api === 'rank' && fields.api === 'rank')
    return {
      ...asked,
      query: { ...asked.query, ...fields.query },
      items: mergeEach(asked.items, fields.items),
    };
  if (asked.api === 'infer' && fields.api === 'infer')
    return { ...asked, inputs: asked.inputs.map((input) => restoreColumns(input, fields.columns)) };
  throw new Error(`sealed fields of "${fields.api}" do not belong to a request of "${asked.api}"`);
}

type Values = Record<string, unknown>;

const mergeEach = (kept: readonly Values[], sealed: readonly Values[]): Values[] =>
  kept.map((fields, at) => ({ ...fields, ...sealed[at] }));

type SealedColumn = Extract<SealedFields, { api: 'infer' }>['columns'][number];

function restoreColumns(input: LoggedTensor, columns: readonly SealedColumn[]): LoggedTensor {
  const data = [...input.data];
  for (const { input: name, column, width, values } of columns)
    if (name === input.name)
      values.forEach((value, row) => {
        data[row * width + column] = value;
      });
  return { ...input, data };
}
