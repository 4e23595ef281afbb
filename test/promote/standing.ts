import type { Promotion } from '../../functions/contracts/promotion.ts';
import { crown } from '../../functions/promote/crowning.ts';
import { aChallenger, aRoute } from '../builders/route.ts';
import { aPromotion, InMemoryPromotions, PLACE } from './in-memory-promotions.ts';

/** A promotion whose challenger some units meet. */
export function inPilot(over: Partial<Promotion> = {}) {
  const promotion = aPromotion({ place: PLACE.pilot, ...over });
  const route = aRoute({ challenger: aChallenger({ promotion: promotion.id }) });
  return new InMemoryPromotions({ promotion, route });
}

/** A promotion whose version has just become the champion. */
export async function inBake() {
  const held = new InMemoryPromotions({ promotion: aPromotion({ place: PLACE.production }) });
  const seen = held.route ?? aRoute();
  await crown(held.promotion, seen, { ...held.context, endpoints: undefined });
  held.promotions.set('m-p1', { ...held.promotion, place: PLACE.bake });
  return held;
}
