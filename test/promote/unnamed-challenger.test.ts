import { describe, expect, test } from 'vitest';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import { look } from '../../functions/promote/looking.ts';
import { aChallenger, aRoute } from '../builders/route.ts';
import { InMemoryLookers } from './in-memory-lookers.ts';
import { aPromotion, InMemoryPromotions, PLACE } from './in-memory-promotions.ts';

function standingIn(place: Promotion['place']) {
  const held = new InMemoryPromotions({ promotion: aPromotion({ place }) });
  const { lookers } = new InMemoryLookers(held);
  const lookNow = () => look(held.promotion, held.route ?? aRoute(), lookers);
  return { held, lookNow };
}

describe('a challenger that the route no longer names', () => {
  test.each([
    ['a shadow', PLACE.shadow],
    ['a pilot', PLACE.pilot],
    ['an A/B test', PLACE.ab],
  ])(
    'because the champion was changed by hand and back aborts %s, and says why',
    async (_, place) => {
      const { held, lookNow } = standingIn(place);
      held.route = aRoute({ epoch: 3, reason: 'back to what works' });
      const reason = 'the route no longer names it: back to what works';
      expect(await lookNow()).toEqual({ verdict: 'ENDED', reason });
      expect(held.promotion).toMatchObject({ state: 'aborted', reason, idea: 'undecided' });
      expect(held.route).toMatchObject({ epoch: 3 });
    },
  );

  test('because another promotion is in it aborts it too, and leaves that one alone', async () => {
    const { held, lookNow } = standingIn(PLACE.pilot);
    const route = aRoute({ challenger: aChallenger({ promotion: 'm-p9' }) });
    held.route = route;
    expect(await lookNow()).toMatchObject({ verdict: 'ENDED' });
    expect(held.route).toEqual(route);
  });
});
