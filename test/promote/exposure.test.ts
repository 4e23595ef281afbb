import { describe, expect, test } from 'vitest';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import {
  EndpointPreparing,
  enterPlace,
  exposePlace,
  pauseExposure,
  renewLease,
} from '../../functions/promote/exposure.ts';
import { standsOn } from '../../functions/promote/ground.ts';
import { runStep } from '../../functions/promote/step-machinery.ts';
import { epochMsOf, instantOf } from '../../functions/runtime/clock.ts';
import { aDecliningModel } from '../builders/declining-model.ts';
import { aChallenger, aRoute, aVersion, START_MS, servedVersion } from '../builders/route.ts';
import {
  aPlannedModel,
  aPromotion,
  InMemoryPromotions,
  PLACE,
  STEPS,
} from './in-memory-promotions.ts';

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

  test('keeps since when units meet the version, over all rungs and steps that show it', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ place: PLACE.smoke }) });
    const since: (string | undefined)[] = [];
    for (const place of [PLACE.shadow, PLACE.pilot, PLACE.widerPilot, PLACE.ab, PLACE.approve]) {
      held.clock.advance(1_000);
      await enterPlace(held.promotion, place, held.context);
      since.push(held.promotion.exposedSince);
    }
    const metAt = instantOf(START_MS + 2_000);
    expect(since).toEqual([undefined, metAt, metAt, metAt, metAt]);
  });

  test('keeps it of a plan whose first step shows the version', async () => {
    const spec = aPlannedModel(STEPS.slice(2));
    const held = new InMemoryPromotions({ promotion: aPromotion(), spec });
    held.clock.advance(1_000);
    await enterPlace(held.promotion, { step: 0, rung: 1 }, held.context);
    expect(held.promotion.exposedSince).toBe(instantOf(START_MS));
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
