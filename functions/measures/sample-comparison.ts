type Values = ArrayLike<number>;

/** Walks two samples together: at every distinct value, how many of each lie at or below it. */
function eachStep(
  one: Float64Array,
  other: Float64Array,
  visit: (value: number, belowOne: number, belowOther: number) => void,
): void {
  let [i, j] = [0, 0];
  while (i < one.length || j < other.length) {
    const value = Math.min(
      one[i] ?? Number.POSITIVE_INFINITY,
      other[j] ?? Number.POSITIVE_INFINITY,
    );
    while (i < one.length && (one[i] ?? 0) <= value) i++;
    while (j < other.length && (other[j] ?? 0) <= value) j++;
    visit(value, i, j);
  }
}

const sorted = (values: Values): Float64Array => Float64Array.from(values).sort();

/** Largest gap between two empirical distribution functions (Kolmogorov-Smirnov D). */
export function kolmogorovSmirnov(one: Values, other: Values): number {
  let largest = 0;
  eachStep(sorted(one), sorted(other), (_, i, j) => {
    largest = Math.max(largest, Math.abs(i / one.length - j / other.length));
  });
  return largest;
}

/**
 * Chance of a gap of at least `gap` between samples of one continuous distribution, exact: the share of
 * orders of the merged sample (lattice paths) that reach it. Time is n · m; for large samples any shift is
 * significant and D itself is the thing to look at.
 */
export function gapProbability(gap: number, n: number, m: number): number {
  // Share of paths to (i, j) that stayed below the gap, divided by binomials as they grow.
  let row = new Float64Array(m + 1);
  const stays = (i: number, j: number): boolean => Math.abs(i / n - j / m) < gap - 1e-12;
  for (let i = 0; i <= n; i++) {
    const next = new Float64Array(m + 1);
    for (let j = 0; j <= m; j++) {
      const reached =
        i + j === 0 ? 1 : ((row[j] ?? 0) * i + (j > 0 ? (next[j - 1] ?? 0) : 0) * j) / (i + j);
      next[j] = stays(i, j) ? reached : 0;
    }
    row = next;
  }
  return 1 - (row[m] ?? 0);
}

/** Area between two empirical distribution functions, in the unit of the values (Wasserstein-1). */
export function wassersteinDistance(one: Values, other: Values): number {
  let area = 0;
  let last: number | undefined;
  let gap = 0;
  eachStep(sorted(one), sorted(other), (value, i, j) => {
    if (last !== undefined) area += gap * (value - last);
    last = value;
    gap = Math.abs(i / one.length - j / other.length);
  });
  return area;
}

/** Standard deviation of the whole population, not of a sample of it. */
export function populationDeviation(values: Values): number {
  const all = Array.from(values);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  return Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length);
}

/** Wilson's 95 % interval for a share of `hits` in `total` (Wilson 1927). */
export function wilsonInterval(hits: number, total: number): { low: number; high: number } {
  const z = 1.959_963_984_540_054;
  const share = hits / total;
  const centre = share + (z * z) / (2 * total);
  const half = z * Math.sqrt((share * (1 - share)) / total + (z * z) / (4 * total * total));
  const scale = 1 + (z * z) / total;
  return { low: Math.max((centre - half) / scale, 0), high: Math.min((centre + half) / scale, 1) };
}
