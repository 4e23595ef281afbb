import type { StreamSettings } from './firehose-declaration.ts';
import { conversionProblem } from './firehose-parquet.ts';
import { isRecord, type JsonObject } from './json.ts';

/** One record in the buffer. */
export interface Buffered {
  /** In base64. */
  readonly data: string;
  readonly arrivedMs: number;
}

/** A record that can be delivered, or why it cannot. */
export type ReadRecord =
  | {
      readonly kind: 'whole';
      readonly key: string;
      readonly record: JsonObject;
      /** By the name in the metadata query. */
      readonly partitionKeys: ReadonlyMap<string, string>;
    }
  | {
      readonly kind: 'broken';
      readonly key: string;
      readonly buffered: Buffered;
      readonly errorType: 'format-conversion-failed' | 'metadata-extraction-failed';
      readonly code: string;
      readonly message: string;
    };

/** Takes a record apart as the stream wants it: JSON, then its partition, then the table's columns. */
export function readRecord(
  { partitionKeys: names, columns }: Pick<StreamSettings, 'partitionKeys' | 'columns'>,
  key: string,
  buffered: Buffered,
): ReadRecord {
  const parsed = parseJson(Buffer.from(buffered.data, 'base64').toString());
  const unpartitioned = (message: string): ReadRecord => ({
    kind: 'broken',
    key,
    buffered,
    errorType: 'metadata-extraction-failed',
    code: 'DynamicPartitioning.MetadataExtractionFailed',
    message,
  });
  if (!parsed) return unpartitioned('Non JSON record provided');
  const partitionKeys = new Map<string, string>();
  for (const [name, member] of names) {
    const value = parsed[member];
    if (typeof value !== 'string' || value === '')
      return unpartitioned(`partitionKeys values must not be null or empty: ${name}`);
    partitionKeys.set(name, value);
  }
  const problem = conversionProblem(columns, parsed);
  if (problem === undefined) return { kind: 'whole', key, record: parsed, partitionKeys };
  return {
    kind: 'broken',
    key,
    buffered,
    errorType: 'format-conversion-failed',
    code: 'DataFormatConversion.InvalidInput',
    message: problem,
  };
}

/**
 * A line of the error output.
 * https://docs.aws.amazon.com/firehose/latest/dev/record-format-conversion.html
 */
export function errorLine(
  broken: Extract<ReadRecord, { kind: 'broken' }>,
  { database, table }: Pick<StreamSettings, 'database' | 'table'>,
  nowMs: number,
): string {
  const { buffered, code, message, errorType, key } = broken;
  const common = {
    attemptsMade: 1,
    arrivalTimestamp: Math.floor(buffered.arrivedMs),
    attemptEndingTimestamp: Math.floor(nowMs),
    rawData: buffered.data,
  };
  if (errorType === 'metadata-extraction-failed')
    return JSON.stringify({ ...common, errorCode: code, errorMessage: message });
  return JSON.stringify({
    ...common,
    lastErrorCode: code,
    lastErrorMessage: message,
    sequenceNumber: key,
    subSequenceNumber: null,
    dataCatalogTable: { databaseName: database, tableName: table, versionId: 'LATEST' },
  });
}

/** What is no JSON object goes to the error output. */
function parseJson(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
