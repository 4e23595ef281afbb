import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { answerOutcomes } from '../../functions/record/outcomes-api.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { aModel } from '../builders/model-spec.ts';
import { aLine } from '../builders/prediction-line.ts';
import { START_MS } from '../builders/route.ts';
import { recordingWorld } from './recording-world.ts';

const spec = aModel('m');
const ago = (seconds: number) => instantOf(START_MS - seconds * 1000);
const told = { predictionId: 'p1', outcome: 12, observedAt: ago(60) };

async function recordedWorld(disturb?: () => Promise<void>) {
  const world = recordingWorld([spec], disturb);
  await world.recorder.recordPrediction(aLine({ at: ago(3600) }));
  await world.recorder.flush();
  return world;
}

async function post(world: ReturnType<typeof recordingWorld>, list: unknown, caller = 'key') {
  const request = {
    method: 'POST',
    path: ['v1', 'outcomes'],
    query: {},
    headers: {},
    body: Buffer.from(JSON.stringify(list)),
    caller,
  };
  const { status, body } = await answerOutcomes(request, world);
  return { status, results: (body as { results: { status: string; code?: string }[] }).results };
}

describe('a reported outcome', () => {
  test.each<[string, object, string, string]>([
    ['of the wrong type', { outcome: 'twelve' }, 'WRONG_TYPE', 'm'],
    ['from the future', { observedAt: instantOf(START_MS + 600_000) }, 'IN_THE_FUTURE', 'm'],
    ['beyond its horizon', { observedAt: ago(30 * 3600) }, 'TOO_LATE', 'm'],
    ['of a row that was not asked for', { row: 1 }, 'ROW_OUT_OF_RANGE', 'm'],
    ['of an item, where nothing is ranked', { item: 'kettle' }, 'UNKNOWN_ITEM', 'm'],
    ['of no instant', { observedAt: '2026-11-23' }, 'BAD_ITEM', '-'],
    ['with a key that nobody knows', { weight: 2 }, 'BAD_ITEM', '-'],
    ['that is no number', { outcome: null }, 'BAD_ITEM', '-'],
  ])('%s is refused, seen in a metric, and changes nothing', async (_, wrong, code, model) => {
    const world = await recordedWorld();
    const { status, results } = await post(world, [{ ...told, ...wrong }, told]);
    expect({ status, results: results.map((each) => each.code ?? each.status) }).toEqual({
      status: 200,
      results: [code, 'joined'],
    });
    const counted = world.lines.find((line) => line['OutcomesRefused'] === 1);
    expect(counted?.['Model']).toBe(model);
    expect(world.joins.peek('p1').scores).toMatchObject([{ components: { error: -2 } }]);
  });

  test('a few minutes ahead of our clock is taken, as clocks differ', async () => {
    const world = await recordedWorld();
    const observedAt = instantOf(START_MS + LIMITS.outcomeSkewMs);
    expect((await post(world, [{ ...told, observedAt }])).results).toMatchObject([
      { status: 'joined' },
    ]);
  });

  test('of somebody else’s prediction is refused when it is known, and never joins when it is not', async () => {
    const world = await recordedWorld();
    expect((await post(world, [told], 'another')).results).toMatchObject([{ code: 'NOT_YOURS' }]);
    const early = { ...told, predictionId: 'p2' };
    expect((await post(world, [early], 'another')).results).toMatchObject([{ status: 'waiting' }]);
    await world.recorder.recordPrediction(aLine({ predictionId: 'p2', at: ago(3600) }));
    expect(world.joins.peek('p2').scores).toEqual([]);
    await world.recorder.flush();
    expect(world.measured('OutcomesRefused')).toBe(2);
  });

  test('that arrives after the horizon of its prediction is late, whenever it was observed', async () => {
    const world = await recordedWorld();
    world.clock.advance(25 * 3_600_000);
    expect((await post(world, [told])).results).toMatchObject([{ code: 'TOO_LATE' }]);
    expect(world.measured('OutcomesLate')).toBe(1);
  });

  test('that a refused one followed still holds, when both waited', async () => {
    const world = recordingWorld([spec]);
    const wrong = { ...told, outcome: 'twelve', observedAt: ago(30) };
    expect((await post(world, [told, wrong])).results).toMatchObject([
      { status: 'waiting' },
      { status: 'waiting' },
    ]);
    await world.recorder.recordPrediction(aLine({ at: ago(3600) }));
    expect(world.joins.peek('p1').scores).toMatchObject([{ components: { error: -2 } }]);
  });
});

describe('an outcome whose prediction is recorded while it is reported', () => {
  /** The prediction comes after the report was written and before the report looks again. */
  async function crossing(caller: string) {
    let calls = 0;
    const world = recordingWorld([spec], async () => {
      if (++calls === 3) await world.recorder.recordPrediction(aLine({ at: ago(3600) }));
    });
    const { results } = await post(world, [told], caller);
    await world.recorder.flush();
    return { world, results };
  }

  test('joins once, whoever lets it', async () => {
    const { world, results } = await crossing('key');
    expect(results).toMatchObject([{ status: 'waiting' }]);
    expect(world.measured('OutcomesJoined')).toBe(1);
    expect(world.measured('LabelDelaySeconds')).toBe(3540);
    expect(world.measured('Labels')).toBe(1);
    expect((await post(world, [told])).results).toMatchObject([{ status: 'duplicate' }]);
    expect(world.measured('OutcomesJoined')).toBe(1);
  });

  test('is refused once where it cannot be its truth', async () => {
    const { world, results } = await crossing('another');
    expect(results).toMatchObject([{ status: 'refused', code: 'NOT_YOURS' }]);
    await world.recorder.recordPrediction(aLine({ at: ago(3600) }));
    await world.recorder.flush();
    expect(world.measured('OutcomesRefused')).toBe(1);
    expect(world.measured('OutcomesJoined')).toBe(0);
  });

  test('joins at the next delivery when the first ended in between', async () => {
    let isThrottled = false;
    const world = recordingWorld([spec], async () => {
      if (isThrottled && world.joins.peek('p1').scores.length > 0) throw new Error('Throttled');
    });
    await post(world, [told]);
    isThrottled = true;
    const line = aLine({ at: ago(3600) });
    await expect(world.recorder.recordPrediction(line)).rejects.toThrow('Throttled');
    isThrottled = false;
    await world.recorder.recordPrediction(line);
    await world.recorder.recordPrediction(line);
    await world.recorder.flush();
    expect(world.measured('OutcomesJoined')).toBe(1);
    expect(world.measured('Labels')).toBe(1);
  });
});

describe('a batch', () => {
  test('that tells of one slot several times is taken in its order', async () => {
    const world = await recordedWorld();
    const later = { ...told, outcome: 13, observedAt: ago(30) };
    const { results } = await post(world, [told, told, later, told]);
    expect(results.map(({ status }) => status)).toEqual([
      'joined',
      'duplicate',
      'corrected',
      'duplicate',
    ]);
    expect(world.measured('OutcomesDuplicate')).toBe(2);
    expect(world.measured('OutcomesCorrected')).toBe(1);
    expect(world.measured('Labels')).toBe(1);
  });

  test('of which the table takes some only says which, and is done when it is sent again', async () => {
    let calls = 0;
    let isThrottled = false;
    const world = await recordedWorld(async () => {
      if (isThrottled && ++calls % 3 === 0) throw new Error('ThrottlingException');
    });
    const ids = Array.from({ length: 12 }, (_, at) => `b${at}`);
    for (const predictionId of ids)
      await world.recorder.recordPrediction(aLine({ predictionId, at: ago(3600) }));
    const list = ids.map((predictionId) => ({ ...told, predictionId }));
    isThrottled = true;
    const first = await post(world, list);
    expect(first.status).toBe(503);
    expect(new Set(first.results.map(({ status }) => status))).toContain('failed');
    expect(first.results.filter(({ status }) => status === 'failed')[0]?.code).toBe('TRY_AGAIN');
    expect(world.measured('FailedItems')).toBeGreaterThan(0);
    isThrottled = false;
    expect((await post(world, list)).status).toBe(200);
    for (const id of ids)
      expect(world.joins.peek(id).scores).toMatchObject([{ components: { error: -2 } }]);
    expect(world.measured('Labels')).toBe(ids.length);
  });
});
