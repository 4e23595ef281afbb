import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { Arm } from '../contracts/prediction-line.ts';
import type { Route, ServedVersion } from '../contracts/route.ts';
import type { Assignment } from './assignment.ts';
import type { Backend } from './backend.ts';
import { VersionUnavailable } from './backend-pool.ts';
import { RequestRefused } from './fault.ts';
import type { Tensor } from './tensor.ts';

export interface Failure {
  readonly version: string;
  readonly arm: Arm;
  readonly error: unknown;
}

export interface Answer<Rendered> {
  readonly arm: Arm;
  readonly served: ServedVersion;
  readonly outputs: readonly Tensor[];
  readonly modelMs: number;
  readonly rendered: Rendered;
  /** Versions that should have answered and did not, in the order they were tried. */
  readonly failures: readonly Failure[];
}

export interface Candidate {
  readonly arm: Arm;
  readonly served: ServedVersion;
}

/**
 * Who may answer, best first: a challenger that fails must not fail the caller, and a champion that does
 * not open leaves its place to the former one. A version the caller named stands alone.
 */
export function candidatesFor({ arm, served }: Assignment, route: Route | undefined): Candidate[] {
  if (arm === 'pinned' || !route) return [{ arm, served }];
  const champions: Candidate[] = [route.champion, route.formerChampion]
    .filter((version) => version !== undefined)
    .map((version) => ({ arm: 'champion', served: version }));
  return arm === 'challenger' ? [{ arm, served }, ...champions] : champions;
}

/**
 * Answers with the assigned version or the next in line.
 * @param render makes the caller's answer; a version whose outputs do not fit it has failed.
 * @throws PredictionFailed: 503 when no version opens, 500 when the champion fails at this request. What
 * `render` refuses the caller is thrown as it is.
 */
export async function answerWith<Rendered>(
  candidates: readonly Candidate[],
  inputs: readonly Tensor[],
  open: (served: ServedVersion) => Promise<Backend>,
  render: (outputs: readonly Tensor[], candidate: Candidate) => Rendered,
): Promise<Answer<Rendered>> {
  const failures: Failure[] = [];
  for (const candidate of candidates) {
    const { arm, served } = candidate;
    try {
      const backend = await open(served);
      const startedAt = performance.now();
      const outputs = await backend.run(inputs);
      const modelMs = performance.now() - startedAt;
      return { arm, served, outputs, modelMs, failures, rendered: render(outputs, candidate) };
    } catch (error) {
      if (error instanceof RequestRefused) throw error;
      failures.push({ version: served.version, arm, error });
      const mayAnotherAnswer = error instanceof VersionUnavailable || arm === 'challenger';
      if (!mayAnotherAnswer) break;
    }
  }
  throw new PredictionFailed(failures);
}

/** No version answered. The caller learns that it is not its fault; the log learns why. */
export class PredictionFailed extends ApiError {
  readonly failures: readonly Failure[];

  constructor(failures: readonly Failure[]) {
    const { status, code, message } = explain(failures.at(-1));
    const mayRetry = status === 503 || status === 429;
    super(
      status,
      code,
      message,
      [],
      mayRetry ? { 'retry-after': String(LIMITS.retryAfterSeconds) } : {},
    );
    this.failures = failures;
  }
}

function explain(failure: Failure | undefined): Pick<ApiError, 'status' | 'code' | 'message'> {
  const error = failure?.error;
  if (error instanceof ApiError) return error;
  if (error instanceof VersionUnavailable)
    return {
      status: 503,
      code: 'NOT_READY',
      message: 'the model is not ready; retry after a pause',
    };
  const message = `version ${failure?.version ?? '?'} failed at this request`;
  return { status: 500, code: 'INFERENCE_FAILED', message };
}
