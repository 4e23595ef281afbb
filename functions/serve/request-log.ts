import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { FailureLine, PredictionLine } from '../contracts/prediction-line.ts';
import type { ApiRequest } from '../runtime/api-handler.ts';
import type { Clock } from '../runtime/clock.ts';
import { joinObjects } from '../runtime/embedded-metrics.ts';
import { describeError } from '../runtime/log.ts';
import { type Failure, PredictionFailed } from './answering.ts';
import { embeddedMetrics, type Measurements, predictionLines } from './prediction-log.ts';

/** Writes the one line of each request, with what is measured of it. */
export class RequestLog {
  readonly #spec: ModelSpec;
  readonly #clock: Clock;
  readonly #writeLine: (line: string) => void;
  #isCold = true;

  constructor(spec: ModelSpec, clock: Clock, writeLine: (line: string) => void) {
    this.#spec = spec;
    this.#clock = clock;
    this.#writeLine = writeLine;
  }

  answered(line: PredictionLine, failures: readonly Failure[], measured: Measurements): void {
    const metrics = this.#metrics(
      {
        requests: 1,
        rows: line.rows,
        unitsMissing: line.unit === undefined ? 1 : 0,
        coldStarts: this.#isCold ? 1 : 0,
        failures: 0,
        refusals: 0,
        ...measured,
      },
      line.arm,
    );
    this.#isCold = false;
    this.#chargeFallbacks(failures);
    const explained = failures.length > 0 ? { ...line, failures: failures.map(explain) } : line;
    for (const text of predictionLines(explained, metrics)) this.#writeLine(text);
  }

  /** A failure counts against the arm that failed, not against the one that stepped in. */
  #chargeFallbacks(failures: readonly Failure[]): void {
    for (const { version, arm } of failures) {
      const metrics = this.#metrics({ fallbacks: 1 }, arm);
      this.#writeLine(joinObjects(metrics, JSON.stringify({ kind: 'fallback', version })));
    }
  }

  /** The text of a refusal stays out: it may quote what the caller sent, which may not be logged. */
  failed(
    error: unknown,
    { path, caller }: ApiRequest,
    latencyMs: number,
    enrolment: FailureLine['enrolment'],
  ): void {
    const status = error instanceof ApiError ? error.status : 500;
    const isRefusal = status < 500;
    const reason = error instanceof ApiError ? { code: error.code } : describeError(error);
    const metrics = this.#metrics({
      requests: 1,
      latency: latencyMs,
      refusals: isRefusal ? 1 : 0,
      failures: isRefusal ? 0 : 1,
    });
    const entry = {
      kind: isRefusal ? 'refusal' : 'failure',
      status,
      at: this.#clock.now(),
      model: this.#spec.name,
      path: path.join('/').slice(0, LIMITS.loggedPathCharacters),
      caller,
      latencyMs,
      ...(enrolment && !isRefusal && { enrolment }),
      ...reason,
      ...(error instanceof PredictionFailed && { failures: error.failures.map(explain) }),
    };
    this.#writeLine(joinObjects(metrics, JSON.stringify(entry)));
  }

  #metrics(measured: Measurements, Arm?: string): string {
    const dimensions = { Model: this.#spec.name, ...(Arm && { Arm }) };
    const resolution = this.#spec.monitoring.cadence === 'second' ? 1 : 60;
    return embeddedMetrics(this.#clock.nowMs(), dimensions, measured, resolution);
  }
}

const explain = ({ version, arm, error }: Failure) => ({ version, arm, ...describeError(error) });
