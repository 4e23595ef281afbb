import type { CellValue, DatasetColumn } from '../contracts/dataset-columns.ts';
import { type CellReader, explainMisfit } from './cell-reading.ts';
import { DigestTable } from './digest-table.ts';
import { shown, UnreadableRow } from './refusal.ts';
import { shortDigest } from './row-digests.ts';

export interface CellFault {
  /** The column as the spec names it; absent where the row as a whole is unreadable. */
  readonly column?: string;
  readonly problem: string;
}

export type CheckedRow =
  | { readonly kind: 'row'; readonly values: readonly CellValue[] }
  | { readonly kind: 'faulty'; readonly faults: readonly CellFault[] };

/** What is wrong with a value that could be read, or undefined. */
function misfit(column: DatasetColumn, value: CellValue): string | undefined {
  if (value === null) return column.isRequired ? 'required, and missing' : undefined;
  const { range, values } = column;
  if (range && typeof value === 'number' && (value < range.minimum || value > range.maximum))
    return `${value} is outside ${range.minimum} to ${range.maximum}${column.unit ? ` ${column.unit}` : ''}`;
  if (values && !values.includes(String(value)))
    return `${shown(value)} is none of ${values.map((each) => `"${each}"`).join(', ')}`;
  return undefined;
}

/**
 * Reads and judges the cells of one row.
 * @param cellOf the source's cell for a column by its place, undefined where it has none.
 */
export function readRow(
  columns: readonly DatasetColumn[],
  read: CellReader,
  cellOf: (column: number) => unknown,
): { values: CellValue[]; faults: CellFault[] } {
  const values = new Array<CellValue>(columns.length).fill(null);
  const faults: CellFault[] = [];
  for (let at = 0; at < values.length; at++) {
    const column = columns[at];
    if (!column) continue;
    const cell = cellOf(at);
    const value = cell === undefined ? null : read(column, cell);
    const problem = value === undefined ? explainMisfit(column, cell) : misfit(column, value);
    if (problem !== undefined) faults.push({ column: column.name, problem });
    values[at] = value ?? null;
  }
  return { values, faults };
}

/**
 * Judges the rows of one file in their order. Rows are arrays in the order of `columns`; null is missing.
 */
export class RowChecker {
  readonly #columns: readonly DatasetColumn[];
  readonly #read: CellReader;
  readonly #query: number;
  /** Columns given once a query; they are the same on all its rows. */
  readonly #ofQuery: readonly number[];
  readonly #queries = new DigestTable();
  #current: readonly CellValue[] | undefined;

  /** @param queryFeatures names of the features that belong to a query. */
  constructor(
    columns: readonly DatasetColumn[],
    read: CellReader,
    queryFeatures: readonly string[] = [],
  ) {
    this.#columns = columns;
    this.#read = read;
    this.#query = columns.findIndex(({ role }) => role === 'query');
    this.#ofQuery = columns.flatMap(({ name }, at) => (queryFeatures.includes(name) ? [at] : []));
  }

  /** @param cellOf the file's cell for a column by its place, undefined where the file has none. */
  check(row: UnreadableRow | ((column: number) => unknown)): CheckedRow {
    if (row instanceof UnreadableRow) return { kind: 'faulty', faults: [row] };
    const { values, faults } = readRow(this.#columns, this.#read, row);
    if (faults.length === 0 && this.#query >= 0) faults.push(...this.#checkQuery(values));
    return faults.length > 0 ? { kind: 'faulty', faults } : { kind: 'row', values };
  }

  /** Rows of a query lie together: a query that comes back later was cut, or two files were joined. */
  #checkQuery(values: readonly CellValue[]): CellFault[] {
    const key = values[this.#query];
    const name = this.#columns[this.#query]?.name ?? '';
    const current = this.#current;
    if (current && current[this.#query] === key) return this.#checkSameQuery(values, current);
    this.#current = values;
    if (this.#queries.add(shortDigest(key ?? null)) === undefined) return [];
    const problem = `query ${shown(key)} comes back after another began: keep the rows of a query together`;
    return [{ column: name, problem }];
  }

  #checkSameQuery(values: readonly CellValue[], first: readonly CellValue[]): CellFault[] {
    return this.#ofQuery.flatMap((at) =>
      values[at] === first[at]
        ? []
        : [
            {
              column: this.#columns[at]?.name ?? '',
              problem: `${shown(values[at])} here and ${shown(first[at])} on the first row of the query: it belongs to the query and is the same on all its rows`,
            },
          ],
    );
  }
}
