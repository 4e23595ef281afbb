import * as z from 'zod/mini';
import { Instant } from './instant.ts';

const LoggedTensor = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.int()),
  /** Row-major; null where a float is not finite, text where an integer needs more than 53 bits. */
  data: z.array(z.union([z.number(), z.string(), z.null()])),
});
export type LoggedTensor = z.infer<typeof LoggedTensor>;

const Fields = z.record(z.string(), z.unknown());

/** What was asked, as the caller wrote it, without what must not be logged. */
const AskedLine = z.discriminatedUnion('api', [
  z.object({ api: z.literal('predict'), instances: z.array(Fields) }),
  z.object({ api: z.literal('rank'), query: Fields, items: z.array(Fields) }),
  z.object({ api: z.literal('infer'), inputs: z.array(LoggedTensor) }),
]);
export type AskedLine = z.infer<typeof AskedLine>;

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
  arm: z.enum(['champion', 'challenger', 'pinned']),
  /** Id of the running promotion; absent when there is none. */
  promotion: z.optional(z.string()),
  isEnrolled: z.boolean(),
  unit: z.optional(z.string()),
  /** API key id or ARN: only it may report outcomes. */
  caller: z.string(),
  routeEpoch: z.int(),
  rows: z.int(),
  asked: AskedLine,
  /** Features that were sent but are not in `asked`, because the spec keeps them out of the log. */
  withheld: z.array(z.string()),
  outputs: z.array(LoggedTensor),
  /** Whether the shadow function is to run this request through the challenger. */
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
