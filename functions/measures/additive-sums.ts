/**
 * Sufficient statistics: metrics of a task are quotients of sums, so windows, arms and segments merge by
 * addition. A metric that is undefined is absent, never 0.
 */
export type Sums<Name extends string> = Readonly<Record<Name, number>>;

/** Adds two sets of sums of the same kind. */
export function mergeSums<Name extends string>(one: Sums<Name>, other: Sums<Name>): Sums<Name> {
  const names = Object.keys(one) as Name[];
  return Object.fromEntries(names.map((name) => [name, one[name] + other[name]])) as Sums<Name>;
}

/** A quotient, absent where its denominator is 0. */
export const ratio = (numerator: number, denominator: number): number | undefined =>
  denominator === 0 ? undefined : numerator / denominator;
