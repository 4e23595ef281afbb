import { describe, expect, test } from 'vitest';
import { look } from '../../functions/promote/looking.ts';
import { epochMsOf, instantOf } from '../../functions/runtime/clock.ts';
import { aChallenger, aRoute, START_MS } from '../builders/route.ts';
import { ask, NOTHING_RINGS, rings } from './in-memory-lookers.ts';
import { PLACE } from './in-memory-promotions.ts';
import { fill, standingIn } from './standing-in.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('a pilot', () => {
  test('goes on once its time has passed, the challenger was asked and nothing speaks against it', async () => {
    const stand = standingIn(PLACE.pilot);
    ask(stand.looking.units, 'u', 'challenger', instantOf(START_MS));
    expect(await stand.lookNow()).toMatchObject({ verdict: 'CONTINUE' });
    stand.held.clock.advance(HOUR_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'PASS' });
  });

  test('in which nobody asked anything waits, and ends undecided', async () => {
    const { held, lookNow } = standingIn(PLACE.pilot);
    held.clock.advance(HOUR_MS);
    expect(await lookNow()).toMatchObject({ verdict: 'HOLD' });
    held.clock.advance(3 * HOUR_MS);
    expect(await lookNow()).toMatchObject({ verdict: 'INCONCLUSIVE' });
  });

  test('is taken back by the exact test when failures are the challenger’s', async () => {
    const stand = standingIn(PLACE.pilot);
    for (let unit = 0; unit < 40; unit++) {
      const arm = unit % 2 === 0 ? 'champion' : 'challenger';
      ask(stand.looking.units, `u${unit}`, arm, instantOf(START_MS), {
        failed: arm === 'challenger' ? 1 : 0,
      });
    }
    stand.held.clock.advance(60_000);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'ROLLBACK' });
    expect(stand.held.looks.at(-1)?.judged.rule).toBe('rare-events');
  });

  test('is taken back by a guardrail only once there are enough units', async () => {
    const few = standingIn(PLACE.pilot);
    fill(few, { units: 60, challenger: 9, days: 0.01 });
    few.held.clock.advance(60 * HOUR_MS);
    expect(few.held.looks).toEqual([]);
    expect((await few.lookNow()).verdict).not.toBe('ROLLBACK');
    const many = standingIn(PLACE.pilot);
    fill(many, { challenger: 9, days: 0.01 });
    many.held.clock.advance(60 * HOUR_MS);
    expect(await many.lookNow()).toMatchObject({ verdict: 'ROLLBACK' });
  });
});

describe('an outage of what is measured', () => {
  const outages = {
    alarms: ({ looking }: ReturnType<typeof standingIn>) => {
      looking.alarmOutage = new Error('Rate exceeded');
    },
    units: ({ looking }: ReturnType<typeof standingIn>) => {
      looking.units.outage = new Error('Rate exceeded');
    },
  };
  test.each([
    ['alarms', 'pilot'],
    ['units', 'pilot'],
    ['alarms', 'ab'],
    ['units', 'ab'],
  ] as const)('of %s holds %s, with its reason and the lease renewed', async (what, place) => {
    const stand = standingIn(PLACE[place]);
    fill(stand, { challenger: 1, days: 6 });
    outages[what](stand);
    stand.held.clock.advance(place === 'pilot' ? HOUR_MS : 10 * DAY_MS);
    const { verdict, reason } = await stand.lookNow();
    expect(verdict).toBe('HOLD');
    expect(reason).toContain('Rate exceeded');
    const { expiresAt } = stand.held.route?.challenger ?? aChallenger();
    expect(epochMsOf(expiresAt)).toBeGreaterThan(stand.held.clock.nowMs());
    expect(stand.held.looks.at(-1)).toMatchObject({ evidence: { data: 'failed' } });
  });

  test('at the end of a place ends nothing for 24 looks, and keeps the champion after them', async () => {
    const stand = standingIn(PLACE.ab);
    outages.units(stand);
    stand.held.clock.advance(21 * DAY_MS + HOUR_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'HOLD' });
    stand.held.clock.advance(DAY_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'INCONCLUSIVE' });
  });

  test('does not hide harm that is seen', async () => {
    const stand = standingIn(PLACE.pilot);
    outages.units(stand);
    stand.looking.ringing = { ...NOTHING_RINGS, challenger: rings('mae') };
    expect(await stand.lookNow()).toMatchObject({ verdict: 'ROLLBACK' });
  });

  test('holds a shadow', async () => {
    const stand = standingIn(PLACE.shadow);
    stand.looking.shadowOutage = new Error('Rate exceeded');
    stand.held.clock.advance(3 * HOUR_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'HOLD' });
  });

  test('holds a bake at its end', async () => {
    const stand = standingIn(PLACE.bake);
    outages.alarms(stand);
    stand.held.clock.advance(25 * HOUR_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'HOLD' });
  });
});

describe('a bake', () => {
  test.each(['champion', 'model'] as const)(
    'is taken back by an alarm on the %s, which is the new version',
    async (who) => {
      const stand = standingIn(PLACE.bake);
      stand.looking.ringing = { ...NOTHING_RINGS, [who]: rings('mae') };
      expect(await stand.lookNow()).toMatchObject({
        verdict: 'ROLLBACK',
        reason: 'the challenger misses mae',
      });
    },
  );

  test('ends by the clock', async () => {
    const { held, lookNow } = standingIn(PLACE.bake);
    expect(await lookNow()).toMatchObject({ verdict: 'CONTINUE' });
    held.clock.advance(DAY_MS);
    expect(await lookNow()).toMatchObject({ verdict: 'PASS' });
  });
});

describe('an A/B test', () => {
  test('of a better version passes after its days', async () => {
    const stand = standingIn(PLACE.ab);
    fill(stand, { challenger: 4, days: 8 });
    stand.held.clock.advance(6 * DAY_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'CONTINUE' });
    stand.held.clock.advance(4 * DAY_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'PASS' });
  });

  test('of which nothing was recorded for two days holds, however much better the days before were', async () => {
    const stand = standingIn(PLACE.ab);
    fill(stand, { challenger: 4, days: 4 });
    stand.held.clock.advance(10 * DAY_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'HOLD' });
    expect(stand.held.looks.at(-1)?.judged.rule).toBe('no-data');
  });

  test('of an equal version ends undecided', async () => {
    const stand = standingIn(PLACE.ab);
    fill(stand, { days: 6 });
    stand.held.clock.advance(22 * DAY_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'INCONCLUSIVE' });
  });

  test('whose arms are of unequal size holds', async () => {
    const stand = standingIn(PLACE.ab);
    fill(stand, { challenger: 4, days: 6 });
    for (let unit = 0; unit < 200; unit++)
      ask(stand.looking.units, `more-${unit}`, 'champion', instantOf(START_MS));
    stand.held.clock.advance(10 * DAY_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'HOLD' });
    expect(stand.held.looks.at(-1)?.judged.rule).toBe('sample-ratio');
  });

  test('in which units met both arms holds, and counts them in neither', async () => {
    const stand = standingIn(PLACE.ab);
    fill(stand, { challenger: 4, days: 6 });
    for (let unit = 0; unit < 20; unit++)
      ask(stand.looking.units, `unit-${unit}`, 'champion', instantOf(START_MS + 6 * DAY_MS));
    stand.held.clock.advance(10 * DAY_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'HOLD' });
    expect(stand.held.looks.at(-1)).toMatchObject({
      judged: { rule: 'mixed-units' },
      evidence: { mixedUnits: 10 },
    });
  });

  test('keeps the cohorts it has counted, whatever is corrected later', async () => {
    const stand = standingIn(PLACE.ab);
    fill(stand, { days: 6 });
    stand.held.clock.advance(10 * DAY_MS);
    await stand.lookNow();
    const before = stand.held.looks.at(-1)?.evidence.metrics;
    for (const row of stand.looking.units.contributed.values())
      stand.looking.units.contribute({
        ...row,
        revision: 2,
        components: { labels: 1, absoluteError: 99 },
      });
    await stand.lookNow();
    expect(stand.held.looks.at(-1)?.evidence.metrics).toEqual(before);
  });

  test('reads no hour again that is over, however long it lasts', async () => {
    const stand = standingIn(PLACE.ab);
    stand.held.clock.advance(20 * DAY_MS);
    await stand.lookNow();
    stand.looking.units.reads = 0;
    await stand.lookNow();
    // The exposures, and at most three hours that may still be written to, of 16 partitions each.
    expect(stand.looking.units.reads).toBeLessThanOrEqual(4 * 16);
  });
});

test('a look that is delivered twice is two looks, and changes the route to the same', async () => {
  const stand = standingIn(PLACE.pilot);
  const first = await stand.lookNow();
  const { route } = stand.held;
  expect(await stand.lookNow()).toEqual(first);
  expect(stand.held.route?.challenger).toEqual(route?.challenger);
});

test('a look whose route was changed meanwhile passes nothing', async () => {
  const stand = standingIn(PLACE.pilot);
  ask(stand.looking.units, 'u', 'challenger', instantOf(START_MS));
  stand.held.clock.advance(HOUR_MS);
  const seen = stand.held.route ?? aRoute();
  stand.held.route = { ...seen, epoch: seen.epoch + 1 };
  expect(await look(stand.held.promotion, seen, stand.looking.lookers)).toEqual({
    verdict: 'HOLD',
    reason: 'the route changed',
  });
});

test('a clock that jumps back decides nothing', async () => {
  const stand = standingIn(PLACE.pilot);
  ask(stand.looking.units, 'u', 'challenger', instantOf(START_MS));
  stand.held.clock.advance(-DAY_MS);
  expect(await stand.lookNow()).toMatchObject({ verdict: 'CONTINUE' });
});

describe('a clock that jumps ahead', () => {
  test('ends a lease, under which nobody is exposed until the next look renews it', async () => {
    const stand = standingIn(PLACE.pilot);
    stand.held.clock.advance(2 * HOUR_MS);
    const { expiresAt: lapsed } = stand.held.route?.challenger ?? aChallenger();
    expect(epochMsOf(lapsed)).toBeLessThan(stand.held.clock.nowMs());
    expect(await stand.lookNow()).toMatchObject({ verdict: 'HOLD' });
    const { expiresAt } = stand.held.route?.challenger ?? aChallenger();
    expect(epochMsOf(expiresAt)).toBeGreaterThan(stand.held.clock.nowMs());
  });

  test('promotes nothing on outcomes that have not come', async () => {
    const stand = standingIn(PLACE.ab);
    for (let unit = 0; unit < 400; unit++) {
      const arm = unit % 2 === 0 ? 'champion' : 'challenger';
      ask(stand.looking.units, `unit-${unit}`, arm, instantOf(START_MS));
    }
    stand.held.clock.advance(9 * DAY_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'HOLD' });
    stand.held.clock.advance(20 * DAY_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'INCONCLUSIVE' });
  });
});
