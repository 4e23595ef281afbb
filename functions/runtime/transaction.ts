import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import type { TransactWriteCommand } from '@aws-sdk/lib-dynamodb';

type Items = NonNullable<ConstructorParameters<typeof TransactWriteCommand>[0]['TransactItems']>;
/** One write of several that are made together or not at all. */
export type TransactItem = Items[number];

/** Whether a condition of a cancelled transaction did not hold, or another transaction was there first. */
export function isLostRace(error: unknown): boolean {
  const reasons =
    error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : [];
  return reasons.some(isRefusal);
}

/** The same of one of its items. */
export const isRefusal = (reason: { readonly Code?: string | undefined } | undefined): boolean =>
  reason?.Code === 'ConditionalCheckFailed' || reason?.Code === 'TransactionConflict';
