import { expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { BackendPool, VersionUnavailable } from '../../functions/serve/backend-pool.ts';
import { ManualClock, servedVersion } from '../builders/route.ts';

function aPool() {
  const clock = new ManualClock();
  const opened: string[] = [];
  const released: string[] = [];
  const broken = new Set<string>();
  const pool = new BackendPool(async ({ version }) => {
    opened.push(version);
    if (broken.has(version)) throw new Error('digest mismatch');
    return { run: async () => [], release: async () => void released.push(version) };
  }, clock);
  return { pool, clock, opened, released, broken };
}

test('opens a version once, however many ask at once', async () => {
  const { pool, opened } = aPool();
  await Promise.all([1, 2, 3].map(() => pool.open(servedVersion('1'))));
  expect(opened).toEqual(['1']);
});

test('releases the version used longest ago when there are too many', async () => {
  const { pool, released } = aPool();
  for (let version = 1; version <= LIMITS.warmSessions; version++)
    await pool.open(servedVersion(String(version)));
  await pool.open(servedVersion('1'));
  await pool.open(servedVersion('99'));
  expect(released).toEqual(['2']);
});

test('does not try a broken version again for every request, but does after a while', async () => {
  const { pool, opened, broken, clock } = aPool();
  broken.add('1');
  for (const _ of [1, 2, 3])
    await expect(pool.open(servedVersion('1'))).rejects.toThrow(VersionUnavailable);
  expect(opened).toEqual(['1']);
  broken.clear();
  clock.advance(LIMITS.failedOpenRetryMs);
  await pool.open(servedVersion('1'));
  expect(opened).toEqual(['1', '1']);
});
