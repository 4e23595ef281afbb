import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BusEvent } from '../../functions/contracts/event-bus.ts';
import type { Route } from '../../functions/contracts/route.ts';
import type { Version } from '../../functions/contracts/version.ts';
import { PromotionTable } from '../../functions/promote/promotion-table.ts';
import { RouteStore } from '../../functions/promote/route-store.ts';
import { RouteTable } from '../../functions/promote/route-table.ts';
import { VersionTable, versionKey } from '../../functions/promote/version-table.ts';
import { Outbox } from '../../functions/runtime/outbox.ts';
import type { TransactItem } from '../../functions/runtime/transaction.ts';
import { modelTable, startTables } from '../builders/model-table.ts';
import { aChallenger, aRoute, aVersion, servedVersion } from '../builders/route.ts';
import { aPromotion } from './in-memory-promotions.ts';

let tables: Awaited<ReturnType<typeof startTables>>;
let store: RouteStore;
let routes: RouteTable;
let versions: VersionTable;
let outbox: Outbox;
let promotions: PromotionTable;
let model = '';
let models = 0;
/** That the promotion of the model runs. */
let running: TransactItem;

beforeAll(async () => {
  tables = await startTables(
    modelTable('routes', 'model'),
    modelTable('versions', 'model', 'sk'),
    modelTable('promotions', 'model', 'sk'),
  );
  const { documents } = tables;
  outbox = new Outbox(documents, 'promotions');
  promotions = new PromotionTable(documents, 'promotions', outbox);
  store = new RouteStore(documents, 'routes', 'versions', outbox);
  routes = new RouteTable(documents, 'routes');
  versions = new VersionTable(documents, 'versions');
});
/** Version 1 serves, version 2 may, and is being promoted. */
beforeEach(async () => {
  models += 1;
  model = `m${models}`;
  for (const version of [aVersion('1', { model }), aVersion('2', { model })]) await put(version);
  await store.crown(at(1));
  const promotion = aPromotion({ model, id: `${model}-p1` });
  await promotions.start(promotion, 0, []);
  running = promotions.whileRunning(promotion);
  await told();
});
afterAll(() => tables[Symbol.asyncDispose]());

const put = (version: Version) =>
  tables.documents.send(
    new PutCommand({
      TableName: 'versions',
      Item: { ...version, sk: versionKey(version.version) },
    }),
  );
const at = (epoch: number, over: Partial<Route> = {}): Route => aRoute({ model, epoch, ...over });
const stageOf = async (version: string) => (await versions.find(model, version))?.stage;
/** Epochs of the routes that were written to be told, and are told with this. */
async function told(): Promise<unknown[]> {
  const epochs: unknown[] = [];
  const publish = async (events: readonly BusEvent[]) => {
    for (const { type, detail } of events)
      epochs.push(`${type} ${String((detail['route'] as Route).epoch)}`);
  };
  await outbox.tell([model], { publish });
  return epochs;
}

const challenged = (epoch: number, over: Partial<ReturnType<typeof aChallenger>> = {}) =>
  at(epoch, { challenger: aChallenger({ ...servedVersion('2'), ...over }) });

describe('a route is written', () => {
  test('with the stage of its version, and is told of', async () => {
    const exposed = challenged(2);
    expect(await store.expose(exposed, '2', 'pilot', running)).toEqual({ kind: 'written' });
    expect(await routes.read(model)).toEqual(exposed);
    expect(await stageOf('2')).toBe('pilot');
    const crowned = at(3, { champion: servedVersion('2') });
    expect(await store.crown(crowned)).toEqual({ kind: 'written' });
    expect(await stageOf('2')).toBe('production');
    expect(await store.withdraw(at(4), '2', 'rolled-back')).toEqual({ kind: 'written' });
    expect(await stageOf('2')).toBe('rolled-back');
    expect(await told()).toEqual(['RouteChanged 2', 'RouteChanged 3', 'RouteChanged 4']);
  });

  test.each<[string, (next: Route) => ReturnType<RouteStore['renew']>]>([
    ['exposed', (next) => store.expose(next, '2', 'pilot', running)],
    ['crowned', (next) => store.crown({ ...next, champion: servedVersion('2') })],
    ['withdrawn', (next) => store.withdraw(next, '2', 'rolled-back')],
    ['renewed', (next) => store.renew(next)],
    ['amended', (next) => store.amend(next)],
  ])('over the epoch that was seen, or nothing is: %s', async (_, write) => {
    expect(await store.amend(at(2))).toEqual({ kind: 'written' });
    await told();
    for (const epoch of [1, 2, 4])
      expect(await write(challenged(epoch))).toEqual({ kind: 'route-changed' });
    expect(await routes.read(model)).toEqual(at(2));
    expect(await stageOf('2')).toBe('registered');
    expect(await told()).toEqual([]);
  });

  test('by one of two at once', async () => {
    const both = await Promise.all([
      store.expose(challenged(2), '2', 'pilot', running),
      store.amend(at(2, { reason: 'by hand' })),
    ]);
    expect(both.map(({ kind }) => kind).toSorted()).toEqual(['route-changed', 'written']);
    expect(await told()).toEqual(['RouteChanged 2']);
  });

  test.each(['retired', 'rejected'] as const)(
    'for no version that was %s meanwhile',
    async (stage) => {
      await put(aVersion('2', { model, stage }));
      expect(await store.expose(challenged(2), '2', 'pilot', running)).toEqual({
        kind: 'version-changed',
      });
      const crowned = at(2, { champion: servedVersion('2') });
      expect(await store.crown(crowned)).toEqual({ kind: 'version-changed' });
      expect(await routes.read(model)).toEqual(at(1));
      expect(await stageOf('2')).toBe(stage);
    },
  );
});

test('no promotion that has ended exposes or crowns its version, and none ends over a route it has not seen', async () => {
  const promotion = aPromotion({ model, id: `${model}-p1` });
  const ended = { state: 'rolled-back', endedBy: 'me', reason: 'worse', idea: 'bad' } as const;
  const end = { ...promotion, ...ended, endedAt: at(1).changedAt };
  for (const stale of [undefined, at(2)])
    expect(await promotions.end(end, [], store.whileAt(model, stale))).toEqual({
      kind: 'overtaken',
    });
  const withoutIt = store.whileAt(model, at(1));
  expect(await promotions.end(end, [], withoutIt)).toEqual({ kind: 'written' });
  expect(await store.expose(challenged(2), '2', 'pilot', running)).toEqual({ kind: 'overtaken' });
  const crowned = at(2, { champion: servedVersion('2') });
  expect(await store.crown(crowned, running)).toEqual({ kind: 'overtaken' });
  expect(await routes.read(model)).toEqual(at(1));
  expect(await stageOf('2')).toBe('registered');
  expect(await told()).toEqual([]);
  expect(await store.crown(crowned)).toEqual({ kind: 'written' });
});

test('a lease is renewed over the route that was looked at, and that is no news', async () => {
  await store.expose(challenged(2), '2', 'pilot', running);
  await told();
  const { changedAt: expiresAt } = at(1);
  expect(await store.renew(challenged(3, { expiresAt }))).toEqual({ kind: 'written' });
  expect(await store.renew(challenged(3))).toEqual({ kind: 'route-changed' });
  expect((await routes.read(model))?.challenger?.expiresAt).toBe(expiresAt);
  expect(await told()).toEqual([]);
});

test.each(['pilot', 'ab'] as const)(
  'a version that no route names is taken back from %s, and from nowhere else',
  async (stage) => {
    expect(await store.unexpose(model, '2')).not.toEqual({ kind: 'written' });
    expect(await stageOf('2')).toBe('registered');
    await put(aVersion('2', { model, stage }));
    expect(await store.unexpose(model, '2')).toEqual({ kind: 'written' });
    expect(await stageOf('2')).toBe('evaluated');
  },
);

describe('a version is retired', () => {
  test('while the route is the one that does not name it', async () => {
    expect(await store.retire(model, '2', at(1))).toEqual({ kind: 'written' });
    expect(await stageOf('2')).toBe('retired');
  });

  test('not when the route has changed, or came to be, since', async () => {
    await store.amend(at(2));
    expect(await store.retire(model, '2', at(1))).toEqual({ kind: 'route-changed' });
    expect(await store.retire(model, '2', undefined)).toEqual({ kind: 'route-changed' });
    expect(await stageOf('2')).toBe('registered');
  });

  test('with the route that forgets it as its former champion', async () => {
    await store.amend(at(2, { formerChampion: servedVersion('2') }));
    await told();
    expect(await store.retireFormer(model, '2', at(3))).toEqual({ kind: 'written' });
    expect(await routes.read(model)).not.toHaveProperty('formerChampion');
    expect(await told()).toEqual(['RouteChanged 3']);
  });
});

test('versions registered at once have numbers of their own, and one artifact is one version', async () => {
  const draft = (digit: string) => {
    const { version: _number, ...rest } = aVersion(digit, { model: `${model}-new` });
    return rest;
  };
  const all = await Promise.all(
    ['5', '6', '5', '7'].map((digit) => versions.register(draft(digit))),
  );
  expect(new Set(all.map(({ version }) => version))).toEqual(new Set(['1', '2', '3']));
  expect(all[0]).toEqual(all[2]);
  const listed = await versions.list(`${model}-new`);
  expect(listed.versions.map(({ version }) => version)).toEqual(['3', '2', '1']);
});
