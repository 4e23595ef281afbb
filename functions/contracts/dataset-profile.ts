import * as z from 'zod/mini';

const counts = z.array(z.int());

const DESCRIBED = {
  name: z.string(),
  role: z.enum(['feature', 'label', 'query', 'weight', 'arm', 'prediction']),
  unit: z.optional(z.string()),
  missing: z.int(),
};

const Quantile = z.object({ level: z.number(), value: z.number() });

const NumberProfile = z.object({
  kind: z.literal('number'),
  ...DESCRIBED,
  distinct: z.int(),
  /** Absent where every value is missing. */
  summary: z.optional(
    z.object({
      minimum: z.number(),
      maximum: z.number(),
      mean: z.number(),
      /** Of the rows, not of a population they are a sample of. */
      deviation: z.number(),
      quantiles: z.array(Quantile),
    }),
  ),
  /** Bins (−∞, e₁], (e₁, e₂] … (eₙ, ∞) and one for missing: frozen, so drift compares counts in them. */
  edges: z.array(z.number()),
  counts,
});

const CategoryProfile = z.object({
  kind: z.literal('category'),
  ...DESCRIBED,
  distinct: z.int(),
  /** Whether there were more values than are counted one by one. */
  isDistinctAtLeast: z.boolean(),
  /** Most frequent first. */
  top: z.array(z.object({ value: z.string(), count: z.int() })),
  /** Rows of every other value. */
  other: z.int(),
});

const BooleanProfile = z.object({
  kind: z.literal('boolean'),
  ...DESCRIBED,
  yes: z.int(),
  no: z.int(),
});

const TimestampProfile = z.object({
  kind: z.literal('timestamp'),
  ...DESCRIBED,
  /** As the rows write them; absent where every value is missing. */
  range: z.optional(z.object({ earliest: z.string(), latest: z.string() })),
  /** Rows in equal slices of the range. */
  counts,
});

const IdentifierProfile = z.object({
  kind: z.literal('identifier'),
  ...DESCRIBED,
  distinct: z.int(),
  isDistinctAtLeast: z.boolean(),
});

export const ColumnProfile = z.discriminatedUnion('kind', [
  NumberProfile,
  CategoryProfile,
  BooleanProfile,
  TimestampProfile,
  IdentifierProfile,
]);
export type ColumnProfile = z.infer<typeof ColumnProfile>;

/** What the rows of a dataset version look like, and the reference that drift is measured from. */
export const DatasetProfile = z.object({
  rows: z.int(),
  columns: z.array(ColumnProfile),
});
export type DatasetProfile = z.infer<typeof DatasetProfile>;
