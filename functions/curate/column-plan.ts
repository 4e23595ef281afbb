import type { DatasetColumn } from '../contracts/dataset-columns.ts';
import { FileRefused, shown } from './refusal.ts';

/** File column → column of the spec, or null to leave it out. What is not named keeps its name. */
export type ColumnNames = Readonly<Record<string, string | null>>;

/** Which column of a dataset a file's column becomes. */
export class ColumnPlan {
  readonly columns: readonly DatasetColumn[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #names: ReadonlyMap<string, string | null>;

  /** @throws FileRefused when a name given leads nowhere. */
  constructor(columns: readonly DatasetColumn[], names: ColumnNames = {}) {
    this.columns = columns;
    this.#places = new Map(columns.map(({ name }, at) => [name, at]));
    this.#names = new Map(Object.entries(names));
    for (const [file, name] of this.#names)
      if (name !== null && !this.#places.has(name))
        throw new FileRefused(
          `"columns" says that ${shown(file)} is ${shown(name)}, which is no column of this model; there are: ${this.#listed()}`,
        );
  }

  /** Place of the dataset's column, null for one that is left out, undefined for one nobody knows. */
  placeOf(fileColumn: string): number | null | undefined {
    const name = this.#names.get(fileColumn);
    return name === null ? null : this.#places.get(name ?? fileColumn);
  }

  /**
   * Where each column of the dataset is in a file with this header; −1 for one it does not have.
   * @throws FileRefused naming every duplicate, unknown and missing column.
   */
  match(header: readonly string[]): Int32Array {
    const places = new Int32Array(this.columns.length).fill(-1);
    const problems: string[] = [];
    const unknown: string[] = [];
    header.forEach((name, at) => {
      const place = this.placeOf(name);
      if (place === undefined) unknown.push(shown(name));
      if (typeof place !== 'number') return;
      if ((places[place] ?? -1) >= 0)
        problems.push(`two columns are ${shown(this.columns[place]?.name)}`);
      places[place] = at;
    });
    for (const name of repeatedIn(header)) problems.push(`two columns are named ${shown(name)}`);
    const missing = this.columns.filter((column, at) => column.isRequired && places[at] === -1);
    if (missing.length > 0) problems.push(`missing: ${missing.map(({ name }) => name).join(', ')}`);
    if (unknown.length > 0)
      problems.push(
        `unknown: ${unknown.join(', ')} (name them in "columns", with null to leave them out)`,
      );
    if (problems.length === 0) return places;
    throw new FileRefused(
      `the file's columns are not those of this model: ${problems.join('; ')}; this model has: ${this.#listed()}`,
    );
  }

  #listed(): string {
    return this.columns.map(({ name }) => name).join(', ');
  }
}

const repeatedIn = (names: readonly string[]): string[] => [
  ...new Set(names.filter((name, at) => names.indexOf(name) !== at)),
];
