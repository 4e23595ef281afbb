import type { PredictionLine } from '../contracts/prediction-line.ts';
import { describeError } from '../runtime/log.ts';
import type { ModelServerParts } from './model-server.ts';
import { embeddedMetrics, joinObjects, loggedTensor, type Measurements } from './prediction-log.ts';
import { compileQuestionReader } from './question-reader.ts';

type ShadowParts = Omit<ModelServerParts, 'findVersion'>;

/** Runs recorded requests through the challenger; its answers are recorded beside and never returned. */
export class Shadow {
  readonly #parts: ShadowParts;
  readonly #readQuestion: ReturnType<typeof compileQuestionReader>;

  constructor(parts: ShadowParts) {
    this.#parts = parts;
    this.#readQuestion = compileQuestionReader(parts.spec);
  }

  /** A failure of the challenger is its record, not an error: nobody may notice it but the gate. */
  async run(line: PredictionLine): Promise<void> {
    const challenger = (await this.#parts.routes.current())?.route.challenger;
    if (!challenger?.isShadowed || challenger.promotion !== line.promotion)
      return this.#skip(line, 'the promotion is over');
    if (line.withheld.length > 0)
      return this.#skip(line, `not in the log: ${line.withheld.join(', ')}`);
    const startedAt = performance.now();
    try {
      const backend = await this.#parts.backends.open(challenger);
      const outputs = await backend.run(this.#inputsOf(line));
      const measured = { shadowed: 1, modelTime: performance.now() - startedAt };
      this.#write(line, measured, {
        version: challenger.version,
        outputs: outputs.map(loggedTensor),
      });
    } catch (error) {
      this.#write(
        line,
        { shadowFailures: 1 },
        { version: challenger.version, failure: describeError(error) },
      );
    }
  }

  /** Parts that came in different deliveries cannot be put together here. */
  skipIncomplete(count: number): void {
    if (count === 0) return;
    const reason = 'parts of the record came apart';
    this.#writeLine({ shadowSkipped: count }, { kind: 'shadow-skipped', reason });
  }

  #inputsOf({ asked }: PredictionLine) {
    const { api, ...body } = asked;
    return this.#readQuestion(api, Buffer.from(JSON.stringify(body)), {}).inputs;
  }

  #skip(line: PredictionLine, reason: string): void {
    this.#write(line, { shadowSkipped: 1 }, { reason });
  }

  #write(
    { predictionId, model, promotion }: PredictionLine,
    measured: Measurements,
    rest: Readonly<Record<string, unknown>>,
  ): void {
    this.#writeLine(measured, { kind: 'shadow', predictionId, model, promotion, ...rest });
  }

  #writeLine(measured: Measurements, entry: Readonly<Record<string, unknown>>): void {
    const { spec, clock, writeLine } = this.#parts;
    const metrics = embeddedMetrics(clock.nowMs(), { Model: spec.name }, measured, 60);
    writeLine(joinObjects(metrics, JSON.stringify({ at: clock.now(), ...entry })));
  }
}
