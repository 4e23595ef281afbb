/**
 * One JSON line an event on standard output, which is what CloudWatch Logs keeps and EMF is read from.
 * Powertools' logger was rejected here: its line carries the metric directives nowhere, and it costs
 * 8 ms of a cold start.
 */
export const log = (entry: Readonly<Record<string, unknown>>): void =>
  writeLine(JSON.stringify(entry));

/** For lines that were made as text already. */
export const writeLine = (line: string): void => void process.stdout.write(`${line}\n`);

/** An error and its causes as plain values; for the log, never for callers. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}
