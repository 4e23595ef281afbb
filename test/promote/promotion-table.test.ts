import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BusEvent } from '../../functions/contracts/event-bus.ts';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import type { Look } from '../../functions/promote/look.ts';
import { PromotionTable } from '../../functions/promote/promotion-table.ts';
import { startPromotion } from '../../functions/promote/starting.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { Outbox } from '../../functions/runtime/outbox.ts';
import { modelTable, startTables } from '../builders/model-table.ts';
import { aVersion, START_MS, servedVersion } from '../builders/route.ts';
import { aPromotion, hypothesis, InMemoryPromotions, PLACE } from './in-memory-promotions.ts';

let tables: Awaited<ReturnType<typeof startTables>>;
let outbox: Outbox;
let table: PromotionTable;
/** Each test has a model of its own. */
let model = '';
let models = 0;

beforeAll(async () => {
  tables = await startTables(modelTable('promotions', 'model', 'sk'));
  outbox = new Outbox(tables.documents, 'promotions');
  table = new PromotionTable(tables.documents, 'promotions', outbox);
});
beforeEach(() => {
  models += 1;
  model = `m${models}`;
});
afterAll(() => tables[Symbol.asyncDispose]());

const numbered = (number: number, over: Partial<Promotion> = {}): Promotion =>
  aPromotion({ model, id: `${model}-p${number}`, ...over });
const AT = instantOf(START_MS);
const fact = (type: string): BusEvent => ({ type, detail: { at: AT, model } });
/** Facts that were written, and are told with this. */
async function factsTold(): Promise<string[]> {
  const types: string[] = [];
  const publish = async (events: readonly BusEvent[]) =>
    void types.push(...events.map(({ type }) => type));
  await outbox.tell([model], { publish });
  return types;
}

async function started(over: Partial<Promotion> = {}): Promise<Promotion> {
  const last = await table.count(model);
  const promotion = numbered(last + 1, over);
  expect(await table.start(promotion, last, [])).toEqual({ kind: 'written' });
  return promotion;
}
const endedAs = (promotion: Promotion, state: Promotion['state']): Promotion => ({
  ...promotion,
  state,
  endedAt: instantOf(START_MS + 1000),
  endedBy: 'me',
  reason: 'enough',
  idea: 'undecided',
});

describe('a start', () => {
  test('takes the number and the marker, and is told of with them', async () => {
    const promotion = numbered(1);
    expect(await table.running(model)).toBeUndefined();
    await table.start(promotion, 0, [fact('PromotionStarted')]);
    expect(await table.running(model)).toEqual(promotion);
    expect(await table.find(model, promotion.id)).toEqual(promotion);
    expect(await table.count(model)).toBe(1);
    expect(await factsTold()).toEqual(['PromotionStarted']);
  });

  test.each([
    ['over the same number', 0],
    ['with the next number', 1],
  ])('while another runs is overtaken and leaves nothing, %s', async (_, last) => {
    const first = await started();
    const second = numbered(2, { version: servedVersion('3').version });
    expect(await table.start(second, last, [fact('PromotionStarted')])).toEqual({
      kind: 'overtaken',
    });
    expect(await table.running(model)).toEqual(first);
    expect(await table.find(model, second.id)).toBeUndefined();
    expect(await table.count(model)).toBe(1);
    expect(await factsTold()).toEqual([]);
  });

  test('of another version is refused with the id of the first, also at the same moment', async () => {
    const held = new InMemoryPromotions({
      versions: [aVersion('1', { stage: 'production' }), aVersion('2'), aVersion('3')],
    });
    const [spec] = held.context.specs;
    const starter = {
      ...held.context,
      specs: spec ? [{ ...spec, name: model }] : [],
      promotions: table,
      forecast: async () => undefined,
      startMachine: async () => 'arn',
    };
    const start = (version: string) =>
      startPromotion({ model, version, hypothesis, acceptSlow: false, by: 'me' }, starter);
    const both = await Promise.allSettled([start('2'), start('3')]);
    const refusals = both.filter(({ status }) => status === 'rejected');
    expect(refusals).toMatchObject([
      { reason: { code: 'PROMOTION_RUNNING', details: [`promotion: ${model}-p1`] } },
    ]);
    expect((await table.list(model)).promotions).toHaveLength(1);
  });
});

test('promotions are listed newest first, the tenth before the second, a page at a time', async () => {
  for (let number = 1; number <= 12; number += 1) {
    const promotion = await started();
    await table.end(endedAs(promotion, 'aborted'), []);
  }
  const ids = (await table.list(model)).promotions.map(({ id }) => id);
  expect(ids).toEqual(Array.from({ length: 12 }, (_, at) => `${model}-p${12 - at}`));
  const below = await table.list(model, `${model}-p10`);
  expect(below.promotions[0]?.id).toBe(`${model}-p9`);
  expect(below.next).toBeUndefined();
});

describe('a change', () => {
  test('touches what it names, and is told of with it', async () => {
    const promotion = await started();
    const changes = { place: PLACE.shadow, placeSince: instantOf(START_MS + 5) };
    expect(await table.change(promotion, changes, [fact('PromotionAdvanced')])).toBe(true);
    expect(await table.find(model, promotion.id)).toEqual({ ...promotion, ...changes });
    expect(await factsTold()).toEqual(['PromotionAdvanced']);
  });

  test('at the same moment as another keeps both', async () => {
    const promotion = await started();
    await Promise.all([
      table.change(promotion, { executionArn: 'arn' }),
      table.change(promotion, { place: PLACE.shadow }, [fact('PromotionAdvanced')]),
      table.change(promotion, { plannedUnits: 7 }),
    ]);
    expect(await table.find(model, promotion.id)).toMatchObject({
      executionArn: 'arn',
      place: PLACE.shadow,
      plannedUnits: 7,
    });
  });

  test('of one that has ended is none, and is not told of', async () => {
    const promotion = await started();
    await table.end(endedAs(promotion, 'aborted'), []);
    const late = table.change(promotion, { place: PLACE.ab }, [fact('PromotionAdvanced')]);
    expect(await late).toBe(false);
    expect(await table.find(model, promotion.id)).toMatchObject({ place: promotion.place });
    expect(await factsTold()).toEqual([]);
  });
});

describe('an end', () => {
  test('lets the next begin', async () => {
    const first = await started();
    const ended = endedAs(first, 'rolled-back');
    expect(await table.end(ended, [fact('PromotionEnded')])).toEqual({ kind: 'written' });
    expect(await table.find(model, first.id)).toEqual(ended);
    expect(await table.running(model)).toBeUndefined();
    expect(await started()).toMatchObject({ id: `${model}-p2` });
    expect(await factsTold()).toEqual(['PromotionEnded']);
  });

  test('a second time is overtaken, and does not end the one that runs now', async () => {
    const first = await started();
    await table.end(endedAs(first, 'rolled-back'), []);
    const next = await started();
    const again = endedAs(first, 'promoted');
    expect(await table.end(again, [fact('PromotionEnded')])).toEqual({ kind: 'overtaken' });
    expect(await table.find(model, first.id)).toMatchObject({ state: 'rolled-back' });
    expect(await table.running(model)).toEqual(next);
    expect(await factsTold()).toEqual([]);
  });

  test('in two ways at once is one of them', async () => {
    const promotion = await started();
    const ends = await Promise.all(
      (['aborted', 'rolled-back'] as const).map((state) =>
        table.end(endedAs(promotion, state), [fact(state)]),
      ),
    );
    expect(ends.map(({ kind }) => kind).toSorted()).toEqual(['overtaken', 'written']);
    const { state } = (await table.find(model, promotion.id)) ?? promotion;
    expect(await factsTold()).toEqual([state]);
  });
});

describe('a decision', () => {
  const decision = (isApproved: boolean) => ({ isApproved, reason: 'fine', by: 'ada', at: AT });
  const asked = async () => {
    const promotion = await started();
    const approval = { token: 'the-token', expiresAt: instantOf(START_MS + 9) };
    await table.change(promotion, { approval });
    return { promotion, approval };
  };

  test('is kept once: the second, and one under another token, change nothing', async () => {
    const { promotion, approval } = await asked();
    const decide = (token: string, isApproved: boolean) =>
      table.decide(promotion, token, decision(isApproved), [fact(String(isApproved))]);
    expect(await decide('another', false)).toBe(false);
    expect(await decide('the-token', true)).toBe(true);
    expect(await decide('the-token', false)).toBe(false);
    expect((await table.find(model, promotion.id))?.approval).toEqual({
      ...approval,
      decision: decision(true),
    });
    expect(await factsTold()).toEqual(['true']);
  });

  test('on what was never asked, or has ended, is none', async () => {
    const unasked = await started();
    expect(await table.decide(unasked, 'the-token', decision(true), [])).toBe(false);
    await table.end(endedAs(unasked, 'aborted'), []);
    const { promotion } = await asked();
    await table.end(endedAs(promotion, 'rolled-back'), []);
    expect(await table.decide(promotion, 'the-token', decision(true), [])).toBe(false);
  });
});

test('only an inconclusive promotion takes a note of who has overridden it', async () => {
  const overridden = { by: 'ada', reason: 'cheaper', at: AT };
  const noted = async (state: Promotion['state']) => {
    const promotion = await started();
    await table.end(endedAs(promotion, state), []);
    await table.override(promotion, overridden, [fact(state)]);
    return (await table.find(model, promotion.id))?.overridden;
  };
  expect(await noted('rolled-back')).toBeUndefined();
  expect(await noted('inconclusive')).toEqual(overridden);
  expect(await factsTold()).toEqual(['inconclusive']);
});

describe('looks', () => {
  const lookAt = (promotion: Promotion, second: number, verdict = 'CONTINUE'): Look => ({
    promotion: promotion.id,
    model,
    at: instantOf(START_MS + second * 1000),
    place: PLACE.pilot,
    plan: {
      metric: 'mae',
      direction: 1,
      guardrails: [],
      plannedUnits: 10,
      minimumDays: 0,
      maximumDays: 1,
    },
    evidence: {
      days: 0.25,
      alarms: { champion: [], challenger: [] },
      exposed: { champion: 3, challenger: 4 },
      mixedUnits: 0,
      data: 'complete',
      incompleteHours: 0,
      metrics: [],
      hasSucceeded: false,
    },
    judged: { verdict, rule: 'time', reason: 'soon', hasSucceeded: false },
    verdict,
    reason: 'soon',
  });

  test('are kept in order, each once, and those of another promotion apart', async () => {
    const promotion = await started();
    const all = [lookAt(promotion, 1), lookAt(promotion, 2), lookAt(promotion, 10, 'HOLD')];
    for (const each of [...all, ...all].toReversed()) await table.keepLook(each, []);
    await table.keepLook(lookAt(numbered(11), 99), [fact('PromotionJudged')]);
    expect(await table.looks(model, promotion.id)).toEqual(all);
    expect(await table.lastLook(model, promotion.id)).toEqual(all[2]);
    expect(await table.lastLook(model, numbered(2).id)).toBeUndefined();
    expect(await factsTold()).toEqual(['PromotionJudged']);
  });
});

describe('what was counted once', () => {
  test('holds, whatever is counted later', async () => {
    expect(await table.frozen(model, 'cohort', async () => ({ n: 1 }))).toEqual({ n: 1 });
    const again = () => Promise.reject(new Error('counted again'));
    expect(await table.frozen(model, 'cohort', again)).toEqual({ n: 1 });
    expect(await table.frozen(model, 'another', async () => ({ n: 2 }))).toEqual({ n: 2 });
  });

  test('by two looks at once is what the first of them has written, for both', async () => {
    let counted = 0;
    const count = async () => {
      counted += 1;
      return { n: counted };
    };
    const both = await Promise.all([
      table.frozen(model, 'cohort', count),
      table.frozen(model, 'cohort', count),
    ]);
    expect(both[0]).toEqual(both[1]);
    expect(await table.frozen(model, 'cohort', count)).toEqual(both[0]);
  });
});
