import type { ModelSpec } from '../contracts/model-spec.ts';
import type { TrialAnswer, TrialRequest } from '../contracts/trial.ts';
import type { Unsealer } from '../runtime/sealing.ts';
import type { Backend } from './backend.ts';
import type { BackendPool } from './backend-pool.ts';
import { loggedTensor } from './prediction-log.ts';
import { RecordedRequestReader } from './recorded-request.ts';

interface TrialParts {
  readonly spec: ModelSpec;
  readonly backends: Pick<BackendPool, 'open'>;
  readonly unsealer?: Pick<Unsealer, 'open'>;
  /** Resident set of the process, in MB. */
  memoryMb(): number;
}

/** Answers requests with a named version off the record, and says what that took. */
export class Trial {
  readonly #parts: TrialParts;
  readonly #reader: RecordedRequestReader;
  /** What opening each version took here, by digest. */
  readonly #openMs = new Map<string, number>();
  /** Since the process started; the function is ready then. */
  readonly #initMs = performance.now();

  constructor(parts: TrialParts) {
    this.#parts = parts;
    this.#reader = new RecordedRequestReader(parts.spec, parts.unsealer);
  }

  /** @throws VersionUnavailable: a version that does not open has failed whatever it was tried for. */
  async run({ served, requests, repeat }: TrialRequest): Promise<TrialAnswer> {
    const startedAt = performance.now();
    const backend = await this.#parts.backends.open(served);
    const openMs = this.#openMs.get(served.digest) ?? performance.now() - startedAt;
    this.#openMs.set(served.digest, openMs);
    const answers: TrialAnswer['answers'] = [];
    for (const request of requests) answers.push(await this.#answer(request, backend, repeat));
    return {
      initMs: this.#initMs,
      openMs,
      memoryMb: this.#parts.memoryMb(),
      answers,
    };
  }

  async #answer(
    { predictionId = '', asked, sealed }: TrialRequest['requests'][number],
    backend: Backend,
    repeat: number,
  ): Promise<TrialAnswer['answers'][number]> {
    const timesMs: number[] = [];
    try {
      let outputs: TrialAnswer['answers'][number]['outputs'];
      for (let time = 0; time < repeat; time++) {
        const startedAt = performance.now();
        const inputs = await this.#reader.inputsOf({
          predictionId,
          asked,
          ...(sealed && { sealed }),
        });
        const given = await backend.run(inputs);
        timesMs.push(performance.now() - startedAt);
        outputs ??= given.map(loggedTensor);
      }
      return { timesMs, ...(outputs && { outputs }) };
    } catch (error) {
      // What a version fails at is what the trial is to find out.
      return { timesMs, failure: error instanceof Error ? error.message : String(error) };
    }
  }
}
