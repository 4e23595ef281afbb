import { BASIS_POINTS, bucketOf } from './assignment.ts';
import type { Prediction } from './named-answer.ts';

/** A share of the declined rows that is accepted all the same, so that their outcomes are seen. */
export interface RandomAcceptance {
  readonly promotion: string;
  /** In 1/10,000. */
  readonly basisPoints: number;
}

/**
 * Whether a declined row is accepted: by a hash of its own, which the arm, the unit and the score are no part
 * of, and which anybody can draw again from the log.
 */
export const isAccepted = (
  { promotion, basisPoints }: RandomAcceptance,
  predictionId: string,
  row: number,
): boolean => bucketOf(`${promotion}/accept`, `${predictionId}/${row}`) < basisPoints;

/**
 * Turns the decision of the declined rows that are drawn, and marks them.
 * @param classes the negative one first.
 * @param acceptance absent where nobody is accepted at random.
 * @returns the chance of each row that its outcome is seen.
 */
export function acceptSome(
  predictions: readonly Prediction[],
  [accepted, declined]: readonly [string, string],
  acceptance: RandomAcceptance | undefined,
  predictionId: string,
): number[] {
  return predictions.map((prediction, row) => {
    if (prediction['decision'] !== declined) return 1;
    if (!acceptance || !isAccepted(acceptance, predictionId, row)) return 0;
    prediction['decision'] = accepted;
    prediction['isAcceptedAtRandom'] = true;
    return acceptance.basisPoints / BASIS_POINTS;
  });
}
