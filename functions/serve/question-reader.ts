import type { Feature } from '../contracts/feature.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { writeInferenceReply } from './inference-reply.ts';
import { compileInferenceReader } from './inference-request.ts';
import { compileAnswerWriter } from './named-answer.ts';
import { compileInstanceReader } from './named-request.ts';
import { loggedTensor } from './prediction-log.ts';
import type { Question } from './question.ts';
import type { RequestHeaders } from './request-body.ts';
import { describeSignature } from './signature-tensors.ts';
import type { Tensor } from './tensor.ts';

/** The three ways of asking a model. */
export type QuestionApi = 'infer' | 'predict' | 'rank';

type Fields = Readonly<Record<string, unknown>>;

/** What reading and answering for one model needs, prepared once. */
interface ModelParts {
  readonly spec: ModelSpec;
  readonly inference: ReturnType<typeof compileInferenceReader>;
  readonly named: ReturnType<typeof compileInstanceReader>;
  readonly answers: ReturnType<typeof compileAnswerWriter>;
  /** Features that must not be logged as they are. */
  readonly secrets: ReadonlySet<string>;
}

type Reader = (parts: ModelParts, body: Buffer, headers: RequestHeaders) => Question;

const READERS: Readonly<Record<QuestionApi, Reader>> = {
  infer: readInfer,
  predict: readPredict,
  rank: readRank,
};

/** Prepares the reading of every kind of request for one model. The reader throws RequestRefused only. */
export function compileQuestionReader(spec: ModelSpec) {
  const parts: ModelParts = {
    spec,
    inference: compileInferenceReader(describeSignature(spec.signature)),
    named: compileInstanceReader(spec),
    answers: compileAnswerWriter(spec),
    secrets: new Set(spec.features.filter(isKeptOutOfLog).map(({ name }) => name)),
  };
  return (api: QuestionApi, body: Buffer, headers: RequestHeaders): Question =>
    READERS[api](parts, body, headers);
}

function readInfer(
  { spec, inference, secrets }: ModelParts,
  body: Buffer,
  headers: RequestHeaders,
): Question {
  const { id, unit, rows, inputs, outputs: requested } = inference(body, headers);
  return {
    requestId: id,
    unit,
    rows,
    inputs,
    logged: () => withholdColumns(spec, secrets, inputs),
    reply: (outputs, { predictionId, model, version, arm }) => ({
      status: 200,
      ...writeInferenceReply(
        {
          modelName: model,
          modelVersion: version,
          id: id ?? predictionId,
          parameters: { predictionId, arm },
          outputs,
        },
        requested,
      ),
    }),
  };
}

function readPredict(
  { named, answers, secrets }: ModelParts,
  body: Buffer,
  headers: RequestHeaders,
): Question {
  const { unit, rows, inputs, instances } = named.readPredict(body, headers);
  return {
    requestId: undefined,
    unit,
    rows,
    inputs,
    logged: () => {
      const withhold = withholder(secrets);
      const asked = { api: 'predict', instances: instances.map(withhold.from) } as const;
      return { asked, withheld: withhold.names() };
    },
    reply: (outputs, answered) => ({
      status: 200,
      body: { ...answered, predictions: answers.writePredictions(outputs, rows) },
    }),
  };
}

function readRank(
  { named, answers, secrets }: ModelParts,
  body: Buffer,
  headers: RequestHeaders,
): Question {
  const { unit, rows, inputs, query, items, ids } = named.readRank(body, headers);
  return {
    requestId: undefined,
    unit,
    rows,
    inputs,
    logged: () => {
      const withhold = withholder(secrets);
      const asked = {
        api: 'rank',
        query: withhold.from(query),
        items: items.map(withhold.from),
      } as const;
      return { asked, withheld: withhold.names() };
    },
    reply: (outputs, answered) => ({
      status: 200,
      body: { ...answered, items: answers.writeRanking(outputs, ids) },
    }),
  };
}

const isKeptOutOfLog = ({ log }: Feature): boolean => log !== 'plain';

/** Takes the fields that must not be logged out of objects, and remembers which there were. */
function withholder(secrets: ReadonlySet<string>) {
  const found = new Set<string>();
  const from = (fields: Fields): Record<string, unknown> => {
    const kept: Record<string, unknown> = { ...fields };
    for (const name of secrets) {
      if (!Object.hasOwn(fields, name) || fields[name] === null) continue;
      found.add(name);
      delete kept[name];
    }
    return kept;
  };
  return { from, names: () => [...found] };
}

/** The same for tensors: the columns of such features are logged as missing. */
function withholdColumns(spec: ModelSpec, secrets: ReadonlySet<string>, inputs: readonly Tensor[]) {
  const withheld = new Set<string>();
  const logged = inputs.map((input) => {
    const tensor = loggedTensor(input);
    const columns = spec.signature.inputs.find(({ name }) => name === input.name)?.columns ?? [];
    columns.forEach((column, at) => {
      const name = typeof column === 'string' ? column : column.feature;
      if (!secrets.has(name)) return;
      withheld.add(name);
      for (let cell = at; cell < tensor.data.length; cell += columns.length)
        tensor.data[cell] = input.datatype === 'BYTES' ? '' : null;
    });
    return tensor;
  });
  return { asked: { api: 'infer', inputs: logged } as const, withheld: [...withheld] };
}
