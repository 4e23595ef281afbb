import type { Pointer } from '../contracts/dataset.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Promotion } from '../contracts/promotion.ts';
import type { Route } from '../contracts/route.ts';
import type { Version } from '../contracts/version.ts';
import { digestOfSpec, type PromotionContext, specOf } from './promotion-context.ts';

/** Why a promotion cannot go on: something it rests on has changed underneath. */
export type Ground =
  | { readonly kind: 'firm'; readonly promotion: Promotion; readonly route: Route }
  | { readonly kind: 'ended' }
  | { readonly kind: 'shifted'; readonly promotion: Promotion; readonly reason: string };

/**
 * Whether a promotion still stands on what it began with: its champion, its version, its spec and the dataset
 * it is compared on, and its own entry in the route since the place that made it. The first place that makes
 * one may be still to be opened; whoever looks at it asks for the entry too.
 */
export async function standsOn(
  model: string,
  id: string,
  context: PromotionContext,
): Promise<Ground> {
  const promotion = await context.promotions.find(model, id);
  if (promotion?.state !== 'running') return { kind: 'ended' };
  const shifted = (reason: string): Ground => ({ kind: 'shifted', promotion, reason });
  const [route, version, validationSet] = await Promise.all([
    context.routes.read(model),
    context.versions.find(model, promotion.version),
    promotion.dataset && context.validationSet(model),
  ]);
  if (!route) return shifted('the route is gone');
  if (digestOfSpec(specOf(context, model)) !== promotion.specDigest)
    return shifted('the spec was deployed anew with changes');
  const reason =
    shiftOfVersion(promotion, version) ??
    shiftOfDataset(promotion, validationSet) ??
    shiftOfChampion(promotion, route) ??
    shiftSinceExposed(promotion, route, specOf(context, model));
  return reason === undefined ? { kind: 'firm', promotion, route } : shifted(reason);
}

function shiftOfVersion(promotion: Promotion, version: Version | undefined): string | undefined {
  if (version?.digest !== promotion.digest) return 'the version is not what it was';
  if (version.stage === 'retired' || version.stage === 'rejected')
    return `version ${promotion.version} was ${version.stage} by hand`;
  return undefined;
}

/** What was compared on one set says nothing of another. */
function shiftOfDataset(
  { model, dataset }: Promotion,
  now: Pick<Pointer, 'epoch'> | undefined,
): string | undefined {
  if (!dataset || now?.epoch === dataset.epoch) return undefined;
  return `validation/${model} moved on from epoch ${dataset.epoch}, which this promotion is compared on`;
}

function shiftOfChampion(promotion: Promotion, route: Route): string | undefined {
  const { champion, changedBy, reason } = route;
  if (isChampionBy(route, promotion) || champion.version === promotion.champion.version)
    return undefined;
  return `${changedBy} made version ${champion.version} the champion: ${reason}`;
}

/** Why a place that exposes, or shadows, does so no more; an entry whose lease has expired is still one. */
export const shiftOfEntry = (
  { id }: Promotion,
  { challenger, reason }: Route,
): string | undefined =>
  challenger?.promotion === id ? undefined : `the route no longer names it: ${reason}`;

/** An entry stays in the route from its first place on, until the version is the champion. */
function shiftSinceExposed(
  promotion: Promotion,
  route: Route,
  { promotion: { steps } }: ModelSpec,
): string | undefined {
  const { step, rung = 0 } = promotion.place;
  const isExposed = rung > 0 || steps.slice(0, step).some(({ kind }) => EXPOSING.includes(kind));
  if (!isExposed || isChampionBy(route, promotion)) return undefined;
  return shiftOfEntry(promotion, route);
}

const EXPOSING: readonly string[] = ['shadow', 'pilot', 'ab'];

/** Whether the promotion itself made its version the champion; else that was somebody's own decision. */
export const isChampionBy = ({ champion, changedBy }: Route, { id, version }: Promotion): boolean =>
  champion.version === version && changedBy === id;
