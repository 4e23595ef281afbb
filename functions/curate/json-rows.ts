import { LIMITS } from '../contracts/limits.ts';
import { readTyped } from './cell-reading.ts';
import type { ColumnPlan } from './column-plan.ts';
import { FileRefused, shown, UnreadableRow } from './refusal.ts';
import type { FileRow, RowSource } from './row-source.ts';
import { decodeText, type TextReading } from './text-encoding.ts';

const ROWS_A_BATCH = 1000;

/** Newline JSON: an object a line. @param open reads the file anew, from its first byte. */
export function jsonRows(
  open: () => AsyncIterable<Uint8Array>,
  text: TextReading,
  plan: ColumnPlan,
): RowSource {
  return {
    reading: { format: 'json-lines', ...text },
    places: Int32Array.from(plan.columns, (_, at) => at),
    readCell: readTyped,
    batches: () => readBatches(decodeText(open(), text.encoding), plan),
  };
}

async function* readBatches(
  text: AsyncIterable<string>,
  plan: ColumnPlan,
): AsyncGenerator<readonly FileRow[]> {
  let batch: FileRow[] = [];
  for await (const line of linesOf(text)) {
    if (line.trim() === '') continue;
    batch.push(readLine(line, plan));
    if (batch.length < ROWS_A_BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** @throws FileRefused for a line beyond the limit, before it fills the memory. */
async function* linesOf(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  let count = 0;
  for await (const chunk of text) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    count += lines.length;
    yield* lines;
    if (rest.length > LIMITS.datasetRecordBytes)
      throw new FileRefused(
        `line ${count + 1} is longer than ${LIMITS.datasetRecordBytes} characters: newline JSON has one object a line`,
      );
  }
  yield rest;
}

function readLine(line: string, plan: ColumnPlan): FileRow {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return new UnreadableRow(`no JSON: ${shown(line)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return new UnreadableRow(`expected a JSON object a line, got ${shown(line)}`);
  const cells = new Array<unknown>(plan.columns.length).fill(undefined);
  for (const [name, cell] of Object.entries(value)) {
    const place = plan.placeOf(name);
    if (place === undefined)
      return new UnreadableRow(
        `unknown: ${shown(name)} (name it in "columns", with null to leave it out)`,
      );
    if (place !== null) cells[place] = cell;
  }
  return cells;
}
