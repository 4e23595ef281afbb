import { describe, expect, test } from 'vitest';
import type { DatasetDigest } from '../../functions/contracts/dataset.ts';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import type { Digest } from '../../functions/contracts/version.ts';
import {
  EndpointPreparing,
  enterPlace,
  exposePlace,
  pauseExposure,
  renewLease,
  standsOn,
} from '../../functions/promote/exposure.ts';
import { runStep } from '../../functions/promote/step-machinery.ts';
import { epochMsOf, instantOf } from '../../functions/runtime/clock.ts';
import { aDecliningModel } from '../builders/declining-model.ts';
import { aChallenger, aRoute, aVersion, START_MS, servedVersion } from '../builders/route.ts';
import { aPlannedModel, aPromotion, InMemoryPromotions, PLACE } from './in-memory-promotions.ts';

const digest = 'd'.repeat(64) as Digest & DatasetDigest;

function standingIn(place: Promotion['place'], spec = aPlannedModel()) {
  const held = new InMemoryPromotions({ promotion: aPromotion({ place }), spec });
  const context = {
    ...held.context,
    servedVersion: async ({ version }: Pick<Promotion, 'version'>) => servedVersion(version),
  };
  const open = () => exposePlace(held.promotion, held.route ?? aRoute(), context);
  return { held, context, open };
}

describe('opening a place', () => {
  test('exposes what the plan says, under a lease that lasts two looks', async () => {
    const { held, open } = standingIn(PLACE.widerPilot);
    await open();
    expect(held.route?.challenger).toMatchObject({
      ...servedVersion('2'),
      promotion: 'm-p1',
      exposureBasisPoints: 1_000,
      isShadowed: false,
    });
    const { expiresAt } = held.route?.challenger ?? aChallenger();
    const leaseMs = epochMsOf(expiresAt) - START_MS;
    expect(leaseMs).toBeGreaterThan(2 * 150_000);
    expect(held.stageOf('2')).toBe('pilot');
  });

  test('twice changes nothing the second time', async () => {
    const { held, open } = standingIn(PLACE.pilot);
    await open();
    const { route } = held;
    held.clock.advance(5_000);
    await open();
    expect(held.route).toEqual(route);
    expect(held.typesToTell()).toEqual(['RouteChanged']);
  });

  test('renews a lease that would end before the first look', async () => {
    const { held, open } = standingIn(PLACE.ab);
    held.route = aRoute({
      challenger: aChallenger({
        promotion: 'm-p1',
        exposureBasisPoints: 5_000,
        isShadowed: true,
        expiresAt: instantOf(START_MS + 420_000),
      }),
    });
    await open();
    const { expiresAt } = held.route?.challenger ?? aChallenger();
    expect(epochMsOf(expiresAt)).toBeGreaterThan(START_MS + 3_600_000);
  });

  test('accepts the share of a test at random, and goes on doing so', async () => {
    const { held, open } = standingIn({ step: 0 }, aDecliningModel());
    await open();
    const { route } = held;
    expect(route?.challenger).toMatchObject({ randomAcceptBasisPoints: 1_000 });
    await open();
    expect(held.route).toEqual(route);
  });

  test('shows a shadow to nobody', async () => {
    const { held, open } = standingIn(PLACE.shadow);
    await open();
    expect(held.route?.challenger).toMatchObject({ exposureBasisPoints: 0, isShadowed: true });
  });

  test('fails where the route or the version changes at that moment', async () => {
    const { held, open } = standingIn(PLACE.pilot);
    held.versions.set('2', aVersion('2', { stage: 'retired' }));
    await expect(open()).rejects.toThrow('changed while m-p1 was exposed');
    expect(held.route).toEqual(aRoute());
  });

  test('exposes nobody to the version of a promotion that ends at that moment', async () => {
    const { held, context } = standingIn(PLACE.pilot);
    const seen = held.promotion;
    held.promotions.set('m-p1', { ...seen, state: 'rolled-back' });
    await expect(exposePlace(seen, aRoute(), context)).rejects.toThrow('m-p1 ended while');
    expect(held.route).toEqual(aRoute());
  });
});

describe('what nobody looks at', () => {
  test('is shown to nobody, stays in the route, and is shown again by the next place', async () => {
    const { held, context, open } = standingIn(PLACE.ab);
    await open();
    const stage = held.stageOf('2');
    await pauseExposure(held.promotion, held.route ?? aRoute(), context);
    expect(held.route?.challenger).toMatchObject({
      promotion: 'm-p1',
      exposureBasisPoints: 0,
      isShadowed: false,
    });
    expect(held.stageOf('2')).toBe(stage);
    expect(await standsOn('m', 'm-p1', context)).toMatchObject({ kind: 'firm' });
    await open();
    expect(held.route?.challenger).toMatchObject({ exposureBasisPoints: 5_000 });
  });

  test('is hidden once, and accepts nothing at random any more', async () => {
    const { held, context, open } = standingIn({ step: 0 }, aDecliningModel());
    await open();
    await pauseExposure(held.promotion, held.route ?? aRoute(), context);
    const { route } = held;
    expect(route?.challenger).not.toHaveProperty('randomAcceptBasisPoints');
    await pauseExposure(held.promotion, route ?? aRoute(), context);
    expect(held.route).toEqual(route);
  });

  test('is not hidden over a route that somebody has changed meanwhile', async () => {
    const { held, context, open } = standingIn(PLACE.ab);
    await open();
    const seen = held.route ?? aRoute();
    held.route = { ...seen, epoch: seen.epoch + 1 };
    await expect(pauseExposure(held.promotion, seen, context)).rejects.toThrow('changed while');
  });
});

describe('the ground of a promotion', () => {
  const shifts: [string, (held: InMemoryPromotions) => void, string][] = [
    [
      'somebody makes another version the champion',
      (held) => void (held.route = aRoute({ champion: servedVersion('9'), reason: 'urgent' })),
      'somebody made version 9 the champion: urgent',
    ],
    [
      'somebody makes its own version the champion',
      (held) => void (held.route = aRoute({ champion: servedVersion('2') })),
      'somebody made version 2 the champion',
    ],
    [
      'its version is retired',
      (held) => void held.versions.set('2', aVersion('2', { stage: 'retired' })),
      'version 2 was retired by hand',
    ],
    [
      'its version is another artifact',
      (held) => void held.versions.set('2', aVersion('2', { digest: servedVersion('8').digest })),
      'the version is not what it was',
    ],
    [
      'its spec is deployed with changes',
      (held) => void held.promotions.set('m-p1', { ...held.promotion, specDigest: 'other' }),
      'the spec was deployed anew with changes',
    ],
    [
      'the validation set it began with is not the one everyone uses any more',
      (held) => {
        held.promotions.set('m-p1', { ...held.promotion, dataset: { digest, epoch: 1 } });
        held.validationSet = { digest, epoch: 2 };
      },
      'validation/m moved on from epoch 1',
    ],
    ['the route is gone', (held) => void (held.route = undefined), 'the route is gone'],
  ];
  test.each(shifts)('shifts when %s', async (_, shift, reason) => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ place: PLACE.pilot }) });
    shift(held);
    const { route } = held;
    let hasRun = false;
    const input = { model: 'm', promotion: 'm-p1', place: PLACE.pilot };
    const result = await runStep(input, held.context, async () => {
      hasRun = true;
      return { verdict: 'PASS', reason: '' };
    });
    expect(result.verdict).toBe('ENDED');
    expect(result.reason).toContain(reason);
    expect(hasRun).toBe(false);
    expect(held.promotion).toMatchObject({ state: 'aborted', idea: 'undecided' });
    expect(held.route).toEqual(route);
  });

  test.each([
    ['a later place', PLACE.ab],
    ['a wider rung', PLACE.widerPilot],
    ['an approval', PLACE.approve],
    ['a crowning', PLACE.production],
    ['a bake', PLACE.bake],
  ])('shifts when the route no longer names it before %s', async (_, place) => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ place }) });
    held.route = aRoute({ reason: 'back to what works' });
    expect(await standsOn('m', 'm-p1', held.context)).toMatchObject({
      kind: 'shifted',
      reason: 'the route no longer names it: back to what works',
    });
  });

  test('is firm before its first place is opened, and while its entry is there', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ place: PLACE.shadow }) });
    expect(await standsOn('m', 'm-p1', held.context)).toMatchObject({ kind: 'firm' });
    held.promotions.set('m-p1', { ...held.promotion, place: PLACE.production });
    const expiresAt = instantOf(START_MS - 1);
    held.route = aRoute({ challenger: aChallenger({ promotion: 'm-p1', expiresAt }) });
    expect(await standsOn('m', 'm-p1', held.context)).toMatchObject({ kind: 'firm' });
  });

  test('is firm once the promotion itself has made its version the champion', async () => {
    const held = new InMemoryPromotions({
      promotion: aPromotion({ place: PLACE.production }),
      route: aRoute({ champion: servedVersion('2'), changedBy: 'm-p1' }),
    });
    expect(await standsOn('m', 'm-p1', held.context)).toMatchObject({ kind: 'firm' });
  });

  test('is gone once it has ended, and nothing is moved', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ state: 'aborted' }) });
    const input = { model: 'm', promotion: 'm-p1', place: PLACE.pilot };
    const step = async () => ({ verdict: 'PASS', reason: '' }) as const;
    expect(await runStep(input, held.context, step)).toMatchObject({ verdict: 'ENDED' });
    expect(held.typesToTell()).toEqual([]);
  });
});

describe('a step whose version has no endpoint yet', () => {
  const run = (held: InMemoryPromotions) =>
    runStep({ model: 'm', promotion: 'm-p1', place: PLACE.smoke }, held.context, async () => {
      throw new EndpointPreparing('the endpoint of version 2 of m is being made');
    });

  test('asks again and is no failure, and is one when that takes longer than endpoints do', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion() });
    held.clock.advance(3_600_000);
    expect(await run(held)).toEqual({
      verdict: 'PREPARING',
      reason: 'the endpoint of version 2 of m is being made',
    });
    held.clock.advance(1_000);
    await expect(run(held)).rejects.toThrow('is being made, and that for 3601 s');
  });
});

describe('entering a place', () => {
  test('is told once, however often it is delivered', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion() });
    held.clock.advance(1_000);
    await enterPlace(held.promotion, PLACE.shadow, held.context);
    held.clock.advance(1_000);
    await enterPlace(held.promotion, PLACE.shadow, held.context);
    expect(held.promotion).toMatchObject({
      place: PLACE.shadow,
      placeSince: instantOf(START_MS + 1_000),
    });
    expect(held.typesToTell()).toEqual(['PromotionAdvanced']);
  });

  test.each([
    ['an earlier step', PLACE.ab, PLACE.pilot],
    ['a lower rung', PLACE.widerPilot, PLACE.pilot],
  ])('%s again, delivered late, is refused', async (_, now, late) => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ place: now }) });
    await expect(enterPlace(held.promotion, late, held.context)).rejects.toThrow('has moved on');
    expect(held.promotion.place).toEqual(now);
  });

  test('of a promotion that has just ended fails', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion() });
    const seen = held.promotion;
    held.promotions.set('m-p1', { ...seen, state: 'aborted' });
    await expect(enterPlace(seen, PLACE.shadow, held.context)).rejects.toThrow('ended while');
  });
});

describe('a lease', () => {
  const leased = () =>
    new InMemoryPromotions({
      promotion: aPromotion({ place: PLACE.pilot }),
      route: aRoute({ challenger: aChallenger({ promotion: 'm-p1' }) }),
    });

  test('is never shortened', async () => {
    const held = leased();
    const seen = held.route ?? aRoute();
    expect(await renewLease(held.promotion, seen, held.context)).toBe(true);
    expect(held.route).toEqual(seen);
  });

  test('that loses the race against another change is not renewed over it', async () => {
    const held = leased();
    const seen = held.route ?? aRoute();
    held.clock.advance(7_200_000);
    held.route = aRoute({ epoch: 2 });
    expect(await renewLease(held.promotion, seen, held.context)).toBe(false);
    expect(held.route).toEqual(aRoute({ epoch: 2 }));
  });

  test('of another promotion is left alone', async () => {
    const held = leased();
    const route = aRoute({ challenger: aChallenger({ promotion: 'm-p9' }) });
    expect(await renewLease(held.promotion, route, held.context)).toBe(false);
  });
});

test('the plan of the tests is one that a spec may have', () => {
  expect(aPlannedModel().promotion.steps).toHaveLength(7);
});
