import * as z from 'zod/mini';
import { strictObject } from './strict-object.ts';

/**
 * What the prediction log keeps of a feature. `sealed` is for sensitive model inputs: encrypted, opened
 * only by named roles. `hash` and `omit` are for fields that are no model input.
 */
const LogPolicy = z.enum(['plain', 'sealed', 'hash', 'omit']);

const DESCRIBED = {
  name: z.string().check(z.regex(/^[a-zA-Z][a-zA-Z0-9]{0,39}$/)),
  description: z.string().check(z.minLength(1)),
  /** A required feature must be present and not null; any other is missing when absent or null. */
  required: z.boolean(),
  log: LogPolicy,
  /** Ranking only: does the caller give it once for the query, or for each item? */
  of: z.optional(z.enum(['query', 'item'])),
};

const NumberFeature = strictObject({
  kind: z.literal('number'),
  ...DESCRIBED,
  /** As the caller gives it: `km`, `minutes`, `EUR`, `count`. */
  unit: z.string().check(z.minLength(1)),
  /** Inclusive. A value outside is refused, never clipped. */
  range: strictObject({ minimum: z.number(), maximum: z.number() }),
});

const CategoryFeature = strictObject({
  kind: z.literal('category'),
  ...DESCRIBED,
  /** Values known when the spec was written; documentation, profile and drift bins start from them. */
  values: z.array(z.string().check(z.minLength(1), z.maxLength(100))).check(z.minLength(1)),
  /** `missing`: an unknown value reaches the model as it is and counts as unseen; `refuse`: 400. */
  unknown: z.enum(['missing', 'refuse']),
});

const BooleanFeature = strictObject({ kind: z.literal('boolean'), ...DESCRIBED });

/** RFC 3339 with an offset; the offset's wall clock is what `hour-of-day` and `day-of-week` mean. */
const TimestampFeature = strictObject({ kind: z.literal('timestamp'), ...DESCRIBED });

/** Names what the row is about (an order, a card); never a model input. */
const IdentifierFeature = strictObject({ kind: z.literal('identifier'), ...DESCRIBED });

export const Feature = z.discriminatedUnion('kind', [
  NumberFeature,
  CategoryFeature,
  BooleanFeature,
  TimestampFeature,
  IdentifierFeature,
]);
export type Feature = z.infer<typeof Feature>;

interface FeatureOptions {
  readonly required?: boolean;
  readonly log?: z.infer<typeof LogPolicy>;
}

/**
 * Writes features one a line, required and logged in plain unless said otherwise.
 * @param of for ranking: whether the caller gives them once for the query or for each item.
 */
export function featuresOf(of?: 'query' | 'item') {
  const described = (name: string, description: string, options: FeatureOptions = {}) => ({
    name,
    description,
    required: options.required ?? true,
    log: options.log ?? 'plain',
    ...(of && { of }),
  });
  return {
    number: (
      name: string,
      unit: string,
      [minimum, maximum]: readonly [number, number],
      description: string,
      options?: FeatureOptions,
    ): Feature => ({
      kind: 'number',
      ...described(name, description, options),
      unit,
      range: { minimum, maximum },
    }),
    category: (
      name: string,
      values: readonly string[],
      description: string,
      options: FeatureOptions & { readonly unknown?: 'missing' | 'refuse' } = {},
    ): Feature => ({
      kind: 'category',
      ...described(name, description, options),
      values: [...values],
      unknown: options.unknown ?? 'missing',
    }),
    boolean: (name: string, description: string, options?: FeatureOptions): Feature => ({
      kind: 'boolean',
      ...described(name, description, options),
    }),
    timestamp: (name: string, description: string, options?: FeatureOptions): Feature => ({
      kind: 'timestamp',
      ...described(name, description, options),
    }),
    identifier: (name: string, description: string, options?: FeatureOptions): Feature => ({
      kind: 'identifier',
      ...described(name, description, options),
    }),
  };
}
