/**
 * Key of a ranking that was served. Callers ask about one search more than once, and each answer is a query of
 * its own.
 * @param ownKey the caller's id of the search; where there is none the prediction's stands alone.
 */
export const servedQueryKey = (ownKey: unknown, predictionId: string): string =>
  (typeof ownKey === 'string' && ownKey !== '') || typeof ownKey === 'number'
    ? `${ownKey}#${predictionId}`
    : predictionId;

/** The caller's id back: one search that two sets saw is the same entity in both. */
export const searchOf = (queryKey: string, predictionId: string): string => {
  const suffix = `#${predictionId}`;
  return queryKey.endsWith(suffix) ? queryKey.slice(0, -suffix.length) : queryKey;
};
