/** Sums over units, one y (and one x) a unit: arms and days merge by addition. */
export interface UnitSums {
  readonly n: number;
  readonly sy: number;
  readonly syy: number;
  readonly sx: number;
  readonly sxx: number;
  readonly sxy: number;
}

export const NO_UNITS: UnitSums = { n: 0, sy: 0, syy: 0, sx: 0, sxx: 0, sxy: 0 };

export const addUnit = (sums: UnitSums, y: number, x: number): UnitSums => ({
  n: sums.n + 1,
  sy: sums.sy + y,
  syy: sums.syy + y * y,
  sx: sums.sx + x,
  sxx: sums.sxx + x * x,
  sxy: sums.sxy + x * y,
});

export const mergeUnits = (one: UnitSums, other: UnitSums): UnitSums => ({
  n: one.n + other.n,
  sy: one.sy + other.sy,
  syy: one.syy + other.syy,
  sx: one.sx + other.sx,
  sxx: one.sxx + other.sxx,
  sxy: one.sxy + other.sxy,
});

export interface Moments {
  readonly n: number;
  readonly meanY: number;
  readonly meanX: number;
  /** Sample variances and covariance, divisor n − 1. */
  readonly varY: number;
  readonly varX: number;
  readonly covXY: number;
}

/** Undefined for fewer than two units, which have no variance. */
export function momentsOf({ n, sy, syy, sx, sxx, sxy }: UnitSums): Moments | undefined {
  if (n < 2) return undefined;
  const centred = (product: number, one: number, other: number): number =>
    (product - (one * other) / n) / (n - 1);
  return {
    n,
    meanY: sy / n,
    meanX: sx / n,
    varY: Math.max(centred(syy, sy, sy), 0),
    varX: Math.max(centred(sxx, sx, sx), 0),
    covXY: centred(sxy, sx, sy),
  };
}
