import { describe, expect, test } from 'vitest';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import { askApproval } from '../../functions/promote/approval.ts';
import { answerOperator, type OperatorApi } from '../../functions/promote/operator-api.ts';
import type { ApiRequest } from '../../functions/runtime/api-handler.ts';
import { aChallenger, aRoute, servedVersion } from '../builders/route.ts';
import { aPromotion, InMemoryPromotions, PLACE } from './in-memory-promotions.ts';

const HOUR_MS = 3_600_000;

function apiOf(held: InMemoryPromotions) {
  const answered: unknown[] = [];
  const stopped: string[] = [];
  let waits = true;
  const api = {
    ...held.context,
    endpointsOf: () => undefined,
    answerMachine: async (_: string, output: unknown) => {
      if (!waits) return 'gone';
      answered.push(output);
      waits = false;
      return 'taken';
    },
    stopMachine: async ({ id }: Promotion) => void stopped.push(id),
  } as unknown as OperatorApi;
  const ask = (method: string, path: string, body?: object, caller = 'me') =>
    answerOperator(
      {
        method,
        path: path.slice(1).split('/'),
        query: {},
        body: Buffer.from(JSON.stringify(body ?? {})),
        caller,
      } as unknown as ApiRequest,
      api,
    );
  return { ask, answered, stopped, expire: () => void (waits = false) };
}

async function waiting() {
  const held = new InMemoryPromotions({ promotion: aPromotion({ place: PLACE.approve }) });
  await askApproval(held.promotion, 'the-token', held.context);
  return { held, ...apiOf(held) };
}

const decide = (approve: boolean) => ({ approve, reason: 'agreed' });
const DECIDE = '/v1/promotions/m/m-p1/decide';

describe('an approval', () => {
  test('lets the machine go on, and keeps who decided and why', async () => {
    const { held, ask, answered } = await waiting();
    expect(held.untold.at(-1)).toMatchObject({ type: 'ApprovalAsked' });
    const { status, body } = await ask('POST', DECIDE, decide(true));
    expect(status).toBe(200);
    expect(JSON.stringify(body)).not.toContain('the-token');
    expect(answered).toEqual([{ verdict: 'PASS', reason: 'me approved: agreed' }]);
    expect(held.promotion.approval?.decision).toMatchObject({ isApproved: true, by: 'me' });
    expect(held.untold.at(-1)).toMatchObject({
      type: 'PromotionJudged',
      detail: { verdict: 'PASS', evidence: { decision: { by: 'me', reason: 'agreed' } } },
    });
  });

  test('that is refused rejects the version', async () => {
    const { ask, answered } = await waiting();
    await ask('POST', DECIDE, decide(false));
    expect(answered).toEqual([{ verdict: 'FAIL', reason: 'me refused: agreed' }]);
  });

  test('given twice is one, and the other way round is refused', async () => {
    const { held, ask, answered } = await waiting();
    await ask('POST', DECIDE, decide(true));
    expect((await ask('POST', DECIDE, decide(true), 'another')).status).toBe(200);
    await expect(ask('POST', DECIDE, decide(false))).rejects.toMatchObject({ code: 'DECIDED' });
    expect(held.promotion.approval?.decision).toMatchObject({ by: 'me' });
    expect(answered).toHaveLength(1);
  });

  test('of two at once is the first, whatever the second says', async () => {
    const { held, ask, answered } = await waiting();
    const both = await Promise.allSettled([
      ask('POST', DECIDE, decide(true)),
      ask('POST', DECIDE, decide(false), 'another'),
    ]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(answered).toEqual([{ verdict: 'PASS', reason: 'me approved: agreed' }]);
    expect(held.promotion.approval?.decision).toMatchObject({ isApproved: true });
  });

  test('comes too late once it has expired, by the clock or by the machine', async () => {
    const late = await waiting();
    late.held.clock.advance(73 * HOUR_MS);
    await expect(late.ask('POST', DECIDE, decide(true))).rejects.toMatchObject({
      code: 'APPROVAL_EXPIRED',
    });
    const gone = await waiting();
    gone.expire();
    await expect(gone.ask('POST', DECIDE, decide(true))).rejects.toMatchObject({
      code: 'APPROVAL_EXPIRED',
    });
  });

  test('is not there to be given before it is asked for', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion() });
    await expect(apiOf(held).ask('POST', DECIDE, decide(true))).rejects.toMatchObject({
      code: 'NOTHING_TO_APPROVE',
    });
  });

  test('does not keep a rollback from working', async () => {
    const { held, ask, stopped } = await waiting();
    await ask('POST', '/v1/routes/m/rollback', { reason: 'an incident' });
    expect(held.promotion).toMatchObject({ state: 'rolled-back', reason: 'an incident' });
    expect(stopped).toEqual(['m-p1']);
    await expect(ask('POST', DECIDE, decide(true))).rejects.toMatchObject({
      code: 'NOTHING_TO_APPROVE',
    });
  });
});

describe('a rollback', () => {
  const ROLLBACK = '/v1/routes/m/rollback';
  const reason = { reason: 'it is worse' };
  const formerly = aRoute({ champion: servedVersion('1'), formerChampion: servedVersion('2') });

  test('asked again does not take back the champion that the first has kept', async () => {
    const held = new InMemoryPromotions({
      promotion: aPromotion({ place: PLACE.pilot }),
      route: { ...formerly, challenger: aChallenger({ promotion: 'm-p1' }) },
    });
    const { ask } = apiOf(held);
    const first = await ask('POST', ROLLBACK, reason);
    const { route } = held;
    expect(await ask('POST', ROLLBACK, reason)).toEqual(first);
    expect(held.route).toEqual(route);
    expect(held.route?.champion.version).toBe('1');
  });

  test('where nothing runs returns to the champion before, once', async () => {
    const held = new InMemoryPromotions({ route: formerly });
    const { ask } = apiOf(held);
    await ask('POST', ROLLBACK, reason);
    expect(held.route?.champion.version).toBe('2');
    expect((await ask('POST', ROLLBACK, reason)).status).toBe(200);
    expect(held.route?.champion.version).toBe('2');
  });

  test('with nothing to return to says so', async () => {
    await expect(
      apiOf(new InMemoryPromotions()).ask('POST', ROLLBACK, reason),
    ).rejects.toMatchObject({ code: 'NOTHING_TO_ROLL_BACK' });
  });

  test('needs a reason', async () => {
    await expect(apiOf(new InMemoryPromotions()).ask('POST', ROLLBACK, {})).rejects.toMatchObject({
      status: 400,
    });
  });
});

describe('operators', () => {
  test('abort what runs and stop its machine, and abort what has ended in peace', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ place: PLACE.pilot }) });
    const { ask, stopped } = apiOf(held);
    const path = '/v1/promotions/m/m-p1/abort';
    await ask('POST', path, { reason: 'a new idea' });
    expect(held.promotion).toMatchObject({ state: 'aborted', idea: 'undecided' });
    expect(await ask('POST', path, { reason: 'again' })).toMatchObject({
      body: { state: 'aborted', reason: 'a new idea' },
    });
    expect(stopped).toContain('m-p1');
  });

  test('override what ended inconclusive, and nothing else', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ state: 'inconclusive' }) });
    const path = '/v1/promotions/m/m-p1/override';
    await apiOf(held).ask('POST', path, { reason: 'equal, and cheaper' });
    expect(held.route).toMatchObject({
      champion: { version: '2' },
      reason: 'override of m-p1: equal, and cheaper',
    });
    const overridden = { by: 'me', reason: 'equal, and cheaper', at: held.clock.now() };
    expect((await apiOf(held).ask('GET', '/v1/promotions/m/m-p1')).body).toMatchObject({
      state: 'inconclusive',
      overridden,
    });
    expect(held.untold.at(-1)).toMatchObject({ type: 'PromotionOverridden', detail: overridden });
    const rejected = new InMemoryPromotions({ promotion: aPromotion({ state: 'rejected' }) });
    await expect(apiOf(rejected).ask('POST', path, { reason: 'please' })).rejects.toMatchObject({
      code: 'NOTHING_TO_OVERRIDE',
    });
  });

  test('override once, though the first try died before it was noted', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ state: 'inconclusive' }) });
    const path = '/v1/promotions/m/m-p1/override';
    held.before = (write) => {
      if (write === 'override') throw new Error('killed');
    };
    const { ask } = apiOf(held);
    await expect(ask('POST', path, { reason: 'cheaper' })).rejects.toThrow('killed');
    held.before = () => {};
    const { route } = held;
    await ask('POST', path, { reason: 'cheaper' });
    await ask('POST', path, { reason: 'said again' }, 'another');
    expect(held.route).toEqual(route);
    expect(held.promotion.overridden).toMatchObject({ by: 'me', reason: 'cheaper' });
    expect(held.typesToTell()).toEqual(['RouteChanged', 'PromotionOverridden']);
  });

  test('override nothing while another promotion runs', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion({ id: 'm-p2' }) });
    held.promotions.set('m-p1', aPromotion({ state: 'inconclusive' }));
    const path = '/v1/promotions/m/m-p1/override';
    await expect(apiOf(held).ask('POST', path, { reason: 'please' })).rejects.toMatchObject({
      code: 'PROMOTION_RUNNING',
      details: ['promotion: m-p2'],
    });
    expect(held.route).toEqual(aRoute());
  });

  test('may not retire the champion that a promotion returns to', async () => {
    const held = new InMemoryPromotions({
      promotion: aPromotion({ place: PLACE.bake }),
      route: aRoute({ champion: servedVersion('2'), formerChampion: servedVersion('1') }),
    });
    await expect(apiOf(held).ask('POST', '/v1/versions/m/1/retire')).rejects.toMatchObject({
      code: 'VERSION_IN_USE',
    });
  });

  test('learn that a promotion is unknown', async () => {
    const { ask } = apiOf(new InMemoryPromotions());
    await expect(ask('GET', '/v1/promotions/m/m-p9')).rejects.toMatchObject({
      code: 'PROMOTION_NOT_FOUND',
    });
  });
});
