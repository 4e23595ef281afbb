import type { Outcome } from '../workers/environment.ts';
import { ServiceError } from './emulator.ts';

/** What Lambda publishes of an invocation under `AWS/Lambda`; durations in milliseconds. */
export interface InvocationMetrics {
  readonly Invocations?: number;
  readonly Errors?: number;
  readonly Throttles: number;
  readonly Duration?: number;
  readonly ConcurrentExecutions: number;
}

/** Runs an invocation and says how it went; one that is throttled counts as no invocation. */
export async function measureInvocation(
  invoke: () => Promise<Outcome>,
  onMeasured: (measured: Omit<InvocationMetrics, 'ConcurrentExecutions'>) => void,
): Promise<Outcome> {
  const startedAtMs = performance.now();
  try {
    const outcome = await invoke();
    onMeasured({
      Invocations: 1,
      Errors: outcome.kind === 'failed' ? 1 : 0,
      Throttles: 0,
      Duration: performance.now() - startedAtMs,
    });
    return outcome;
  } catch (failure) {
    if (failure instanceof ServiceError && failure.status === 429) onMeasured({ Throttles: 1 });
    throw failure;
  }
}
