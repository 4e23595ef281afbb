import { describe, expect, test } from 'vitest';
import { rollBackOnAlarm } from '../../functions/promote/alarm-rollback.ts';
import type { Ringing } from '../../functions/promote/evidence.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { aModel } from '../builders/model-spec.ts';
import { START_MS } from '../builders/route.ts';
import { NOTHING_RINGS, rings } from './in-memory-lookers.ts';
import { type InMemoryPromotions, PLACE } from './in-memory-promotions.ts';
import { inBake, inPilot } from './standing.ts';

describe('an alarm', () => {
  const alarm = 'slipway-main-m-objective-mae-challenger';
  const ring = (held: InMemoryPromotions, ringing: Partial<Ringing>, name = alarm) =>
    rollBackOnAlarm(name, {
      ...held.context,
      alarms: async () => ({ ...NOTHING_RINGS, ...ringing }),
    });

  test('on the challenger takes it back at once, and flapping changes nothing more', async () => {
    const held = inPilot();
    await ring(held, { challenger: rings('mae') });
    const { route } = held;
    await ring(held, { challenger: rings('mae') });
    expect(held.promotion).toMatchObject({ state: 'rolled-back', endedBy: alarm });
    expect(held.route).toEqual(route);
    expect(held.typesToTell()).toEqual(['RouteChanged', 'PromotionEnded']);
  });

  test.each<[string, Partial<Ringing>]>([
    ['on both arms', { champion: rings('mae'), challenger: rings('mae') }],
    [
      'on both arms, on the champion for longer',
      { champion: rings('mae', START_MS - 86_400_000), challenger: rings('mae') },
    ],
    ['that is over by now', {}],
    ['on the model as a whole', { model: rings('mae') }],
  ])('%s takes nothing back in a pilot', async (_, ringing) => {
    const held = inPilot();
    await ring(held, ringing);
    expect(held.promotion.state).toBe('running');
  });

  test.each([
    ['units first met it', PLACE.widerPilot, -7_200_000],
    ['units first met it', PLACE.ab, -7_200_000],
    ['the bake began', PLACE.bake, 0],
  ])('counts against a version from when %s', async (_, place, fromMs) => {
    for (const [sinceMs, state] of [
      [START_MS + fromMs - 1, 'running'],
      [START_MS + fromMs, 'rolled-back'],
    ] as const) {
      const held = inPilot({ place, exposedSince: instantOf(START_MS - 7_200_000) });
      const missed = rings('mae', sinceMs);
      await ring(held, place === PLACE.bake ? { champion: missed } : { challenger: missed });
      expect(held.promotion.state).toBe(state);
    }
  });

  test('in the bake is about the version that serves everyone', async () => {
    const held = await inBake();
    await ring(held, { champion: rings('mae') }, 'slipway-main-m-objective-mae-champion');
    expect(held.route?.champion.version).toBe('1');
  });

  test('while somebody has to approve takes nothing back: nobody is exposed', async () => {
    const held = inPilot({ place: PLACE.approve });
    await ring(held, { challenger: rings('mae') });
    expect(held.promotion.state).toBe('running');
  });

  test('of a model whose name ends in the name of another is not about the other', async () => {
    const held = inPilot();
    const specs = [...held.context.specs, aModel('card-m')];
    const asked: string[] = [];
    await rollBackOnAlarm('slipway-main-card-m-objective-mae-challenger', {
      ...held.context,
      specs,
      alarms: async (model) => {
        asked.push(model);
        return { ...NOTHING_RINGS, challenger: rings('mae') };
      },
      promotions: {
        running: async (model: string) => (model === 'm' ? held.promotion : undefined),
      } as unknown as typeof held.context.promotions,
    });
    expect(asked).toEqual([]);
    expect(held.promotion.state).toBe('running');
  });
});
