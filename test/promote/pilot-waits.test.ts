import { describe, expect, test, vi } from 'vitest';
import { instantOf } from '../../functions/runtime/clock.ts';
import { START_MS } from '../builders/route.ts';
import { ask } from './in-memory-lookers.ts';
import { aPlannedModel, PLACE, STEPS } from './in-memory-promotions.ts';
import { fill, standingIn } from './standing-in.ts';

const HOUR_MS = 3_600_000;

describe('a pilot that nothing speaks against', () => {
  test('whose guardrail no A/B test judges later waits for its units, and ends undecided without them', async () => {
    const withoutTest = aPlannedModel(STEPS.filter(({ kind }) => kind !== 'ab'));
    const stand = standingIn(PLACE.widerPilot, {}, withoutTest);
    ask(stand.looking.units, 'u', 'challenger', instantOf(START_MS));
    stand.held.clock.advance(HOUR_MS);
    expect(await stand.lookNow()).toMatchObject({
      verdict: 'HOLD',
      reason: 'too few units tell of mae, and no A/B test follows that would',
    });
    stand.held.clock.advance(3 * HOUR_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'INCONCLUSIVE' });

    const seen = standingIn(PLACE.widerPilot, {}, withoutTest);
    fill(seen, { units: 900, days: 0.2 });
    seen.held.clock.advance(5 * HOUR_MS);
    expect(await seen.lookNow()).toMatchObject({ verdict: 'PASS' });
  });

  test('of which nothing is recorded any more passes nothing, however much was seen before', async () => {
    const stand = standingIn(PLACE.widerPilot);
    fill(stand, { units: 900, days: 0.01 });
    stand.held.clock.advance(3.5 * HOUR_MS);
    expect(await stand.lookNow()).toMatchObject({
      verdict: 'HOLD',
      reason: 'no request of either arm has been recorded lately',
    });
  });

  test('whose latest requests alone cannot be read holds', async () => {
    const stand = standingIn(PLACE.widerPilot);
    ask(stand.looking.units, 'u', 'challenger', instantOf(START_MS));
    stand.held.clock.advance(HOUR_MS);
    const { units } = stand.looking.lookers;
    const requests = units.requests.bind(units);
    let reads = 0;
    const hours = new Set<string>();
    vi.spyOn(units, 'requests').mockImplementation((id, hour, since) => {
      reads += 1;
      if (hours.has(hour)) throw new Error('Rate exceeded');
      hours.add(hour);
      return requests(id, hour, since);
    });
    expect(await stand.lookNow()).toMatchObject({
      verdict: 'HOLD',
      reason: expect.stringContaining('Rate exceeded'),
    });
    expect(reads).toBeGreaterThan(1);
  });
});
