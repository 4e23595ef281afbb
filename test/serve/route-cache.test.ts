import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import type { Route } from '../../functions/contracts/route.ts';
import { RouteCache } from '../../functions/serve/route-cache.ts';
import { aRoute, ManualClock } from '../builders/route.ts';

function aTable() {
  const clock = new ManualClock();
  const table = { route: aRoute() as Route | undefined, reads: 0, fails: false };
  const reader = {
    read: async () => {
      table.reads += 1;
      if (table.fails) throw new Error('the table is silent');
      return table.route;
    },
  };
  return { clock, table, cache: new RouteCache(reader, 'm', clock, LIMITS.routeReadMs) };
}

test('reads once while the route is young', async () => {
  const { cache, table, clock } = aTable();
  await cache.current();
  clock.advance(LIMITS.routeAgeMs - 1);
  await cache.current();
  expect(table.reads).toBe(1);
});

test('reads again before it uses a route that is too old', async () => {
  const { cache, table, clock } = aTable();
  await cache.current();
  table.route = aRoute({ epoch: 2 });
  clock.advance(LIMITS.routeAgeMs);
  expect(await cache.current()).toEqual({ route: aRoute({ epoch: 2 }) });
});

test('serves from the old route when the table is silent, and says so', async () => {
  const { cache, table, clock } = aTable();
  await cache.current();
  table.fails = true;
  clock.advance(LIMITS.routeAgeMs);
  expect(await cache.current()).toEqual({ route: aRoute(), staleBecause: expect.any(Error) });
});

test('fails when the very first read does', async () => {
  const { cache, table } = aTable();
  table.fails = true;
  await expect(cache.current()).rejects.toThrow('the route of m could not be read');
});

test('knows no route where there is none, and finds it once there is one', async () => {
  const { cache, table, clock } = aTable();
  table.route = undefined;
  expect(await cache.current()).toBeUndefined();
  table.route = aRoute();
  clock.advance(LIMITS.routeAgeMs);
  expect(await cache.current()).toEqual({ route: aRoute() });
});

test.each([
  [1, 1],
  [LIMITS.firstRouteReadMs, 2],
])(
  'that waits %i ms for a table that takes longer than callers would serves epoch %i',
  async (readMs, epoch) => {
    const clock = new ManualClock();
    let epochs = 0;
    const reader = {
      read: async (_: string, signal?: AbortSignal) => {
        epochs += 1;
        if (epochs > 1) await sleep(LIMITS.routeReadMs, undefined, { ...(signal && { signal }) });
        return aRoute({ epoch: epochs });
      },
    };
    const cache = new RouteCache(reader, 'm', clock, readMs);
    await cache.current();
    clock.advance(LIMITS.routeAgeMs);
    expect((await cache.current())?.route.epoch).toBe(epoch);
  },
);
