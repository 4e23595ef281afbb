import type { BusEvent } from '../contracts/event-bus.ts';
import { LIMITS } from '../contracts/limits.ts';
import { ideaOf, type Promotion, type PromotionEnding } from '../contracts/promotion.ts';
import { PROMOTION_EVENTS } from '../contracts/promotion-events.ts';
import type { Route } from '../contracts/route.ts';
import type { Version } from '../contracts/version.ts';
import { isChampionBy } from './ground.ts';
import type { PromotionContext } from './promotion-context.ts';

export interface EndRequest {
  readonly ending: PromotionEnding;
  readonly reason: string;
  readonly by: string;
}

/**
 * Ends a promotion: first nobody sees the challenger any more, then the record says so, then everyone
 * hears of it. Repeating it after a crash anywhere in between is safe, and so is ending what has ended.
 * @returns the promotion as it ended, which is how it ended first.
 */
export async function endPromotion(
  promotion: Promotion,
  { ending, reason, by }: EndRequest,
  context: PromotionContext,
): Promise<Promotion> {
  const stored = (await context.promotions.find(promotion.model, promotion.id)) ?? promotion;
  // What has ended was taken out before it ended; its version may serve again by now, by somebody's choice.
  if (stored.state !== 'running') return stored;
  const end = {
    state: ending,
    endedAt: context.clock.now(),
    endedBy: by,
    reason: reason.slice(0, LIMITS.textCharacters),
    idea: ideaOf(ending),
  };
  const final: Promotion = { ...stored, ...end };
  const route = await takeOut(final, reason, by, context);
  // A step that exposes it between the two changes the route: then it is to be taken out again.
  const onlyIf = context.routeStore.whileAt(final.model, route);
  const { kind } = await context.promotions.end(final, [endedEvent(stored, end)], onlyIf);
  if (kind === 'overtaken') return endPromotion(promotion, { ending, reason, by }, context);
  await context.announce(final.model);
  return final;
}

type End = Required<Pick<Promotion, 'state' | 'endedAt' | 'endedBy' | 'reason' | 'idea'>>;

function endedEvent({ id, model, version, place }: Promotion, end: End): BusEvent {
  const { state, reason, idea, endedAt: at, endedBy: by } = end;
  const detail = { at, model, promotion: id, version, state, reason, by, idea, place };
  return { type: PROMOTION_EVENTS.ended, detail };
}

const STAGE_AFTER: Readonly<Record<PromotionEnding, Version['stage']>> = {
  promoted: 'production',
  'rolled-back': 'rolled-back',
  rejected: 'rejected',
  inconclusive: 'evaluated',
  aborted: 'evaluated',
};

/**
 * Takes the version out of the route by one conditional write: as a challenger, or as a champion that has
 * not been kept. Others may change the route meanwhile, so a lost race reads it again.
 * @returns the route without it.
 */
async function takeOut(
  promotion: Promotion,
  reason: string,
  by: string,
  context: PromotionContext,
): Promise<Route | undefined> {
  const { model, version, state } = promotion;
  for (let attempt = 0; attempt < LIMITS.routeWriteAttempts; attempt += 1) {
    const route = await context.routes.read(model);
    const next = route && without(route, promotion);
    if (!next) {
      await settleStage(promotion, context);
      return route;
    }
    const changed: Route = {
      ...next,
      epoch: route.epoch + 1,
      changedAt: context.clock.now(),
      changedBy: by,
      reason: reason.slice(0, LIMITS.textCharacters),
    };
    const stage = STAGE_AFTER[state === 'running' ? 'rolled-back' : state];
    const { kind } = await context.routeStore.withdraw(changed, version, stage);
    if (kind === 'written') return changed;
    if (kind === 'version-changed') {
      // Retired by hand meanwhile: the route alone is to be mended.
      const amended = await context.routeStore.amend(changed);
      if (amended.kind === 'written') return changed;
    }
  }
  throw new Error(
    `the route of ${model} was changed ${LIMITS.routeWriteAttempts} times while ${promotion.id} was taken out`,
  );
}

/**
 * A version that never got into the route is judged all the same, and one that somebody took out of it may be
 * promoted again where nothing was found.
 */
async function settleStage(
  { model, version, state }: Promotion,
  { routeStore }: PromotionContext,
): Promise<void> {
  if (state === 'aborted' || state === 'inconclusive') await routeStore.unexpose(model, version);
  if (state === 'rejected' || state === 'rolled-back')
    await routeStore.setStage(model, version, state);
}

/** The route without the version; undefined where it does not have it, or keeps it. */
function without(route: Route, promotion: Promotion): Route | undefined {
  const { id, state, champion } = promotion;
  const { challenger, formerChampion, ...rest } = route;
  if (challenger?.promotion === id) return { ...rest, ...(formerChampion && { formerChampion }) };
  if (state === 'promoted' || !isChampionBy(route, promotion)) return undefined;
  // It is the champion already and must not stay: what served before it serves again.
  return { ...rest, champion: formerChampion ?? champion };
}

/** The same by id; an unknown one is an error of whoever asks. */
export async function endById(
  model: string,
  id: string,
  request: EndRequest,
  context: PromotionContext,
): Promise<Promotion> {
  const promotion = await context.promotions.find(model, id);
  if (promotion) return endPromotion(promotion, request, context);
  throw new Error(`${model} has no promotion ${id}`);
}
