import { describe, expect, test, vi } from 'vitest';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import type { Version } from '../../functions/contracts/version.ts';
import { crown } from '../../functions/promote/crowning.ts';
import { type EndRequest, endPromotion } from '../../functions/promote/ending.ts';
import type { EndpointStore } from '../../functions/promote/endpoint-store.ts';
import { EndpointPreparing } from '../../functions/promote/exposure.ts';
import { removeRejected } from '../../functions/promote/rejected-endpoint.ts';
import { aRoute, aVersion, servedVersion } from '../builders/route.ts';
import { aPromotion, InMemoryPromotions, PLACE } from './in-memory-promotions.ts';
import { inBake, inPilot } from './standing.ts';

const request = { ending: 'rolled-back', reason: 'it is worse', by: 'me' } as const;

const end = (held: InMemoryPromotions) => endPromotion(held.promotion, request, held.context);

describe('an ending', () => {
  test('takes the challenger out, records why, and tells both', async () => {
    const held = inPilot();
    await end(held);
    expect(held.route?.challenger).toBeUndefined();
    expect(held.route).toMatchObject({ epoch: 2, changedBy: 'me', reason: 'it is worse' });
    expect(held.promotion).toMatchObject({
      state: 'rolled-back',
      endedBy: 'me',
      reason: 'it is worse',
      idea: 'bad',
    });
    expect(held.stageOf('2')).toBe('rolled-back');
    expect(held.typesToTell()).toEqual(['RouteChanged', 'PromotionEnded']);
    expect(held.runs).toBeUndefined();
  });

  test.each(['route', 'end', 'announcement'])(
    'that dies before it writes the %s is made up for when it is repeated, and is told of once',
    async (crashAt) => {
      const held = inPilot();
      let isDead = false;
      held.before = (write) => {
        if (write !== crashAt || isDead) return;
        isDead = true;
        throw new Error('killed');
      };
      await expect(end(held)).rejects.toThrow('killed');
      await end(held);
      expect(held.route).toMatchObject({ epoch: 2 });
      expect(held.route?.challenger).toBeUndefined();
      expect(held.promotion.state).toBe('rolled-back');
      expect(held.typesToTell()).toEqual(['RouteChanged', 'PromotionEnded']);
    },
  );

  test('takes out again what a step exposed before the record said so', async () => {
    const held = inPilot();
    const exposed = { ...(held.route ?? aRoute()), epoch: 3, changedBy: 'm-p1' };
    let isExposed = false;
    held.before = (write) => {
      if (write !== 'end' || isExposed) return;
      isExposed = true;
      held.route = exposed;
    };
    await end(held);
    expect(held.promotion.state).toBe('rolled-back');
    expect(held.route).toMatchObject({ epoch: 4 });
    expect(held.route?.challenger).toBeUndefined();
  });

  test('repeated, leaves a route alone that somebody has changed since', async () => {
    const held = inPilot();
    await end(held);
    const byHand = aRoute({ epoch: 7, champion: servedVersion('2'), changedBy: 'somebody' });
    held.route = byHand;
    expect(await end(held)).toMatchObject({ state: 'rolled-back' });
    expect(held.route).toEqual(byHand);
  });

  test('asked for in two ways at once is the first one', async () => {
    const held = inPilot();
    const [one, other] = await Promise.all([
      end(held),
      endPromotion(held.promotion, { ...request, ending: 'aborted' }, held.context),
    ]);
    expect(one.state).toBe(other.state);
    expect(held.route?.epoch).toBe(2);
  });

  test('of a version that was retired meanwhile mends the route all the same', async () => {
    const held = inPilot();
    held.versions.set('2', aVersion('2', { stage: 'retired' }));
    await end(held);
    expect(held.route?.challenger).toBeUndefined();
    expect(held.stageOf('2')).toBe('retired');
  });

  test('of a version that no route names judges it all the same', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion() });
    await endPromotion(held.promotion, { ...request, ending: 'rejected' }, held.context);
    expect(held.route).toEqual(aRoute());
    expect(held.stageOf('2')).toBe('rejected');
  });
});

describe('a version that somebody took out of the route', () => {
  const endedFrom = async (stage: Version['stage'], ending: EndRequest['ending']) => {
    const promotion = aPromotion({ place: PLACE.pilot });
    const versions = [aVersion('1', { stage: 'production' }), aVersion('2', { stage })];
    const held = new InMemoryPromotions({ promotion, versions });
    await endPromotion(held.promotion, { ...request, ending }, held.context);
    expect(held.route).toEqual(aRoute());
    return held.stageOf('2');
  };

  test.each(['pilot', 'ab'] as const)(
    'may be promoted again once its %s ended without a finding',
    async (stage) => {
      expect(await endedFrom(stage, 'aborted')).toBe('evaluated');
      expect(await endedFrom(stage, 'inconclusive')).toBe('evaluated');
    },
  );

  test.each(['registered', 'rejected', 'retired', 'production', 'rolled-back'] as const)(
    'stays %s where that is what it is',
    async (stage) => {
      expect(await endedFrom(stage, 'aborted')).toBe(stage);
    },
  );
});

describe('the endpoint of a version', () => {
  async function removedAfter(
    promotion: Partial<Promotion>,
    stage: Version['stage'],
    isBeingMade = false,
  ) {
    const held = new InMemoryPromotions({
      versions: [aVersion('1', { stage: 'production' }), aVersion('2', { stage })],
    });
    const removed: string[] = [];
    const endpoints = {
      isBeingMade: async () => isBeingMade,
      remove: async ({ version }: Version) => void removed.push(version),
    };
    const ended = aPromotion(promotion);
    await removeRejected(ended, held.context, endpoints);
    await removeRejected(ended, held.context, undefined);
    return removed;
  }

  test('that was rejected goes', async () => {
    expect(await removedAfter({ state: 'rejected' }, 'rejected')).toEqual(['2']);
  });

  test.each<[Promotion['state'], Version['stage']]>([
    ['promoted', 'production'],
    ['rolled-back', 'rolled-back'],
    ['inconclusive', 'evaluated'],
    ['rejected', 'production'],
  ])('whose promotion is %s and that is %s stays', async (state, stage) => {
    expect(await removedAfter({ state }, stage)).toEqual([]);
  });

  test('is left to its retirement while it is still being made, and that is said', async () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const removed = await removedAfter({ state: 'rejected' }, 'rejected', true);
    const lines = write.mock.calls.map(([line]) => String(line));
    write.mockRestore();
    expect(removed).toEqual([]);
    expect(lines).toEqual(['{"kind":"endpoint-left","model":"m","version":"2"}\n']);
  });
});

describe('in the bake', () => {
  test('a rollback restores the champion of before', async () => {
    const held = await inBake();
    expect(held.route?.champion.version).toBe('2');
    await end(held);
    expect(held.route?.champion).toEqual(servedVersion('1'));
    expect(held.stageOf('2')).toBe('rolled-back');
  });

  test('a return goes to the endpoint of before, also of a version that had served once already', async () => {
    const before = { ...servedVersion('1'), endpoint: 'e-1' };
    const held = new InMemoryPromotions({
      promotion: aPromotion({ place: PLACE.production }),
      route: aRoute({ champion: before, formerChampion: servedVersion('2') }),
    });
    const context = { ...held.context, endpoints: undefined };
    await crown(held.promotion, held.route ?? aRoute(), context);
    await end(held);
    expect(held.route?.champion).toEqual(before);
  });

  test('a promotion that is kept leaves its version where it is', async () => {
    const held = await inBake();
    await endPromotion(held.promotion, { ...request, ending: 'promoted' }, held.context);
    expect(held.route?.champion.version).toBe('2');
    expect(held.promotion).toMatchObject({ state: 'promoted', idea: 'good' });
  });

  test('a champion whose endpoint is being made is not crowned yet', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ place: PLACE.production }) });
    const endpoints = { ensure: async () => ({ kind: 'creating' }) } as unknown as EndpointStore;
    const crowned = crown(held.promotion, aRoute(), { ...held.context, endpoints });
    await expect(crowned).rejects.toThrow(EndpointPreparing);
    expect(held.route).toEqual(aRoute());
  });

  test('a promotion that ends at that moment crowns nothing', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ place: PLACE.production }) });
    const seen = held.promotion;
    held.promotions.set('m-p1', { ...seen, state: 'rolled-back' });
    const crowned = crown(seen, aRoute(), { ...held.context, endpoints: undefined });
    await expect(crowned).rejects.toThrow('ended meanwhile');
    expect(held.route).toEqual(aRoute());
  });

  test('crowning twice is crowning once', async () => {
    const held = await inBake();
    const { route } = held;
    const context = { ...held.context, endpoints: undefined };
    expect(await crown(held.promotion, route ?? aRoute(), context)).toMatchObject({
      verdict: 'PASS',
    });
    expect(held.route).toEqual(route);
  });

  test('a champion that somebody made by hand stays', async () => {
    const byHand = aRoute({ epoch: 2, champion: servedVersion('2'), changedBy: 'somebody' });
    const held = new InMemoryPromotions({
      promotion: aPromotion({ place: PLACE.pilot }),
      route: byHand,
    });
    await end(held);
    expect(held.route).toEqual(byHand);
  });
});
