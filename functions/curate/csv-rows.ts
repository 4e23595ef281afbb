import { Readable } from 'node:stream';
import { CsvError, type Options, parse } from 'csv-parse';
import { parse as parseAll } from 'csv-parse/sync';
import { LIMITS } from '../contracts/limits.ts';
import { readText } from './cell-reading.ts';
import type { ColumnPlan } from './column-plan.ts';
import { FileRefused, UnreadableRow } from './refusal.ts';
import type { FileRow, RowSource } from './row-source.ts';
import { decodeText, type TextReading } from './text-encoding.ts';

const DELIMITERS = [',', ';', '\t', '|'] as const;
/** Enough for the header of the widest file. */
const HEADER_CHARACTERS = 256_000;
const ROWS_A_BATCH = 1000;

const optionsFor = (delimiter: string): Options => ({
  delimiter,
  bom: true,
  relax_column_count: true,
  skip_empty_lines: true,
  max_record_size: LIMITS.datasetRecordBytes,
});

/** @param open reads the file anew, from its first byte. */
export async function csvRows(
  open: () => AsyncIterable<Uint8Array>,
  text: TextReading,
  plan: ColumnPlan,
): Promise<RowSource> {
  const beginning = await firstCharacters(decodeText(open(), text.encoding));
  const { delimiter, header } = detectDelimiter(beginning, plan);
  if (header.length > LIMITS.datasetColumns)
    throw new FileRefused(
      `the header has ${header.length} columns; the limit is ${LIMITS.datasetColumns}`,
    );
  return {
    reading: { format: 'csv', ...text, delimiter },
    places: plan.match(header),
    readCell: readText,
    batches: () => readBatches(decodeText(open(), text.encoding), delimiter, header.length),
  };
}

async function firstCharacters(chunks: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) {
    text += chunk;
    if (text.length >= HEADER_CHARACTERS) break;
  }
  return text.slice(0, HEADER_CHARACTERS);
}

interface Header {
  readonly delimiter: string;
  readonly header: readonly string[];
}

/** The delimiter whose header has most columns that the plan knows, then most columns at all. */
export function detectDelimiter(beginning: string, plan: ColumnPlan): Header {
  const candidates = DELIMITERS.flatMap((delimiter) => {
    const header = headerOf(beginning, delimiter);
    const known = header?.filter((name) => plan.placeOf(name) !== undefined).length ?? 0;
    return header ? [{ delimiter, header, known }] : [];
  });
  const [best] = candidates.toSorted(
    (one, other) => other.known - one.known || other.header.length - one.header.length,
  );
  if (!best) throw new FileRefused('the file has no header line that could be read');
  return best;
}

/** Undefined where the first line is no record with this delimiter. */
function headerOf(beginning: string, delimiter: string): string[] | undefined {
  try {
    const [header] = parseAll(beginning, { ...optionsFor(delimiter), to: 1 });
    return header?.map((name) => name.trim());
  } catch (error) {
    if (error instanceof CsvError) return undefined;
    throw error;
  }
}

async function* readBatches(
  text: AsyncIterable<string>,
  delimiter: string,
  width: number,
): AsyncGenerator<readonly FileRow[]> {
  const parser = parse({ ...optionsFor(delimiter), from: 2 });
  const source = Readable.from(text);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let batch: FileRow[] = [];
  let rows = 0;
  try {
    for await (const record of parser as AsyncIterable<string[]>) {
      rows += 1;
      batch.push(
        record.length === width
          ? record
          : new UnreadableRow(`the row has ${record.length} cells, the header ${width}`),
      );
      if (batch.length < ROWS_A_BATCH) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new FileRefused(`after row ${rows} the file cannot be read: ${explain(error)}`);
  } finally {
    source.destroy();
  }
  if (batch.length > 0) yield batch;
}

/** The library's words are for programmers; the two faults that people make get others. */
function explain({ code, message }: CsvError): string {
  if (code === 'CSV_QUOTE_NOT_CLOSED') return 'a quote is opened and never closed';
  if (code === 'CSV_MAX_RECORD_SIZE')
    return `a row is longer than ${LIMITS.datasetRecordBytes} characters; is a quote never closed?`;
  return message;
}
