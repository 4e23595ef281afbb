import type { ModelSpec } from '../contracts/model-spec.ts';
import {
  type AskedLine,
  type PredictionLine,
  restoreSealed,
  SealedFields,
} from '../contracts/prediction-line.ts';
import type { Unsealer } from '../runtime/sealing.ts';
import { compileQuestionReader } from './question-reader.ts';
import type { Tensor } from './tensor.ts';

/** What is needed of a recorded request to ask it again. */
export type RecordedRequest = Pick<PredictionLine, 'asked' | 'sealed' | 'predictionId'>;

/** Reads recorded requests as the model's inputs, sealed values opened. */
export class RecordedRequestReader {
  readonly #readQuestion: ReturnType<typeof compileQuestionReader>;
  readonly #notAsked: ReadonlySet<string>;
  readonly #unsealer: Pick<Unsealer, 'open'> | undefined;

  /** @param unsealer absent for a model that seals nothing. */
  constructor(spec: ModelSpec, unsealer: Pick<Unsealer, 'open'> | undefined) {
    const { asked, notAsked } = askedOfModel(spec);
    this.#readQuestion = compileQuestionReader(asked);
    this.#notAsked = notAsked;
    this.#unsealer = unsealer;
  }

  /** Inputs of the model that are not in the log, so that the request cannot be asked again. */
  missing({ withheld }: Pick<PredictionLine, 'withheld'>): string[] {
    return withheld.filter((name) => !this.#notAsked.has(name));
  }

  async inputsOf(request: RecordedRequest): Promise<readonly Tensor[]> {
    const { api, ...body } = withoutFields(await this.#opened(request), this.#notAsked);
    return this.#readQuestion(api, Buffer.from(JSON.stringify(body)), {}).inputs;
  }

  async #opened({ asked, sealed, predictionId }: RecordedRequest): Promise<AskedLine> {
    if (!sealed) return asked;
    if (!this.#unsealer)
      throw new Error('the line holds sealed values, and the spec of this function seals none');
    const text = await this.#unsealer.open(sealed, predictionId);
    return restoreSealed(asked, SealedFields.parse(JSON.parse(text)));
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
