import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ApiReply, ApiRequest } from '../runtime/api-handler.ts';
import { type OutcomeReporter, readReportList } from './outcome-reports.ts';
import type { Recorder } from './recorder.ts';

export interface OutcomesApi {
  readonly reporter: OutcomeReporter;
  readonly recorder: Recorder;
}

/**
 * Answers `POST /v1/outcomes`: 200 with what became of each, also where some were refused; 503 with the
 * same where some could not be written, so that a client that reads statuses only sends all of them again.
 */
export async function answerOutcomes(
  { method, body, caller }: ApiRequest,
  { reporter, recorder }: OutcomesApi,
): Promise<ApiReply> {
  if (method !== 'POST')
    throw new ApiError(405, 'METHOD_NOT_ALLOWED', `${method} is not for this path; POST is`, [], {
      allow: 'POST',
    });
  const list = readReportList(body);
  const results = await reporter.report(list, caller);
  await recorder.flush();
  const failed = results.filter(({ status }) => status === 'failed').length;
  if (failed === 0) return { status: 200, body: { results } };
  return {
    status: 503,
    headers: { 'retry-after': String(LIMITS.retryAfterSeconds) },
    body: {
      error: `${failed} of ${list.length} outcomes could not be written; send the request again`,
      code: 'TRY_AGAIN',
      details: [],
      results,
    },
  };
}
