import type { ModelSpec } from '../contracts/model-spec.ts';
import { writeInferenceReply } from './inference-reply.ts';
import { compileInferenceReader } from './inference-request.ts';
import {
  type LogPolicies,
  logInstances,
  logPolicies,
  logRanking,
  logTensors,
} from './logged-question.ts';
import { compileAnswerWriter } from './named-answer.ts';
import { compileInstanceReader } from './named-request.ts';
import type { Question } from './question.ts';
import { acceptSome } from './random-acceptance.ts';
import type { RequestHeaders } from './request-body.ts';
import { describeSignature } from './signature-tensors.ts';

/** The three ways of asking a model. */
export type QuestionApi = 'infer' | 'predict' | 'rank';

/** What reading and answering for one model needs, prepared once. */
interface ModelParts {
  readonly spec: ModelSpec;
  readonly inference: ReturnType<typeof compileInferenceReader>;
  readonly named: ReturnType<typeof compileInstanceReader>;
  readonly answers: ReturnType<typeof compileAnswerWriter>;
  readonly policies: LogPolicies;
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
    policies: logPolicies(spec),
  };
  return (api: QuestionApi, body: Buffer, headers: RequestHeaders): Question =>
    READERS[api](parts, body, headers);
}

function readInfer(
  { inference, policies }: ModelParts,
  body: Buffer,
  headers: RequestHeaders,
): Question {
  const { id, unit, rows, inputs, outputs: requested } = inference(body, headers);
  return {
    requestId: id,
    unit,
    rows,
    inputs,
    logged: () => logTensors(policies, inputs),
    reply: (outputs, { predictionId, model, version, arm }) => ({
      reply: {
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
      },
    }),
  };
}

function readPredict(
  { spec: { task }, named, answers, policies }: ModelParts,
  body: Buffer,
  headers: RequestHeaders,
): Question {
  const { unit, rows, inputs, instances } = named.readPredict(body, headers);
  return {
    requestId: undefined,
    unit,
    rows,
    inputs,
    logged: (hash) => logInstances(policies, hash, instances),
    reply: (outputs, answered, acceptance) => {
      const predictions = answers.writePredictions(outputs, rows);
      const propensities =
        task.kind === 'classification' && task.positiveHidesOutcome
          ? acceptSome(predictions, task.classes, acceptance, answered.predictionId)
          : undefined;
      return {
        reply: { status: 200, body: { ...answered, predictions } },
        ...(propensities && { propensities }),
      };
    },
  };
}

function readRank(
  { named, answers, policies }: ModelParts,
  body: Buffer,
  headers: RequestHeaders,
): Question {
  const { unit, rows, inputs, query, items, ids } = named.readRank(body, headers);
  return {
    requestId: undefined,
    unit,
    rows,
    inputs,
    logged: (hash) => logRanking(policies, hash, query, items),
    reply: (outputs, answered) => ({
      reply: {
        status: 200,
        body: { ...answered, items: answers.writeRanking(outputs, ids) },
      },
    }),
  };
}
