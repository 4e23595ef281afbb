import { JudgedUnit, type Measured, totalsOf } from '../../functions/promote/arm-sums.ts';
import type { UnitRow } from '../../functions/promote/unit-metrics.ts';

/** A unit with its rows, as they are read one by one. */
export interface RowsOfUnit extends Pick<JudgedUnit, 'arm' | 'covariate'> {
  readonly rows: readonly UnitRow[];
}

export const totalsOfRows = (units: readonly RowsOfUnit[], measured: readonly Measured[]) =>
  totalsOf(
    units.map(({ rows, ...unit }) => {
      const judged = new JudgedUnit(unit);
      for (const row of rows) judged.take(row, measured);
      return judged;
    }),
    measured,
  );
