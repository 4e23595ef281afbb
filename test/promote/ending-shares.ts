import { type SeededRandom, seededRandom } from '../../functions/measures/seeded-random.ts';

/** Shares of the ways in which so many seeded simulations end. */
export function endingShares(
  count: number,
  name: string,
  simulate: (random: SeededRandom) => string,
): Record<string, number> {
  const random = seededRandom(20_261_127, name);
  const shares: Record<string, number> = {};
  for (let each = 0; each < count; each++) {
    const ending = simulate(random);
    shares[ending] = (shares[ending] ?? 0) + 1 / count;
  }
  return shares;
}
