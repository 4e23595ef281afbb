import * as z from 'zod/mini';
import { LIMITS } from './limits.ts';
import { strictObject } from './strict-object.ts';

/** What a caller calls an item of a ranking request. */
export const ItemId = z.union([
  z.string().check(z.minLength(1), z.maxLength(LIMITS.unitCharacters)),
  z.int(),
]);
export type ItemId = z.infer<typeof ItemId>;

/**
 * The ground truth of one row: a finite number for regression, one of the classes for classification,
 * `none`, `click` or `purchase` of one item for ranking.
 */
export const ReportedOutcome = strictObject({
  predictionId: z.string().check(z.minLength(1), z.maxLength(LIMITS.requestIdCharacters)),
  /** Row of the request, from 0; 0 when absent. Not for ranking. */
  row: z.optional(z.int().check(z.gte(0), z.lt(LIMITS.rowsPerRequest))),
  /** Ranking only: the item, as the request called it. */
  item: z.optional(ItemId),
  outcome: z.union([z.number(), z.string().check(z.maxLength(LIMITS.outcomeCharacters))]),
  /** When it came to be known, with an offset. Of two reports the later one holds. */
  observedAt: z.iso.datetime({ offset: true }),
});
export type ReportedOutcome = z.infer<typeof ReportedOutcome>;

/** What became of one reported outcome. */
export const OUTCOME_STATUSES = [
  /** Met its prediction. */
  'joined',
  /** Kept until its prediction is recorded, or its horizon passes. */
  'waiting',
  /** Known already, or older than what is known. */
  'duplicate',
  /** Replaced an older one; its score is restated. */
  'corrected',
  /** Not taken; `code` and `error` say why. Sending it again does not help. */
  'refused',
  /** Could not be written now. Send it again. */
  'failed',
] as const;
export type OutcomeStatus = (typeof OUTCOME_STATUSES)[number];

export const OUTCOME_REFUSALS = [
  'BAD_ITEM',
  'WRONG_TYPE',
  'IN_THE_FUTURE',
  'TOO_LATE',
  'NOT_YOURS',
  'ROW_OUT_OF_RANGE',
  'UNKNOWN_ITEM',
] as const;
export type OutcomeRefusal = (typeof OUTCOME_REFUSALS)[number];
