import type { Instant } from '../contracts/instant.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Promotion, PromotionPlace, StepResult } from '../contracts/promotion.ts';
import { PROMOTION_EVENTS } from '../contracts/promotion-events.ts';
import {
  isWatched,
  lookEverySeconds,
  type PlanStep,
  type WatchedStep,
} from '../contracts/promotion-pace.ts';
import type { Route, ServedVersion } from '../contracts/route.ts';
import type { Version } from '../contracts/version.ts';
import { epochMsOf, instantOf } from '../runtime/clock.ts';
import { type PromotionContext, specOf, stepOf } from './promotion-context.ts';

export interface ExposureContext extends PromotionContext {
  /**
   * The version as a route names it, its endpoint made where it needs one.
   * @throws EndpointPreparing while that takes.
   */
  servedVersion(promotion: Pick<Promotion, 'model' | 'version'>): Promise<ServedVersion>;
}

/** The endpoint of a version is being made: no failure, the machine asks again. */
export class EndpointPreparing extends Error {
  override readonly name = 'EndpointPreparing';
}

/** Stage of a version while it stands in a step. */
const STAGE_IN: Readonly<Record<WatchedStep['kind'], Version['stage']>> = {
  shadow: 'evaluated',
  pilot: 'pilot',
  ab: 'ab',
  bake: 'production',
};

/** Units that a place exposes, in 1/10,000; half of them get the challenger. */
export function exposureOf(step: WatchedStep, { rung = 0 }: PromotionPlace): number {
  switch (step.kind) {
    case 'shadow':
    case 'bake':
      return 0;
    case 'pilot':
      return Math.round((step.ramp[rung]?.exposurePercent ?? 0) * 100);
    case 'ab':
      return Math.round(step.exposurePercent * 100);
  }
}

type Showing = Pick<
  NonNullable<Route['challenger']>,
  'exposureBasisPoints' | 'isShadowed' | 'randomAcceptBasisPoints'
>;

/** What a place makes of the challenger. */
function showingOf(step: WatchedStep, place: PromotionPlace): Showing {
  const randomAcceptShare = step.kind === 'ab' ? step.randomAcceptShare : 0;
  return {
    exposureBasisPoints: exposureOf(step, place),
    ...(randomAcceptShare > 0 && {
      randomAcceptBasisPoints: Math.round(randomAcceptShare * 10_000),
    }),
    isShadowed: step.kind === 'shadow' || (step.kind === 'ab' && step.covariate !== 'none'),
  };
}

const shows = (challenger: Showing, wanted: Showing): boolean =>
  challenger.exposureBasisPoints === wanted.exposureBasisPoints &&
  challenger.randomAcceptBasisPoints === wanted.randomAcceptBasisPoints &&
  challenger.isShadowed === wanted.isShadowed;

const HIDDEN: Showing = { exposureBasisPoints: 0, isShadowed: false };

/** A look may be late by one more before the lease ends, and by the time a look takes. */
const LEASE_LOOKS = 2;
const LEASE_SPARE_MS = 300_000;

const leaseUntil = (step: WatchedStep, place: PromotionPlace, nowMs: number) =>
  instantOf(nowMs + LEASE_LOOKS * lookEverySeconds(step, place) * 1000 + LEASE_SPARE_MS);

/** A lease from the place before, with its own pace, must last until the first look. */
const firstLookMs = (step: WatchedStep, place: PromotionPlace, nowMs: number): number =>
  nowMs + lookEverySeconds(step, place) * 1000 + LEASE_SPARE_MS / 2;

/**
 * Exposes what the place of a promotion says, where it lasts. Delivered twice, it changes nothing the second
 * time.
 * @throws when the route or the version is changed by others at the same moment, or the promotion ends.
 */
export async function exposePlace(
  promotion: Promotion,
  route: Route,
  context: ExposureContext,
): Promise<StepResult> {
  const step = stepOf(specOf(context, promotion.model), promotion);
  if (isWatched(step) && step.kind !== 'bake') await expose(promotion, route, step, context);
  return { verdict: 'PASS', reason: 'opened' };
}

type ExposingStep = Exclude<WatchedStep, { kind: 'bake' }>;

async function expose(
  promotion: Promotion,
  route: Route,
  step: ExposingStep,
  context: ExposureContext,
): Promise<void> {
  const { id, model, version, place } = promotion;
  const wanted = showingOf(step, place);
  const { challenger } = route;
  if (
    challenger?.promotion === id &&
    shows(challenger, wanted) &&
    epochMsOf(challenger.expiresAt) > firstLookMs(step, place, context.clock.nowMs())
  )
    return;
  const next: Route = {
    ...route,
    epoch: route.epoch + 1,
    challenger: {
      ...(await context.servedVersion(promotion)),
      promotion: id,
      ...wanted,
      expiresAt: leaseUntil(step, place, context.clock.nowMs()),
    },
    changedAt: context.clock.now(),
    changedBy: id,
    reason: `${step.kind}${step.kind === 'pilot' ? ` at ${wanted.exposureBasisPoints / 100} %` : ''}`,
  };
  const stage = STAGE_IN[step.kind];
  const onlyIf = context.promotions.whileRunning(promotion);
  const { kind } = await context.routeStore.expose(next, version, stage, onlyIf);
  if (kind === 'overtaken') throw new Error(`${id} ended while it was exposed`);
  if (kind !== 'written')
    throw new Error(`the route or the version of ${model} changed while ${id} was exposed`);
}

/**
 * Shows the challenger to nobody while nobody looks at it. Its entry stays in the route: the promotion goes on.
 * @throws when the route is changed by others at the same moment.
 */
export async function pauseExposure(
  { id, model }: Promotion,
  route: Route,
  { routeStore, clock }: PromotionContext,
): Promise<void> {
  const { challenger } = route;
  if (challenger?.promotion !== id || shows(challenger, HIDDEN)) return;
  const { randomAcceptBasisPoints: _, ...entry } = challenger;
  const { kind } = await routeStore.amend({
    ...route,
    epoch: route.epoch + 1,
    challenger: { ...entry, ...HIDDEN },
    changedAt: clock.now(),
    changedBy: id,
    reason: 'shown to nobody while somebody decides',
  });
  if (kind !== 'written') throw new Error(`the route of ${model} changed while ${id} was hidden`);
}

/** Notes that a promotion has come to a place, and that this is to be told. */
export async function enterPlace(
  promotion: Promotion,
  place: PromotionPlace,
  context: PromotionContext,
): Promise<Promotion> {
  const { step, rung = 0 } = promotion.place;
  const ahead = place.step - step || (place.rung ?? 0) - rung;
  if (ahead === 0) return promotion;
  // A step that was delivered late must not take the promotion back.
  if (ahead < 0) throw new Error(`${promotion.id} has moved on to step ${step + 1} of its plan`);
  const at = context.clock.now();
  const { id, model, version } = promotion;
  const spec = specOf(context, model);
  const { kind } = stepOf(spec, { place });
  const exposedSince = promotion.exposedSince ?? exposedFrom(promotion, kind, at, spec);
  const changes = { place, placeSince: at, ...(exposedSince && { exposedSince }) };
  const detail = { at, model, promotion: id, version, place, kind };
  const advanced = [{ type: PROMOTION_EVENTS.advanced, detail }];
  if (!(await context.promotions.change(promotion, changes, advanced)))
    throw new Error(`${id} ended while it moved on`);
  return { ...promotion, ...changes };
}

/** Since when units meet the version of a promotion that moves on; undefined while none do. */
function exposedFrom(
  promotion: Promotion,
  next: PlanStep['kind'],
  at: Instant,
  spec: ModelSpec,
): Instant | undefined {
  if (isShown(stepOf(spec, promotion).kind)) return promotion.placeSince;
  return isShown(next) ? at : undefined;
}

/** Whether a step shows the challenger to units. */
export const isShown = (kind: PlanStep['kind']): boolean => kind === 'pilot' || kind === 'ab';

/**
 * Renews the lease of a challenger that is still in the route.
 * @returns false when the entry is not this promotion's any more.
 */
export async function renewLease(
  promotion: Promotion,
  route: Route,
  context: PromotionContext,
): Promise<boolean> {
  const step = stepOf(specOf(context, promotion.model), promotion);
  if (!isWatched(step) || step.kind === 'bake') return true;
  const { challenger } = route;
  if (challenger?.promotion !== promotion.id) return false;
  const expiresAt = leaseUntil(step, promotion.place, context.clock.nowMs());
  if (epochMsOf(expiresAt) <= epochMsOf(challenger.expiresAt)) return true;
  const { kind } = await context.routeStore.renew({
    ...route,
    epoch: route.epoch + 1,
    challenger: { ...challenger, expiresAt },
  });
  return kind === 'written';
}
