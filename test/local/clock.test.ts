import { expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';

const HOUR_MS = 3_600_000;

test('a sleeper wakes when the clock jumps past its time, and not before', async () => {
  const clock = new VirtualClock(0);
  const woken: string[] = [];
  const sleep = clock.sleep(HOUR_MS).finally(() => woken.push('awake'));
  clock.advance(HOUR_MS / 2);
  await Promise.resolve();
  expect(woken).toEqual([]);
  clock.advance(HOUR_MS / 2);
  await sleep;
  expect(woken).toEqual(['awake']);
});

test('a month passes in a moment at speed, and no timer overflows', async () => {
  const clock = new VirtualClock(0, 1);
  const sleep = clock.sleep(40 * 24 * HOUR_MS);
  clock.setSpeed(1e9);
  await sleep;
  expect(clock.nowMs()).toBeGreaterThanOrEqual(40 * 24 * HOUR_MS);
});

test('an aborted sleep rejects with the reason', async () => {
  const controller = new AbortController();
  const sleep = new VirtualClock(0).sleep(HOUR_MS, controller.signal);
  controller.abort(new Error('stopped'));
  await expect(sleep).rejects.toThrow('stopped');
});

test('the clock neither stands still nor goes back', () => {
  expect(() => new VirtualClock(0).setSpeed(0)).toThrow(RangeError);
  expect(() => new VirtualClock(0).advance(-1)).toThrow(RangeError);
});
