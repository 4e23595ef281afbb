/** A column as the trainer sees it: float32 numbers, or codes of categories. */
export interface FeatureColumn {
  readonly name: string;
  readonly kind: 'number' | 'category';
  /** Category of code i + 1; code 0 is missing, unseen or too rare to learn from. Empty for numbers. */
  readonly categories: readonly string[];
}

/** Column-major: the value of row r in column c is `values[c * rows + r]`; NaN is a missing number. */
export interface FeatureTable {
  readonly rows: number;
  readonly columns: readonly FeatureColumn[];
  readonly values: Float32Array;
}

/** What each row is trained on; every array has one entry a row of its table. */
export interface Targets {
  /** Regression: the number; ranking: the relevance; classification: 0 or 1. */
  readonly labels: Float64Array;
  readonly weights: Float64Array;
  /** Ranking: row where each query begins, and `rows` at the end; one query's rows are adjacent. */
  readonly queryStarts: Int32Array;
}

export interface TrainingData {
  readonly table: FeatureTable;
  readonly targets: Targets;
}

/** @throws Error for columns that share a name, since a report could not tell them apart. */
export function refuseRepeatedColumns(columns: readonly Pick<FeatureColumn, 'name'>[]): void {
  const seen = new Set<string>();
  for (const { name } of columns) {
    if (seen.has(name)) throw new Error(`two columns are named "${name}"`);
    seen.add(name);
  }
}

/** The rows of a table in the order given; used for splits and samples. */
export function takeRows(table: FeatureTable, rows: Int32Array): FeatureTable {
  const values = new Float32Array(rows.length * table.columns.length);
  for (let column = 0; column < table.columns.length; column++) {
    const from = column * table.rows;
    const to = column * rows.length;
    for (let at = 0; at < rows.length; at++)
      values[to + at] = table.values[from + (rows[at] ?? 0)] ?? Number.NaN;
  }
  return { rows: rows.length, columns: table.columns, values };
}
