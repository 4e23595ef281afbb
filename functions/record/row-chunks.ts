import { LIMITS } from '../contracts/limits.ts';
import type { Column, RecordedPrediction } from './recorded-prediction.ts';

type Rows = Pick<RecordedPrediction, 'columns' | 'items' | 'values' | 'propensities'>;

/** The rows of a prediction as JSON texts of which each fits an item of the join table. */
export function splitRows({ rowCount, ...rows }: Rows & { readonly rowCount: number }): string[] {
  const whole = JSON.stringify(slice(rows, 0, rowCount));
  if (rowCount <= LIMITS.rowsPerItem && whole.length <= LIMITS.rowItemCharacters) return [whole];
  const size = Math.min(
    LIMITS.rowsPerItem,
    Math.max(1, Math.floor((rowCount * LIMITS.rowItemCharacters) / (2 * whole.length))),
  );
  const chunks: string[] = [];
  for (let from = 0; from < rowCount; from += size)
    chunks.push(JSON.stringify(slice(rows, from, from + size)));
  return chunks;
}

/** @param chunks in order. */
export function joinRows(chunks: readonly string[]): Rows {
  const [first, ...others] = chunks.map((text) => JSON.parse(text) as Rows);
  if (!first) return { columns: {} };
  return others.reduce(append, first);
}

function slice({ columns, items, values, propensities }: Rows, from: number, to: number): Rows {
  const sliced = Object.entries(columns).map(([name, column]) => [name, column.slice(from, to)]);
  return {
    columns: Object.fromEntries(sliced) as Record<string, Column>,
    ...(items && { items: items.slice(from, to) }),
    ...(values && { values: values.slice(from, to) }),
    ...(propensities && { propensities: propensities.slice(from, to) }),
  };
}

function append(one: Rows, other: Rows): Rows {
  const joined = Object.entries(one.columns).map(([name, column]) => [
    name,
    [...column, ...(other.columns[name] ?? [])],
  ]);
  return {
    columns: Object.fromEntries(joined) as Record<string, Column>,
    ...(one.items && { items: [...one.items, ...(other.items ?? [])] }),
    ...(one.values && { values: [...one.values, ...(other.values ?? [])] }),
    ...(one.propensities && {
      propensities: [...one.propensities, ...(other.propensities ?? [])],
    }),
  };
}
