import { ApiError } from '../contracts/api-error.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Promotion } from '../contracts/promotion.ts';
import type { ApiReply, ApiRequest } from '../runtime/api-handler.ts';
import { readBody } from '../runtime/json-body.ts';
import { type AnswerMachine, decideApproval } from './approval.ts';
import { type ChampionChange, type ChampionStores, setChampion } from './champion.ts';
import { endPromotion } from './ending.ts';
import type { EndpointStore } from './endpoint-store.ts';
import { countIdeas, quarterOf } from './ideas.ts';
import { rederive } from './look-judgement.ts';
import { overridePromotion } from './overriding.ts';
import { DecisionBody, Quarter, ReasonBody, StartBody } from './promotion-requests.ts';
import { type Starter, startPromotion } from './starting.ts';

export interface PromotionApi extends Starter {
  readonly answerMachine: AnswerMachine;
  /** Lets the machine of an ended promotion go; it would find out by itself at its next step. */
  stopMachine(promotion: Promotion, reason: string): Promise<void>;
  endpointsOf(model: string): EndpointStore | undefined;
}

export const championStores = (api: PromotionApi, model: string): ChampionStores => ({
  ...api,
  champions: api.routeStore,
  endpoints: api.endpointsOf(model),
});

type Answer = (request: ApiRequest, spec: ModelSpec, api: PromotionApi) => Promise<ApiReply>;

/** `METHOD promotions` or `routes`, and what follows the model's name, `*` for one segment. */
export const PROMOTION_ANSWERS: Readonly<Record<string, Answer>> = {
  'POST promotions': start,
  'GET promotions': list,
  'GET promotions/ideas': ideas,
  'GET promotions/*': show,
  'GET promotions/*/looks': looks,
  'POST promotions/*/decide': decide,
  'POST promotions/*/abort': abort,
  'POST promotions/*/override': override,
  'POST routes/rollback': rollBack,
};

/** The token opens the machine to whoever has it. */
function shown({ approval, ...promotion }: Promotion) {
  if (!approval) return promotion;
  const { token: _token, ...open } = approval;
  return { ...promotion, approval: open };
}

async function start(
  { body, caller }: ApiRequest,
  spec: ModelSpec,
  api: PromotionApi,
): Promise<ApiReply> {
  const asked = readBody(StartBody, body);
  const promotion = await startPromotion({ ...asked, model: spec.name, by: caller }, api);
  return { status: 201, body: shown(promotion) };
}

async function list(
  { query }: ApiRequest,
  { name }: ModelSpec,
  { promotions }: PromotionApi,
): Promise<ApiReply> {
  const cursor = query['cursor'];
  if (cursor !== undefined && !new RegExp(`^${name}-p[1-9][0-9]{0,5}$`).test(cursor))
    throw new ApiError(400, 'BAD_CURSOR', 'the cursor is not one this API gave');
  const { promotions: page, next } = await promotions.list(name, cursor);
  return { status: 200, body: { promotions: page.map(shown), cursor: next ?? null } };
}

async function ideas(
  { query }: ApiRequest,
  { name }: ModelSpec,
  { promotions, clock }: PromotionApi,
): Promise<ApiReply> {
  const asked = query['quarter'] ?? quarterOf({ startedAt: clock.now() });
  const quarter = Quarter.safeParse(asked);
  if (!quarter.success)
    throw new ApiError(400, 'BAD_QUARTER', `"${asked}" is no quarter: write 2026-Q4`);
  const all: Promotion[] = [];
  let before: string | undefined;
  do {
    const page = await promotions.list(name, before);
    all.push(...page.promotions);
    before = page.next;
  } while (before !== undefined);
  return { status: 200, body: countIdeas(all, quarter.data) };
}

/** @throws ApiError 404. */
async function find(
  { path }: ApiRequest,
  { name }: ModelSpec,
  { promotions }: PromotionApi,
): Promise<Promotion> {
  const id = path[3] ?? '';
  const promotion = await promotions.find(name, id);
  if (promotion) return promotion;
  throw new ApiError(404, 'PROMOTION_NOT_FOUND', `${name} has no promotion "${id.slice(0, 60)}"`);
}

async function show(request: ApiRequest, spec: ModelSpec, api: PromotionApi): Promise<ApiReply> {
  return { status: 200, body: shown(await find(request, spec, api)) };
}

/** Every look with the verdict derived again from what was kept of it. */
async function looks(request: ApiRequest, spec: ModelSpec, api: PromotionApi): Promise<ApiReply> {
  const { id } = await find(request, spec, api);
  const kept = await api.promotions.looks(spec.name, id);
  return { status: 200, body: { looks: kept.map((look) => ({ ...look, again: rederive(look) })) } };
}

async function decide(request: ApiRequest, spec: ModelSpec, api: PromotionApi): Promise<ApiReply> {
  const { approve: isApproved, reason } = readBody(DecisionBody, request.body);
  const promotion = await find(request, spec, api);
  const decision = { isApproved, reason, by: request.caller };
  const decided = await decideApproval(promotion, decision, api.answerMachine, api);
  return { status: 200, body: shown(decided) };
}

async function abort(request: ApiRequest, spec: ModelSpec, api: PromotionApi): Promise<ApiReply> {
  const { reason } = readBody(ReasonBody, request.body);
  const promotion = await find(request, spec, api);
  return end(promotion, 'aborted', reason, request.caller, api);
}

async function end(
  promotion: Promotion,
  ending: 'aborted' | 'rolled-back',
  reason: string,
  by: string,
  api: PromotionApi,
): Promise<ApiReply> {
  const ended = await endPromotion(promotion, { ending, reason, by }, api);
  await api.stopMachine(ended, reason);
  return { status: 200, body: shown(ended) };
}

async function override(
  request: ApiRequest,
  spec: ModelSpec,
  api: PromotionApi,
): Promise<ApiReply> {
  const { reason } = readBody(ReasonBody, request.body);
  const promotion = await find(request, spec, api);
  const stores = { ...api, ...championStores(api, spec.name) };
  return tellChange(
    await overridePromotion(promotion, { reason, by: request.caller }, stores),
    api,
  );
}

async function tellChange(change: ChampionChange, api: PromotionApi): Promise<ApiReply> {
  if (change.kind === 'preparing') return { status: 202, body: { state: 'preparing' } };
  await api.announce(change.route.model);
  return { status: 200, body: change.route };
}

/**
 * What runs is taken back; where nothing runs, the champion before serves again. Asked again after its answer
 * got lost it changes nothing: a second rollback would take back what the first has kept.
 */
async function rollBack(
  { body, caller }: ApiRequest,
  spec: ModelSpec,
  api: PromotionApi,
): Promise<ApiReply> {
  const { reason } = readBody(ReasonBody, body);
  const running = await api.promotions.running(spec.name);
  if (running) return end(running, 'rolled-back', reason, caller, api);
  const [last] = (await api.promotions.list(spec.name)).promotions;
  if (last?.state === 'rolled-back' && last.endedBy === caller && last.reason === reason)
    return { status: 200, body: shown(last) };
  const route = await api.routes.read(spec.name);
  if (route?.changedBy === caller && route.reason === reason) return { status: 200, body: route };
  if (!route?.formerChampion)
    throw new ApiError(
      409,
      'NOTHING_TO_ROLL_BACK',
      `${spec.name} has no promotion that runs and no champion before this one`,
    );
  const { version } = route.formerChampion;
  const request = { model: spec.name, version, expectedEpoch: route.epoch, reason, by: caller };
  const change = await setChampion(request, championStores(api, spec.name));
  return tellChange(change, api);
}
