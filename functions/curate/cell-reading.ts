import { isDate } from 'node:util/types';
import { timestampPart } from '../contracts/column-values.ts';
import type { CellValue, DatasetColumn } from '../contracts/dataset-columns.ts';
import { shown } from './refusal.ts';

/** A reader of one kind of file: the value, or undefined when the cell does not fit the column. */
export type CellReader = (column: DatasetColumn, cell: unknown) => CellValue | undefined;

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const YES = new Set(['true', 'True', 'TRUE', '1']);
const NO = new Set(['false', 'False', 'FALSE', '0']);

/** Cells of formats without types. @param cell always a text. */
export function readText(column: DatasetColumn, cell: unknown): CellValue | undefined {
  const text = String(cell);
  if (text === '') return null;
  switch (column.kind) {
    case 'number':
      return NUMBER.test(text) ? finite(Number(text)) : undefined;
    case 'boolean':
      if (YES.has(text)) return true;
      return NO.has(text) ? false : undefined;
    case 'timestamp':
      return canonicalInstant(text);
    case 'category':
    case 'identifier':
      return wellFormed(text);
  }
}

/** Cells of formats with types. NaN is missing there: it is how data frames write that. */
export function readTyped(column: DatasetColumn, cell: unknown): CellValue | undefined {
  if (isMissing(cell)) return null;
  switch (column.kind) {
    case 'number':
      return readNumber(cell);
    case 'boolean':
      return typeof cell === 'boolean' ? cell : undefined;
    case 'timestamp':
      return readInstant(cell);
    case 'category':
      // Classes are often numbered; a feature's categories are texts to the model.
      return column.role === 'label' ? readName(cell) : textOnly(cell);
    case 'identifier':
      return readName(cell);
  }
}

const isMissing = (cell: unknown): boolean =>
  cell === null || cell === undefined || cell === '' || Number.isNaN(cell);

function readInstant(cell: unknown): string | undefined {
  // An invalid date is what a Parquet timestamp beyond JavaScript's years becomes.
  if (isDate(cell))
    return Number.isNaN(cell.getTime()) ? undefined : canonicalInstant(cell.toISOString());
  return typeof cell === 'string' ? canonicalInstant(cell) : undefined;
}

function readNumber(cell: unknown): number | undefined {
  if (typeof cell === 'number') return finite(cell);
  if (typeof cell !== 'bigint') return undefined;
  return Number.isSafeInteger(Number(cell)) ? Number(cell) : undefined;
}

/** What names something may be a number in a file with types. */
const readName = (cell: unknown): string | undefined =>
  typeof cell === 'number' || typeof cell === 'bigint' ? String(cell) : textOnly(cell);

const textOnly = (cell: unknown): string | undefined =>
  typeof cell === 'string' ? wellFormed(cell) : undefined;

/** A lone surrogate has no UTF-8, so it would come back as another text. */
const wellFormed = (text: string): string | undefined => (text.isWellFormed() ? text : undefined);

/** −0 and 0 are one number to every metric, so they are one in the digest. */
const finite = (value: number): number | undefined =>
  Number.isFinite(Math.fround(value)) ? value + 0 : undefined;

/** One spelling for equal clock readings at equal offsets: `T`, `Z`, no idle zeros of a fraction. */
function canonicalInstant(text: string): string | undefined {
  if (timestampPart(text, 'days-since-epoch') === undefined) return undefined;
  const [, fraction = '', offset = ''] = /^.{19}(\.\d+)?(.+)$/.exec(text) ?? [];
  const digits = fraction.replace(/\.?0+$/, '');
  const isUtc = /^[zZ]$|^[+-]00:00$/.test(offset);
  return `${text.slice(0, 10)}T${text.slice(11, 19)}${digits}${isUtc ? 'Z' : offset}`;
}

const EXPECTED = {
  number: 'a number such as 12.5',
  boolean: 'true or false',
  timestamp: 'an instant with an offset such as 2026-11-23T18:30:00+01:00',
  category: 'a text',
  identifier: 'a text',
} as const;

/** Why a reader gave undefined. */
export function explainMisfit({ kind }: DatasetColumn, cell: unknown): string {
  const hint =
    kind === 'number' && typeof cell === 'string' && /^[+-]?\d+,\d+$/.test(cell)
      ? ' (a decimal comma: write a point)'
      : '';
  return `expected ${EXPECTED[kind]}, got ${shown(cell)}${hint}`;
}
