import { describe, expect, test } from 'vitest';
import type { DatasetDigest } from '../../functions/contracts/dataset.ts';
import type { Digest } from '../../functions/contracts/version.ts';
import { standsOn } from '../../functions/promote/ground.ts';
import { runStep } from '../../functions/promote/step-machinery.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { aChallenger, aRoute, aVersion, START_MS, servedVersion } from '../builders/route.ts';
import { aPromotion, InMemoryPromotions, PLACE } from './in-memory-promotions.ts';

const digest = 'd'.repeat(64) as Digest & DatasetDigest;

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
