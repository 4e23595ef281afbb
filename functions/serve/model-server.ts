import { randomUUID } from 'node:crypto';
import { ApiError, internalFailure } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { FailureLine, PredictionLine } from '../contracts/prediction-line.ts';
import type { Route, ServedVersion } from '../contracts/route.ts';
import type { Version } from '../contracts/version.ts';
import type { ApiReply, ApiRequest } from '../runtime/api-handler.ts';
import { type Clock, epochMsOf } from '../runtime/clock.ts';
import { type Answer, answerWith, type Candidate, candidatesFor } from './answering.ts';
import { type Assignment, assign } from './assignment.ts';
import type { BackendPool } from './backend-pool.ts';
import { type LogKeyCache, type LogKeys, NO_KEYS } from './log-keys.ts';
import { type Asked, readModelPath } from './model-paths.ts';
import { loggedTensor } from './prediction-log.ts';
import type { Question, Reply } from './question.ts';
import { compileQuestionReader, type QuestionApi } from './question-reader.ts';
import type { RandomAcceptance } from './random-acceptance.ts';
import { RequestLog } from './request-log.ts';
import type { RouteCache } from './route-cache.ts';
import { describeSignature } from './signature-tensors.ts';

export interface ModelServerParts {
  readonly spec: ModelSpec;
  readonly routes: RouteCache;
  readonly backends: Pick<BackendPool, 'open'>;
  readonly clock: Clock;
  /** Absent for a model that logs everything in plain. */
  readonly logKeys?: Pick<LogKeyCache, 'current'> | undefined;
  /** Finds a version that the caller names and the route does not. */
  findVersion(version: string): Promise<Version | undefined>;
  readonly writeLine: (line: string) => void;
}

/** What was known of a request when it failed. */
interface Progress {
  enrolment?: FailureLine['enrolment'];
}

/** Answers every path of one model. */
export class ModelServer {
  readonly #parts: ModelServerParts;
  readonly #log: RequestLog;
  readonly #readQuestion: ReturnType<typeof compileQuestionReader>;

  constructor(parts: ModelServerParts) {
    this.#parts = parts;
    this.#log = new RequestLog(parts.spec, parts.clock, parts.writeLine);
    this.#readQuestion = compileQuestionReader(parts.spec);
  }

  async answer(request: ApiRequest): Promise<ApiReply> {
    const startedAt = performance.now();
    const progress: Progress = {};
    try {
      const asked = readModelPath(request.method, request.path);
      return await this.#answer(asked, request, startedAt, progress);
    } catch (error) {
      this.#log.failed(error, request, performance.now() - startedAt, progress.enrolment);
      // Logged whole above; whoever renders it must not log it again.
      throw error instanceof ApiError ? error : internalFailure();
    }
  }

  #answer(
    asked: Asked,
    request: ApiRequest,
    startedAt: number,
    progress: Progress,
  ): Promise<ApiReply> {
    switch (asked.kind) {
      case 'metadata':
        return this.#metadata(asked.version);
      case 'ready':
        return this.#ready(asked.version);
      case 'infer':
        return this.#predict('infer', request, startedAt, progress, asked.version);
      case 'predict':
      case 'rank':
        return this.#predict(asked.kind, request, startedAt, progress);
    }
  }

  async #predict(
    api: QuestionApi,
    request: ApiRequest,
    startedAt: number,
    progress: Progress,
    pinned?: string,
  ): Promise<ApiReply> {
    const question = this.#readQuestion(api, request.body, request.headers);
    // Asked for beside the route: either may have to be fetched.
    const keysComing = this.#parts.logKeys?.current();
    const fresh = await this.#parts.routes.current();
    const keys = keysComing ? await keysComing : NO_KEYS;
    const route = fresh?.route;
    const assignment = await this.#assign(question.unit, route, pinned);
    const predictionId = randomUUID();
    const enrolment = this.#enrolment(question, assignment, route, keys);
    if (enrolment) progress.enrolment = { ...enrolment, predictionId };
    const candidates = candidatesFor(assignment, route);
    const acceptance = enrolment && acceptanceIn(route);
    const answer = await this.#run(candidates, question, predictionId, acceptance);
    const latency = performance.now() - startedAt;
    const line = {
      ...this.#describe(question, answer, assignment, route),
      ...this.#unitOf(question, keys),
      ...logged(question, keys, predictionId),
      latencyMs: latency,
      predictionId,
      caller: request.caller,
    };
    this.#log.answered(line, answer.failures, {
      latency,
      modelTime: answer.modelMs,
      staleRoutes: fresh?.staleBecause === undefined ? 0 : 1,
      ...(keys.isMissing && { keysMissing: 1 }),
    });
    return answer.rendered.reply;
  }

  /** The unit as the log knows it. */
  #unitOf({ unit }: Question, { hash }: LogKeys): Pick<PredictionLine, 'unit'> {
    if (unit === undefined) return {};
    if (this.#parts.spec.promotion.unitLog !== 'hash') return { unit };
    return hash ? { unit: hash(unit) } : {};
  }

  #enrolment(
    question: Question,
    { isEnrolled, arm }: Assignment,
    route: Route | undefined,
    keys: LogKeys,
  ): Omit<NonNullable<FailureLine['enrolment']>, 'predictionId'> | undefined {
    const promotion = route?.challenger?.promotion;
    const { unit } = this.#unitOf(question, keys);
    if (!isEnrolled || arm === 'pinned' || promotion === undefined || unit === undefined)
      return undefined;
    return { promotion, unit, assigned: arm };
  }

  #run(
    candidates: readonly Candidate[],
    question: Question,
    predictionId: string,
    acceptance?: RandomAcceptance,
  ): Promise<Answer<Reply>> {
    const model = this.#parts.spec.name;
    return answerWith(
      candidates,
      question.inputs,
      (served) => this.#parts.backends.open(served),
      (outputs, { arm, served }) =>
        question.reply(outputs, { predictionId, model, version: served.version, arm }, acceptance),
    );
  }

  async #assign(
    unit: string | undefined,
    route: Route | undefined,
    pinned: string | undefined,
  ): Promise<Assignment> {
    if (pinned === undefined)
      return assign(requireRoute(route, this.#parts.spec.name), unit, this.#isLeased(route));
    return { arm: 'pinned', served: await this.#namedVersion(pinned, route), isEnrolled: false };
  }

  #isLeased(route: Route | undefined): boolean {
    return (
      route?.challenger !== undefined &&
      epochMsOf(route.challenger.expiresAt) > this.#parts.clock.nowMs()
    );
  }

  /** @throws ApiError 404 when there is no such version or it is out of service, 503 without an endpoint. */
  async #namedVersion(version: string, route: Route | undefined): Promise<ServedVersion> {
    for (const served of [route?.champion, route?.challenger, route?.formerChampion])
      if (served?.version === version) return served;
    const { name, runtime } = this.#parts.spec;
    const found = /^[1-9][0-9]{0,9}$/.test(version)
      ? await this.#parts.findVersion(version)
      : undefined;
    if (!found || found.stage === 'retired' || found.stage === 'rejected')
      throw new ApiError(
        404,
        'VERSION_NOT_FOUND',
        `model '${name}' has no version '${version.slice(0, 20)}' that serves`,
      );
    if (runtime.kind === 'sagemaker')
      throw notReady(
        `version ${version} of '${name}' has no endpoint, because the route does not name it`,
      );
    return { version: found.version, digest: found.digest };
  }

  async #metadata(pinned: string | undefined): Promise<ApiReply> {
    const { spec, routes } = this.#parts;
    const route = (await routes.current())?.route;
    const served =
      pinned === undefined
        ? [route?.champion, route?.challenger]
        : [await this.#namedVersion(pinned, route)];
    const versions = served.flatMap((each) => (each ? [each.version] : []));
    const body = {
      name: spec.name,
      versions,
      platform: 'onnxruntime_onnx',
      ...describeSignature(spec.signature),
    };
    return { status: 200, body };
  }

  /** Ready means that the version has opened and answers the spec's example, not that a process runs. */
  async #ready(pinned: string | undefined): Promise<ApiReply> {
    const { spec, routes } = this.#parts;
    const route = (await routes.current())?.route;
    const served =
      pinned === undefined
        ? requireRoute(route, spec.name).champion
        : await this.#namedVersion(pinned, route);
    const api = spec.task.kind === 'ranking' ? 'rank' : 'predict';
    const example = this.#readQuestion(api, Buffer.from(JSON.stringify(spec.example)), {});
    await this.#run([{ arm: 'pinned', served }], example, randomUUID());
    return { status: 200, body: { name: spec.name, ready: true } };
  }

  #describe(
    question: Question,
    { arm, served, outputs, rendered: { propensities } }: Answer<Reply>,
    assignment: Assignment,
    route: Route | undefined,
  ) {
    const challenger = this.#isLeased(route) ? route?.challenger : undefined;
    return {
      kind: 'prediction' as const,
      ...(question.requestId !== undefined && { requestId: question.requestId }),
      at: this.#parts.clock.now(),
      model: this.#parts.spec.name,
      version: served.version,
      digest: served.digest,
      arm,
      ...(assignment.isEnrolled && assignment.arm !== 'pinned' && { assigned: assignment.arm }),
      ...(challenger && { promotion: challenger.promotion }),
      isEnrolled: assignment.isEnrolled,
      routeEpoch: route?.epoch ?? 0,
      rows: question.rows,
      outputs: outputs.map(loggedTensor),
      ...(propensities && { propensities: [...propensities] }),
      isShadowed: challenger !== undefined && isForShadow(assignment, challenger),
    };
  }
}

/** What was asked, as far as it may be logged; a sealed value stays out when there is no key. */
function logged(
  question: Question,
  { hash, seal }: LogKeys,
  predictionId: string,
): Pick<PredictionLine, 'asked' | 'withheld' | 'sealed'> {
  const { asked, withheld, sealed } = question.logged(hash);
  if (!sealed) return { asked, withheld: [...withheld] };
  if (!seal) return { asked, withheld: [...withheld, ...sealed.names] };
  const text = JSON.stringify(sealed.fields);
  return { asked, withheld: [...withheld], sealed: seal(text, predictionId) };
}

/**
 * Before anybody is exposed the champion's requests are compared. Later those of enrolled units ask for a
 * covariate, whichever arm they are of: whatever loses one must lose it in both arms alike.
 */
const isForShadow = (
  { arm, isEnrolled }: Assignment,
  { isShadowed, exposureBasisPoints }: NonNullable<Route['challenger']>,
): boolean => isShadowed && (exposureBasisPoints === 0 ? arm === 'champion' : isEnrolled);

/** Undefined where no declined row is accepted. */
const acceptanceIn = (route: Route | undefined): RandomAcceptance | undefined => {
  const { promotion, randomAcceptBasisPoints: basisPoints = 0 } = route?.challenger ?? {};
  return promotion !== undefined && basisPoints > 0 ? { promotion, basisPoints } : undefined;
};

function requireRoute(route: Route | undefined, model: string): Route {
  if (route) return route;
  throw notReady(`model '${model}' has no champion yet`);
}

const notReady = (message: string): ApiError =>
  new ApiError(503, 'NOT_READY', message, [], { 'retry-after': String(LIMITS.retryAfterSeconds) });
