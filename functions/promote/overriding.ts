import { ApiError } from '../contracts/api-error.ts';
import type { Promotion } from '../contracts/promotion.ts';
import { PROMOTION_EVENTS } from '../contracts/promotion-events.ts';
import { type ChampionChange, type ChampionStores, setChampion } from './champion.ts';
import type { PromotionContext } from './promotion-context.ts';

/**
 * Makes the version of an inconclusive promotion the champion: the test keeps the champion, unless somebody
 * decides otherwise and says why. Who did, when and why stays with the promotion.
 * @throws ApiError 409 for a promotion that ended otherwise, and while another runs.
 */
export async function overridePromotion(
  promotion: Promotion,
  { reason, by }: { readonly reason: string; readonly by: string },
  context: PromotionContext & Pick<ChampionStores, 'champions' | 'endpoints'>,
): Promise<ChampionChange> {
  const { id, model, version } = promotion;
  if (promotion.state !== 'inconclusive')
    throw new ApiError(
      409,
      'NOTHING_TO_OVERRIDE',
      `${id} is ${promotion.state}; only an inconclusive one can be overridden`,
    );
  const running = await context.promotions.running(model);
  if (running)
    throw new ApiError(
      409,
      'PROMOTION_RUNNING',
      `${running.id} is taking version ${running.version} of ${model} to production: end it first`,
      [`promotion: ${running.id}`],
    );
  const route = await context.routes.read(model);
  const change = await setChampion(
    {
      model,
      version,
      expectedEpoch: route?.epoch ?? 0,
      reason: `override of ${id}: ${reason}`,
      by,
    },
    context,
  );
  // After the route, so that it never says what did not happen; a repeated request makes up for a crash here.
  const isNew = change.kind === 'changed' || promotion.overridden === undefined;
  if (change.kind !== 'preparing' && isNew) await noteOverride(promotion, { reason, by }, context);
  return change;
}

async function noteOverride(
  { id, model, version }: Promotion,
  { reason, by }: { readonly reason: string; readonly by: string },
  { promotions, clock }: PromotionContext,
): Promise<void> {
  const at = clock.now();
  const detail = { at, model, promotion: id, version, by, reason };
  const told = [{ type: PROMOTION_EVENTS.overridden, detail }];
  await promotions.override({ model, id }, { by, reason, at }, told);
}
