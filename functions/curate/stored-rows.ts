import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import type { CellValue, DatasetColumn } from '../contracts/dataset-columns.ts';
import { LIMITS } from '../contracts/limits.ts';
import { PARQUET_WRITERS } from '../runtime/parquet-file.ts';

type SchemaElement = ParquetWriter['schema'][number];

const TYPES: Readonly<Record<DatasetColumn['kind'], Partial<SchemaElement>>> = {
  number: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
  category: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  identifier: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  // Texts, since the offset's wall clock is what models see and Parquet's timestamps have none.
  timestamp: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
};

/** Writes rows to a Parquet file, a row group at a time. */
export class StoredRows {
  readonly #columns: readonly { readonly column: DatasetColumn; readonly at: number }[];
  readonly #parquet: ParquetWriter;
  #cells: CellValue[][];
  #waiting = 0;

  /** @param columns those that rows have; rows are arrays in their order. @param isKept which are written. */
  constructor(
    file: string,
    columns: readonly DatasetColumn[],
    isKept: (at: number) => boolean = () => true,
  ) {
    this.#columns = columns.flatMap((column, at) => (isKept(at) ? [{ column, at }] : []));
    this.#cells = this.#columns.map(() => []);
    this.#parquet = new ParquetWriter({
      writer: fileWriter(file),
      schema: [
        { name: 'root', num_children: this.#columns.length },
        ...this.#columns.map(
          ({ column }): SchemaElement => ({
            name: column.name,
            repetition_type: column.isRequired ? 'REQUIRED' : 'OPTIONAL',
            ...TYPES[column.kind],
          }),
        ),
      ],
      codec: 'ZSTD',
      compressors: PARQUET_WRITERS,
      createdBy: 'slipway',
    });
  }

  add(values: readonly CellValue[]): void {
    this.#columns.forEach(({ at }, place) => this.#cells[place]?.push(values[at] ?? null));
    this.#waiting += 1;
    if (this.#waiting === LIMITS.datasetRowGroupRows) this.#flush();
  }

  finish(): void {
    this.#flush();
    // The file writer is synchronous, so there is nothing to wait for.
    void this.#parquet.finish();
  }

  #flush(): void {
    if (this.#waiting === 0) return;
    const columnData = this.#columns.map(({ column }, at) => ({
      name: column.name,
      data: this.#cells[at] ?? [],
    }));
    void this.#parquet.write({ columnData, rowGroupSize: this.#waiting });
    this.#cells = this.#columns.map(() => []);
    this.#waiting = 0;
  }
}
