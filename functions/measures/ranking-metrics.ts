/** `linear`: gain = relevance; `exponential`: gain = 2^relevance − 1. Part of a metric's name. */
export type RankingGain = 'linear' | 'exponential';

export const gainOf = (relevance: number, gain: RankingGain): number =>
  gain === 'linear' ? relevance : 2 ** relevance - 1;

/** Weight of a position, the first being 0 (Järvelin and Kekäläinen 2002, base 2). */
export const discount = (rank: number): number => 1 / Math.log2(rank + 2);

/**
 * DCG@cutoff.
 * @param relevances of the items in the order served; ties of scores then cannot change the value.
 */
export function discountedGain(
  relevances: readonly number[],
  cutoff: number,
  gain: RankingGain,
): number {
  let sum = 0;
  for (let rank = 0; rank < Math.min(cutoff, relevances.length); rank++)
    sum += gainOf(relevances[rank] ?? 0, gain) * discount(rank);
  return sum;
}

/**
 * NDCG@cutoff against the best order of all items given, not only of those shown.
 * @returns undefined where no item is relevant: such a query says nothing about the order.
 */
export function normalisedGain(
  relevances: readonly number[],
  cutoff: number,
  gain: RankingGain,
): number | undefined {
  const best = relevances.toSorted((one, other) => other - one);
  const ideal = discountedGain(best, cutoff, gain);
  return ideal > 0 ? discountedGain(relevances, cutoff, gain) / ideal : undefined;
}

/** 1 / position of the first item of relevance 1 or more within the cutoff; 0 if there is none. */
export function reciprocalRank(relevances: readonly number[], cutoff = Infinity): number {
  const rank = relevances.findIndex((relevance) => relevance >= 1);
  return rank >= 0 && rank < cutoff ? 1 / (rank + 1) : 0;
}

/** Share of the first `cutoff` positions that hold an item of relevance 1 or more. */
export function precisionAt(relevances: readonly number[], cutoff: number): number {
  return relevances.slice(0, cutoff).filter((relevance) => relevance >= 1).length / cutoff;
}
