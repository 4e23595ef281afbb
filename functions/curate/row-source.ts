import type { FileReading } from '../contracts/dataset.ts';
import type { CellReader } from './cell-reading.ts';
import type { UnreadableRow } from './refusal.ts';

/** Cells in the order of the file's columns. */
export type FileRow = readonly unknown[] | UnreadableRow;

/** The rows of a file, as its format gives them. */
export interface RowSource {
  readonly reading: FileReading;
  /** Where each column of the dataset is in a row; −1 where the file has it not. */
  readonly places: Int32Array;
  readonly readCell: CellReader;
  /** In batches: awaiting every row would cost more than reading it. */
  batches(): AsyncIterable<readonly FileRow[]>;
}
