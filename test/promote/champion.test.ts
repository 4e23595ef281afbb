import { describe, expect, test } from 'vitest';
import type { Route } from '../../functions/contracts/route.ts';
import type { Version } from '../../functions/contracts/version.ts';
import {
  type ChampionStores,
  retireVersion,
  setChampion,
} from '../../functions/promote/champion.ts';
import type { EndpointState } from '../../functions/promote/endpoint-store.ts';
import { aRoute, aVersion, ManualClock, servedVersion } from '../builders/route.ts';

/** The stores in memory, with the tables' own compare-and-set. */
function inMemory(
  route: Route | undefined,
  versions: readonly Version[],
  endpoint?: EndpointState,
) {
  const held = {
    route,
    versions: new Map(versions.map((version) => [version.version as string, version])),
    removed: [] as string[],
  };
  const setStage = (version: string, stage: Version['stage']) => {
    const found = held.versions.get(version);
    if (found) held.versions.set(version, { ...found, stage });
    return { kind: 'written' };
  };
  const clock = new ManualClock();
  const stores = {
    routes: {
      read: async () => held.route,
    },
    versions: {
      find: async (_: string, version: string) => held.versions.get(version),
    },
    champions: {
      crown: async (next: Route) => {
        if ((held.route?.epoch ?? 0) !== next.epoch - 1) return { kind: 'route-changed' };
        held.route = next;
        return setStage(next.champion.version, 'production');
      },
      retire: async (_: string, version: string) => setStage(version, 'retired'),
      retireFormer: async (_: string, version: string, forgotten: Route) => {
        held.route = forgotten;
        return setStage(version, 'retired');
      },
    },
    endpoints: endpoint && {
      ensure: async () => endpoint,
      isBeingMade: async () => endpoint.kind === 'creating',
      remove: async ({ version }: Version) => void held.removed.push(version),
    },
    clock,
  } as unknown as ChampionStores;
  return { held, stores, clock };
}

const request = { model: 'm', version: '2', expectedEpoch: 1, reason: 'better', by: 'me' };

describe('setChampion', () => {
  test('writes the next epoch and remembers the former champion', async () => {
    const { held, stores } = inMemory(aRoute(), [aVersion('1'), aVersion('2')]);
    expect(await setChampion(request, stores)).toEqual({
      kind: 'changed',
      route: aRoute({
        epoch: 2,
        champion: servedVersion('2'),
        formerChampion: servedVersion('1'),
        changedBy: 'me',
        reason: 'better',
      }),
    });
    expect(held.versions.get('2')?.stage).toBe('production');
  });

  test.each([
    ['an epoch that has passed', { expectedEpoch: 0 }, 409, 'ROUTE_CHANGED'],
    ['a version that is not there', { version: '9' }, 404, 'VERSION_NOT_FOUND'],
    ['a retired version', { version: '3' }, 409, 'VERSION_NOT_SERVABLE'],
    ['a rejected version', { version: '4' }, 409, 'VERSION_NOT_SERVABLE'],
  ])('refuses %s and leaves the route alone', async (_, change, status, code) => {
    const { held, stores } = inMemory(aRoute(), [
      aVersion('2'),
      aVersion('3', { stage: 'retired' }),
      aVersion('4', { stage: 'rejected' }),
    ]);
    await expect(setChampion({ ...request, ...change }, stores)).rejects.toMatchObject({
      status,
      code,
    });
    expect(held.route).toEqual(aRoute());
  });

  test('repeated after its answer got lost, changes nothing', async () => {
    const { stores } = inMemory(aRoute(), [aVersion('1')]);
    expect(await setChampion({ ...request, version: '1', expectedEpoch: 0 }, stores)).toEqual({
      kind: 'unchanged',
      route: aRoute(),
    });
  });

  test('waits for an endpoint that is being made, and names the one that is there', async () => {
    const making = inMemory(aRoute(), [aVersion('2')], { kind: 'creating' });
    expect(await setChampion(request, making.stores)).toEqual({ kind: 'preparing' });
    expect(making.held.route).toEqual(aRoute());
    const made = inMemory(aRoute(), [aVersion('2')], { kind: 'in-service', endpoint: 'e-2' });
    expect(await setChampion(request, made.stores)).toMatchObject({
      route: { champion: { version: '2', endpoint: 'e-2' } },
    });
  });

  test('says why an endpoint could not be made', async () => {
    const { stores } = inMemory(aRoute(), [aVersion('2')], {
      kind: 'failed',
      reason: 'no capacity',
    });
    await expect(setChampion(request, stores)).rejects.toMatchObject({
      status: 502,
      details: ['no capacity'],
    });
  });
});

test('a return to the former champion leaves nothing bad to fall back to', async () => {
  const route = aRoute({
    epoch: 2,
    champion: servedVersion('2'),
    formerChampion: servedVersion('1'),
  });
  const { held, stores } = inMemory(route, [aVersion('1'), aVersion('2')]);
  await setChampion({ ...request, version: '1', expectedEpoch: 2 }, stores);
  expect(held.route?.formerChampion).toBeUndefined();
});

describe('retireVersion', () => {
  test('refuses a version that serves', async () => {
    const { stores } = inMemory(aRoute(), [aVersion('1')]);
    await expect(retireVersion('m', '1', stores)).rejects.toMatchObject({
      status: 409,
      code: 'VERSION_IN_USE',
    });
  });

  const former = (stage: Version['stage'], endpoint?: EndpointState) =>
    inMemory(
      aRoute({ formerChampion: servedVersion('0') }),
      [aVersion('0', { stage }), aVersion('1')],
      endpoint,
    );
  const inService = { kind: 'in-service', endpoint: 'e-0' } as const;

  test('takes a former champion out of the route and deletes its endpoint', async () => {
    const { held, stores, clock } = former('production', inService);
    clock.advance(30_000);
    expect(await retireVersion('m', '0', stores)).toMatchObject({ stage: 'retired' });
    expect(held.route).toEqual(aRoute({ epoch: 2, changedAt: clock.now() }));
    expect(held.removed).toEqual(['0']);
  });

  test('leaves an endpoint that requests by the route before may still reach', async () => {
    const { held, stores, clock } = former('production', inService);
    clock.advance(29_000);
    await expect(retireVersion('m', '0', stores)).rejects.toMatchObject({
      status: 409,
      message: expect.stringContaining('retire it in 1 s'),
    });
    expect(held.removed).toEqual([]);
  });

  test.each([
    ['nobody was ever served by', 'registered', inService],
    ['has no endpoint', 'production', undefined],
  ] as const)('waits for nothing where the version %s', async (_, stage, endpoint) => {
    const { stores } = former(stage, endpoint);
    expect(await retireVersion('m', '0', stores)).toMatchObject({ stage: 'retired' });
  });
});
