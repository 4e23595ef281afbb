import type { ModelSpec } from '../contracts/model-spec.ts';
import {
  type AskedLine,
  type PredictionLine,
  restoreSealed,
  SealedFields,
} from '../contracts/prediction-line.ts';
import { joinObjects } from '../runtime/embedded-metrics.ts';
import { describeError } from '../runtime/log.ts';
import type { Unsealer } from '../runtime/sealing.ts';
import type { ModelServerParts } from './model-server.ts';
import { embeddedMetrics, loggedTensor, type Measurements } from './prediction-log.ts';
import { compileQuestionReader } from './question-reader.ts';

interface ShadowParts extends Omit<ModelServerParts, 'findVersion' | 'logKeys'> {
  /** Opens what the server sealed; absent for a model that seals nothing. */
  readonly unsealer?: Pick<Unsealer, 'open'>;
}

/** Runs recorded requests through the challenger; its answers are recorded beside and never returned. */
export class Shadow {
  readonly #parts: ShadowParts;
  readonly #readQuestion: ReturnType<typeof compileQuestionReader>;
  readonly #notAsked: ReadonlySet<string>;

  constructor(parts: ShadowParts) {
    this.#parts = parts;
    const { asked, notAsked } = askedOfModel(parts.spec);
    this.#readQuestion = compileQuestionReader(asked);
    this.#notAsked = notAsked;
  }

  /** A failure of the challenger is its record, not an error: nobody may notice it but the gate. */
  async run(line: PredictionLine): Promise<void> {
    const challenger = (await this.#parts.routes.current())?.route.challenger;
    if (!challenger?.isShadowed || challenger.promotion !== line.promotion)
      return this.#skip(line, 'the promotion is over');
    const missing = line.withheld.filter((name) => !this.#notAsked.has(name));
    if (missing.length > 0) return this.#skip(line, `not in the log: ${missing.join(', ')}`);
    const startedAt = performance.now();
    try {
      const backend = await this.#parts.backends.open(challenger);
      const outputs = await backend.run(await this.#inputsOf(line));
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

  async #inputsOf(line: PredictionLine) {
    const { api, ...body } = withoutFields(await this.#opened(line), this.#notAsked);
    return this.#readQuestion(api, Buffer.from(JSON.stringify(body)), {}).inputs;
  }

  async #opened({ asked, sealed, predictionId }: PredictionLine): Promise<AskedLine> {
    if (!sealed) return asked;
    if (!this.#parts.unsealer)
      throw new Error('the line holds sealed values, and the spec of this function seals none');
    const text = await this.#parts.unsealer.open(sealed, predictionId);
    return restoreSealed(asked, SealedFields.parse(JSON.parse(text)));
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

/** A spec without the features that no model sees and whose logged form is not what the caller sent. */
function askedOfModel(spec: ModelSpec): { asked: ModelSpec; notAsked: ReadonlySet<string> } {
  const isAsked = ({ log }: ModelSpec['features'][number]) => log === 'plain' || log === 'sealed';
  return {
    asked: { ...spec, features: spec.features.filter(isAsked) },
    notAsked: new Set(spec.features.filter((each) => !isAsked(each)).map(({ name }) => name)),
  };
}

function withoutFields(asked: AskedLine, names: ReadonlySet<string>): AskedLine {
  const rest = (fields: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(fields).filter(([name]) => !names.has(name)));
  if (names.size === 0 || asked.api === 'infer') return asked;
  if (asked.api === 'predict') return { ...asked, instances: asked.instances.map(rest) };
  return { ...asked, query: rest(asked.query), items: asked.items.map(rest) };
}
