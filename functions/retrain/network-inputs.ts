import type { FeatureTable } from './feature-table.ts';
import { columnOf, concat, type GraphBuilder, scalar, toFloat64 } from './onnx-graph.ts';

/** Standardised values beyond this are cut, so that one wild value cannot swing a prediction. */
const FURTHEST = 6;
const WIDEST_EMBEDDING = 8;
const INT64 = 7;

interface NumberInput {
  readonly column: number;
  readonly mean: number;
  readonly deviation: number;
  /** Whether a further input says that the number is missing; otherwise missing just means average. */
  readonly hasFlag: boolean;
}

interface CategoryInput {
  readonly column: number;
  readonly categories: number;
  /** Length of the embedding of each category. */
  readonly width: number;
}

/** How a table's columns become numbers a network can take in; learned from the training rows. */
export interface NetworkInputs {
  readonly numbers: readonly NumberInput[];
  readonly categories: readonly CategoryInput[];
  /** Standardised numbers, then missing flags. */
  readonly denseWidth: number;
  /** Dense inputs, then embeddings. */
  readonly width: number;
}

const columnValues = ({ rows, values }: FeatureTable, column: number): Float32Array =>
  values.subarray(column * rows, (column + 1) * rows);

function learnNumber(table: FeatureTable, column: number): NumberInput {
  const values = Float64Array.from(columnValues(table, column));
  const present = values.filter((value) => !Number.isNaN(value));
  const count = Math.max(present.length, 1);
  const mean = present.reduce((sum, value) => sum + value, 0) / count;
  const variance = present.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  return {
    column,
    mean,
    deviation: Math.sqrt(variance) || 1,
    hasFlag: present.length > 0 && present.length < values.length,
  };
}

export function learnInputs(table: FeatureTable): NetworkInputs {
  const of = (kind: 'number' | 'category'): number[] =>
    table.columns.flatMap((column, at) => (column.kind === kind ? [at] : []));
  const numbers = of('number').map((column) => learnNumber(table, column));
  const categories = of('category').map((column) => {
    const count = (table.columns[column]?.categories.length ?? 0) + 1;
    return {
      column,
      categories: count,
      width: Math.min(WIDEST_EMBEDDING, Math.ceil(Math.sqrt(count)) + 1),
    };
  });
  const denseWidth = numbers.length + numbers.filter(({ hasFlag }) => hasFlag).length;
  const width = categories.reduce((sum, category) => sum + category.width, denseWidth);
  return { numbers, categories, denseWidth, width };
}

const standardise = (value: number, { mean, deviation }: NumberInput): number =>
  Number.isNaN(value) ? 0 : Math.min(Math.max((value - mean) / deviation, -FURTHEST), FURTHEST);

/** @returns rows × `denseWidth`, row-major. */
export function denseInputs(inputs: NetworkInputs, table: FeatureTable): Float64Array {
  const { numbers, denseWidth } = inputs;
  const dense = new Float64Array(table.rows * denseWidth);
  let flag = numbers.length;
  numbers.forEach((number, at) => {
    const values = columnValues(table, number.column);
    const flagAt = number.hasFlag ? flag++ : undefined;
    values.forEach((value, row) => {
      dense[row * denseWidth + at] = standardise(value, number);
      if (flagAt !== undefined) dense[row * denseWidth + flagAt] = Number(Number.isNaN(value));
    });
  });
  return dense;
}

/** @param tables each category input's embeddings, categories × width, row-major. */
export function exportInputs(
  graph: GraphBuilder,
  features: string,
  { numbers, categories }: NetworkInputs,
  tables: readonly Float64Array[],
): string {
  const gather = (columns: readonly number[]): string =>
    graph.add('Gather', [features, graph.constant(BigInt64Array.from(columns, BigInt))], {
      axis: { int: 1 },
    });
  const row = (values: readonly number[]): string =>
    graph.constant(Float64Array.from(values), [1, values.length]);
  const parts: string[] = [];
  if (numbers.length > 0) {
    const values = gather(numbers.map(({ column }) => column));
    const centred = graph.add('Sub', [values, row(numbers.map(({ mean }) => mean))]);
    const scaled = graph.add('Div', [centred, row(numbers.map(({ deviation }) => deviation))]);
    const least = graph.constant(Float64Array.of(-FURTHEST), []);
    const most = graph.constant(Float64Array.of(FURTHEST), []);
    const cut = graph.add('Clip', [scaled, least, most]);
    parts.push(graph.add('Where', [graph.add('IsNaN', [values]), scalar(graph, 0), cut]));
  }
  const flagged = numbers.filter(({ hasFlag }) => hasFlag).map(({ column }) => column);
  if (flagged.length > 0) parts.push(toFloat64(graph, graph.add('IsNaN', [gather(flagged)])));
  categories.forEach(({ column, categories: count, width }, at) => {
    const code = graph.add('Cast', [columnOf(graph, features, column)], { to: { int: INT64 } });
    const flat = graph.add('Reshape', [code, graph.constant(BigInt64Array.of(-1n))]);
    const embeddings = graph.constant(tables[at] ?? new Float64Array(0), [count, width]);
    parts.push(graph.add('Gather', [embeddings, flat], { axis: { int: 0 } }));
  });
  return concat(graph, parts);
}
