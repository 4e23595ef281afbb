/** An error as state machines see it: `name` is what ErrorEquals compares. */
export class StatesError extends Error {
  constructor(name: string, cause: string, options?: ErrorOptions) {
    super(cause, options);
    this.name = name;
  }

  /** The name that histories and executions tell: a missed heartbeat is told as a time-out. */
  get told(): string {
    return this.name === 'States.HeartbeatTimeout' ? 'States.Timeout' : this.name;
  }
}

/** These stop an execution whatever a catcher says. */
const UNCATCHABLE = ['States.Runtime', 'States.DataLimitExceeded'];

/** https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html */
export function isNamed(error: StatesError, names: readonly string[]): boolean {
  const isTimeout = error.name === 'States.Timeout' || error.name === 'States.HeartbeatTimeout';
  return names.some(
    (name) =>
      name === error.name ||
      (name === 'States.Timeout' && isTimeout) ||
      (name === 'States.TaskFailed' && !isTimeout && !UNCATCHABLE.includes(error.name)) ||
      (name === 'States.ALL' && !UNCATCHABLE.includes(error.name)),
  );
}
