/** A file that cannot become a dataset version, in words for whoever made it. */
export class FileRefused extends Error {
  override readonly name = 'FileRefused';
}

/** A row that could not be read as a row; rows that were read are judged by `row-check.ts`. */
export class UnreadableRow {
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }
}

const LONGEST_SHOWN = 60;

/** A value as a message shows it: quoted, cut, control characters escaped, so that it stays one line. */
export function shown(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'string') return JSON.stringify(value) ?? String(value);
  const text = value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value;
  return JSON.stringify(text);
}
