import * as z from 'zod/mini';
import { LIMITS } from '../contracts/limits.ts';

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

export const ref = (schema: string): JsonObject => ({ $ref: `#/components/schemas/${schema}` });

export const jsonContent = (schema: JsonObject, example?: Json): JsonObject => ({
  'application/json': { schema, ...(example !== undefined && { example }) },
});

/** A closed object: what is not optional is required. */
export const objectOf = (
  properties: Readonly<Record<string, JsonObject>>,
  optional: readonly string[] = [],
): JsonObject => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});

/** A page of a list, under the name of what it lists. */
export const pageOf = (name: string, items: string): JsonObject =>
  objectOf({
    [name]: { type: 'array', maxItems: LIMITS.pageSize, items: ref(items) },
    cursor: {
      type: ['string', 'null'],
      description: 'Give it as ?cursor= for the next page; null on the last one.',
    },
  });

/** Statuses other than success, each with its reason; all have the body `Error`. */
const REFUSALS = {
  400: 'The request is malformed; `details` names the path of each offending field.',
  403: 'The API key or the signature is missing or wrong.',
  404: 'There is no such model, version or path.',
  405: 'The path does not take this method; the header `allow` names the one it takes.',
  409: 'Somebody else changed it since it was read: read it again.',
  413: 'Request or reply is larger than 4.4 MB.',
  415: 'Content-Type or Content-Encoding is not taken.',
  422: 'The uploaded file cannot serve this model; `details` gives every reason.',
  429: 'Too many requests for this key.',
  500: 'The model failed at this request.',
  503: 'Not ready; retry after the seconds in `retry-after`.',
} as const;

/** The refusals any request can meet at the door, and those of reading a body. */
export const AT_THE_DOOR = [403, 404, 429] as const;
export const OF_A_BODY = [400, 413, 415] as const;

export const refusalComponents: JsonObject = Object.fromEntries(
  Object.entries(REFUSALS).map(([status, description]) => [
    `Refusal${status}`,
    { description, content: jsonContent(ref('Error')) },
  ]),
);

/** `responses` of an operation. @param success status and description. @param content of the success. */
export const responsesOf = (
  [status, description]: readonly [number, string],
  content: JsonObject,
  refusals: readonly (keyof typeof REFUSALS)[],
): JsonObject => ({
  [status]: { description, content },
  ...Object.fromEntries(
    refusals.map((refusal) => [refusal, { $ref: `#/components/responses/Refusal${refusal}` }]),
  ),
});

export const pathParameter = (name: string, schema: JsonObject): JsonObject => ({
  name,
  in: 'path',
  required: true,
  schema,
});

/** Without the pattern that zod adds to `format: date-time`, which is longer than the rest. */
export const schemaOf = (schema: z.core.$ZodType): JsonObject => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    },
  });
  return JSON.parse(JSON.stringify(rest));
};
