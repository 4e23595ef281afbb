import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import { ServiceError } from '../../infra/local/emulators/emulator.ts';
import { aModel } from '../builders/model-spec.ts';
import {
  candidate,
  passTime,
  refusalOf,
  showPromotion,
  startPromotion,
  statesOf,
  toldOfPromotion,
} from '../builders/promoted.ts';
import { type RunningStack, serveLinear, startStack, until } from '../builders/running-stack.ts';

const budgets = {
  kind: 'test-performance' as const,
  batchSizes: [1, 10],
  p50Ms: 200,
  p99Ms: 2000,
  coldStartMs: 60_000,
  memoryMb: 2000,
  requestsPerSecond: 1,
};
const planned = (name: string, steps: ModelSpec['promotion']['steps']) =>
  aModel(name, { promotion: { unit: 'customer', steps } });

const short = planned('short', [
  { kind: 'smoke-test' },
  budgets,
  { kind: 'production' },
  { kind: 'bake', hours: 0.1 },
]);
const asked = planned('asked', [
  { kind: 'smoke-test' },
  { kind: 'approve', expiresAfterHours: 24 },
  { kind: 'production' },
  { kind: 'bake', hours: 0.1 },
]);
const tested = planned('tested', [
  {
    kind: 'ab',
    exposurePercent: 100,
    minimumDays: 1,
    maximumDays: 3,
    metric: 'mae',
    minimumDetectableEffect: 0.1,
    guardrails: [{ metric: 'fallbackShare', margin: 0 }],
    covariate: 'none',
    randomAcceptShare: 0,
  },
  { kind: 'production' },
]);

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack([short, asked, tested]);
  for (const spec of [short, asked, tested]) await serveLinear(stack, spec, { bias: 10 });
});
afterAll(() => stack.dispose());

const isOver = ({ state }: Promotion): boolean => state !== 'running';
const post = (spec: ModelSpec, { id }: Promotion, verb: string, body: object) =>
  stack.client.request<Promotion>('POST', `/v1/promotions/${spec.name}/${id}/${verb}`, body);

describe('a version', () => {
  test('reaches production by its plan, and its idea is good', async () => {
    const version = await candidate(stack, short, { bias: 11 });
    const promotion = await startPromotion(stack, short, version);
    expect(promotion).toMatchObject({ id: 'short-p1', state: 'running', version });
    const ended = await passTime(stack, promotion, isOver);
    expect(ended).toMatchObject({ state: 'promoted', idea: 'good' });
    expect(await statesOf(stack, promotion)).toEqual(
      expect.arrayContaining(['Smoke test', 'Test performance', 'Production', 'Bake', 'Keep']),
    );
    const route = await stack.client.route(short.name);
    expect(route?.champion.version).toBe(version);
    expect(route?.formerChampion?.version).toBe('1');
    const ideas = await stack.client.request('GET', `/v1/promotions/${short.name}/ideas`);
    expect(ideas).toMatchObject({ good: 1, bad: 0, goodShare: 1 });
    await until(async () => (await toldOfPromotion(stack, promotion)).includes('PromotionEnded'));
  });

  test('reaches production while the bus is away, and every change is told in order once it is back', async () => {
    const version = await candidate(stack, short, { bias: 12 });
    const away = stack.injected.inject({
      service: 'EventBridge',
      operation: 'PutEvents',
      error: new ServiceError(503, 'ServiceUnavailable', 'not now'),
    });
    const promotion = await startPromotion(stack, short, version);
    expect(await passTime(stack, promotion, isOver)).toMatchObject({ state: 'promoted' });
    expect(await toldOfPromotion(stack, promotion)).toEqual([]);
    away[Symbol.dispose]();
    stack.clock.advance(301_000);
    await until(async () => (await toldOfPromotion(stack, promotion)).includes('PromotionEnded'));
    expect(await toldOfPromotion(stack, promotion)).toEqual([
      'PromotionStarted',
      'PromotionJudged',
      'PromotionAdvanced',
      'PromotionJudged',
      'PromotionAdvanced',
      'RouteChanged',
      'PromotionAdvanced',
      'PromotionJudged',
      'PromotionEnded',
    ]);
  });

  test('is the only one on its way: a second is refused with the id of the first', async () => {
    const promotion = await startPromotion(
      stack,
      asked,
      await candidate(stack, asked, { bias: 12 }),
    );
    const other = await candidate(stack, asked, { bias: 13 });
    const refused = await refusalOf(startPromotion(stack, asked, other));
    expect(refused).toMatchObject({ status: 409, code: 'PROMOTION_RUNNING' });
    expect(refused.message).toContain(promotion.id);
    const before = await stack.client.route(asked.name);
    const aborted = await post(asked, promotion, 'abort', { reason: 'enough seen' });
    expect(aborted).toMatchObject({ state: 'aborted', idea: 'undecided' });
    expect(await stack.client.route(asked.name)).toEqual(before);
    await until(
      () => stack.states.machines.execution(promotion.executionArn ?? '').status === 'ABORTED',
    );
  });
});

describe('an approval', () => {
  const waits = ({ approval }: Promotion): boolean => approval !== undefined;
  const begun = async (bias: number) => {
    const promotion = await startPromotion(stack, asked, await candidate(stack, asked, { bias }));
    return passTime(stack, promotion, waits);
  };

  test('lets the version on, with who and why, and never shows its token', async () => {
    const promotion = await begun(20);
    expect(JSON.stringify(promotion)).not.toContain('token');
    const decided = await post(asked, promotion, 'decide', { approve: true, reason: 'looked at' });
    expect(decided.approval?.decision).toMatchObject({ isApproved: true, reason: 'looked at' });
    expect(await passTime(stack, promotion, isOver)).toMatchObject({ state: 'promoted' });
  });

  test('that is refused rejects the version', async () => {
    const promotion = await begun(21);
    await post(asked, promotion, 'decide', { approve: false, reason: 'the data are odd' });
    const ended = await passTime(stack, promotion, isOver);
    expect(ended).toMatchObject({ state: 'rejected' });
    expect(ended.reason).toContain('the data are odd');
  });

  test('that nobody gives expires', async () => {
    const promotion = await begun(22);
    const ended = await passTime(stack, promotion, isOver);
    expect(ended).toMatchObject({ state: 'rejected', reason: 'nobody approved in time' });
  });

  test('does not keep a rollback from working', async () => {
    const promotion = await begun(23);
    const ended = await stack.client.request('POST', `/v1/routes/${asked.name}/rollback`, {
      reason: 'an incident',
    });
    expect(ended).toMatchObject({ id: promotion.id, state: 'rolled-back' });
    expect(
      await refusalOf(post(asked, promotion, 'decide', { approve: true, reason: 'late' })),
    ).toMatchObject({ status: 409 });
  });
});

describe('a challenger', () => {
  const exposed = async (version: string) => {
    const promotion = await startPromotion(stack, tested, version);
    await until(async () => (await stack.client.route(tested.name))?.challenger !== undefined);
    // A route is at most this old where it serves.
    stack.clock.advance(6000);
    return promotion;
  };

  test('whose alarm rings alone is taken back before the next look', async () => {
    const promotion = await exposed(await candidate(stack, tested, { bias: 30 }));
    // An alarm set by hand rings until it is evaluated; one that is missed goes on ringing.
    await until(async () => {
      await stack.alarms.setState('slipway-main-tested-objective-mae-challenger', {
        value: 'ALARM',
        reason: 'a test',
      });
      return isOver(await showPromotion(stack, promotion));
    });
    const ended = await showPromotion(stack, promotion);
    expect(ended).toMatchObject({ state: 'rolled-back' });
    expect(ended.reason).toContain('mae');
    expect((await stack.client.route(tested.name))?.challenger).toBeUndefined();
  });

  test('whose execution is stopped by hand is taken back', async () => {
    const promotion = await exposed(await candidate(stack, tested, { bias: 31 }));
    await stack.states.machines.stopExecution(promotion.executionArn ?? '');
    await until(async () => isOver(await showPromotion(stack, promotion)));
    expect(await showPromotion(stack, promotion)).toMatchObject({
      state: 'rolled-back',
      reason: 'the execution is ABORTED',
    });
  });

  test('whose route is changed by hand ends, and leaves the route as it was set', async () => {
    const promotion = await exposed(await candidate(stack, tested, { bias: 32 }));
    const other = await candidate(stack, tested, { bias: 9 });
    const route = await stack.client.route(tested.name);
    await stack.client.setChampion(tested.name, other, route?.epoch ?? 0, 'somebody knows better');
    const ended = await passTime(stack, promotion, isOver);
    expect(ended).toMatchObject({ state: 'aborted' });
    expect(ended.reason).toContain('somebody knows better');
    expect((await stack.client.route(tested.name))?.champion.version).toBe(other);
  });
});

test('nothing failed behind the API', () => expect(stack.faults).toEqual([]));
