import { parquetWriteBuffer } from 'hyparquet-writer';
import type { GlueColumn } from './firehose-declaration.ts';
import type { JsonObject } from './json.ts';

const PARQUET_TYPES = {
  string: 'STRING',
  int: 'INT32',
  bigint: 'INT64',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
} as const;

type HiveType = keyof typeof PARQUET_TYPES;

/** Records as Parquet by a table's columns; members without a column fall out, as in the OpenX SerDe. */
export function toParquet(columns: readonly GlueColumn[], records: readonly JsonObject[]): Buffer {
  const columnData = columns.map(({ name, type }) => ({
    name,
    type: PARQUET_TYPES[typeOf(type)],
    nullable: true,
    data: records.map((record) => cell(typeOf(type), record[name])),
  }));
  return Buffer.from(parquetWriteBuffer({ columnData, codec: 'SNAPPY' }));
}

/** Why a record cannot be converted; undefined when it can. */
export function conversionProblem(
  columns: readonly GlueColumn[],
  record: JsonObject,
): string | undefined {
  for (const { name, type } of columns) {
    const value = record[name] ?? null;
    const wanted = typeOf(type);
    const isNumber = wanted === 'int' || wanted === 'bigint' || wanted === 'double';
    if (value !== null && isNumber && typeof value !== 'number')
      return `${name}: expected a number for ${type}`;
    if (value !== null && wanted === 'boolean' && typeof value !== 'boolean')
      return `${name}: expected a boolean`;
  }
  return undefined;
}

/** @throws TypeError for a type that is not emulated. */
export function typeOf(type: string): HiveType {
  if (Object.hasOwn(PARQUET_TYPES, type)) return type as HiveType;
  throw new TypeError(
    `columns of type ${type} are not emulated; emulated: ${Object.keys(PARQUET_TYPES).join(', ')}`,
  );
}

function cell(type: HiveType, value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (type === 'bigint') return BigInt(Math.trunc(Number(value)));
  if (type === 'int') return Math.trunc(Number(value));
  if (type !== 'string') return value;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
