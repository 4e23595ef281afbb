import { describe, expect, test } from 'vitest';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { aModel } from '../builders/model-spec.ts';
import { aLine } from '../builders/prediction-line.ts';
import { START_MS } from '../builders/route.ts';
import { recordingWorld } from './recording-world.ts';

const spec = aModel('m');
const text = (overrides: Parameters<typeof aLine>[0] = {}) => JSON.stringify(aLine(overrides));

/** A line cut into so many parts. */
function partsOf(id: string, of: number): string[] {
  const line = text({ predictionId: id });
  const size = Math.ceil(line.length / of);
  return Array.from({ length: of }, (_, at) =>
    JSON.stringify({
      kind: 'part',
      id,
      part: at + 1,
      of,
      isShadowed: false,
      text: line.slice(at * size, (at + 1) * size),
    }),
  );
}

describe('a delivery', () => {
  test('with poison in it parks the poison whole, counts it, and records the rest', async () => {
    const world = recordingWorld([spec]);
    const poison = ['no JSON', '[]', '{"kind":"prediction"}', '{"kind":"part","id":"x"}'];
    await world.recording.recordDelivery([...poison, text(), '{"kind":"refusal"}']);
    expect(world.parked.map((work) => work.kind === 'lines' && work.messages[0])).toEqual(poison);
    expect(world.measured('PoisonLines')).toBe(4);
    expect(world.measured('RecordedRows')).toBe(1);
  });

  test('of which one item fails leaves that one in the queue, and succeeds', async () => {
    let isFailing = false;
    const world = recordingWorld([spec], async () => {
      if (!isFailing) return;
      isFailing = false;
      throw new Error('ThrottlingException');
    });
    isFailing = true;
    const lines = ['p1', 'p2', 'p3'].map((predictionId) => text({ predictionId }));
    await world.recording.recordDelivery(lines);
    expect(world.failed).toMatchObject([{ kind: 'lines', reason: 'Error: ThrottlingException' }]);
    expect(world.measured('FailedItems')).toBe(1);
    const queued = world.failed.map((work, at) => ({ id: `m${at}`, body: JSON.stringify(work) }));
    expect(await world.recording.recordQueued(queued)).toEqual([]);
    expect(world.measured('RecordedRows')).toBe(3);
  });

  test('of a model that this deployment does not know waits in the queue', async () => {
    const world = recordingWorld([spec]);
    await world.recording.recordDelivery([text({ model: 'gone' })]);
    expect(world.failed).toMatchObject([{ reason: 'Error: no model is named "gone"' }]);
  });

  test('fails whole when the archive takes nothing, and is recorded once when it comes again', async () => {
    const world = recordingWorld([spec]);
    const put = world.archive.put.bind(world.archive);
    world.archive.put = async () => {
      throw new Error('Firehose is down');
    };
    await expect(world.recording.recordDelivery([text()])).rejects.toThrow('Firehose is down');
    world.archive.put = put;
    await world.recording.recordDelivery([text()]);
    expect(world.measured('RecordedRows')).toBe(1);
    expect(world.archive.rows.map(({ table, row }) => [table, row.prediction_id])).toEqual([
      ['predictions', 'p1'],
    ]);
  });
});

describe('a queued message', () => {
  test('that fails alone comes back alone', async () => {
    const world = recordingWorld([spec]);
    const queued = [
      { id: 'good', body: JSON.stringify({ kind: 'lines', messages: [text()], reason: '' }) },
      { id: 'bad', body: 'no JSON' },
    ];
    expect(await world.recording.recordQueued(queued)).toEqual([{ itemIdentifier: 'bad' }]);
    expect(world.measured('RecordedRows')).toBe(1);
  });

  test('of maturity gives silence its meaning, and no metric: cohorts are judged whole', async () => {
    const world = recordingWorld([cardFraud]);
    const at = instantOf(START_MS);
    const line = aLine({
      model: cardFraud.name,
      at,
      promotion: 'try',
      unit: 'u',
      assigned: 'champion',
      asked: { api: 'predict', instances: [{ amountEur: 100 }] },
      outputs: [{ name: 'risk', datatype: 'FP32', shape: [1, 2], data: [0.5, 0] }],
    });
    const matured = [{ id: 'm', body: JSON.stringify({ kind: 'matured', predictionId: 'p1' }) }];
    await world.recording.recordDelivery([JSON.stringify(line)]);
    // Too early: it comes back, and is parked in the end.
    expect(await world.recording.recordQueued(matured)).toEqual([{ itemIdentifier: 'm' }]);
    world.clock.advance(cardFraud.monitoring.outcomes.maturityHours * 3_600_000);
    expect(await world.recording.recordQueued(matured)).toEqual([]);
    expect(world.joins.peek('p1').scores).toMatchObject([
      { components: { labels: 1, falsePositives: 1, cost: 8 }, published: [] },
    ]);
    expect([...world.units.contributions.values()]).toMatchObject([
      { requests: 1, components: { falsePositives: 1 } },
    ]);
    expect(world.measured('Labels')).toBe(0);
  });
});

describe('a line that is recorded after its maturity', () => {
  const SLOW_HOURS = 24 * 15;
  const enrolled = {
    at: instantOf(START_MS),
    promotion: 'try',
    unit: 'u',
    assigned: 'champion',
  } as const;

  test('gives the silence about its rows its meaning at once, for nobody asks for it any more', async () => {
    const world = recordingWorld([cardFraud]);
    const line = text({
      ...enrolled,
      model: cardFraud.name,
      asked: { api: 'predict', instances: [{ amountEur: 100 }] },
      outputs: [{ name: 'risk', datatype: 'FP32', shape: [1, 2], data: [0.5, 0] }],
    });
    world.clock.advance(SLOW_HOURS * 3_600_000);
    await world.recording.recordDelivery([line, line]);
    expect(world.joins.peek('p1').scores).toMatchObject([
      { components: { labels: 1, falsePositives: 1 }, published: [], revision: 1 },
    ]);
    expect(world.measured('Labels')).toBe(0);
  });

  test('makes a ranking final, whose clicks came before it', async () => {
    const world = recordingWorld([searchRanking]);
    const line = text({
      ...enrolled,
      model: searchRanking.name,
      rows: 2,
      asked: { api: 'rank', query: {}, items: [{ id: 'a' }, { id: 'b' }] },
      outputs: [{ name: 'scores', datatype: 'FP32', shape: [2, 1], data: [2, 1] }],
    });
    const click = { predictionId: 'p1', item: 'a', outcome: 'click', observedAt: enrolled.at };
    await world.reporter.report([click], 'key');
    world.clock.advance(SLOW_HOURS * 3_600_000);
    await world.recording.recordDelivery([line]);
    expect([...world.units.contributions.values()]).toMatchObject([
      { requests: 1, components: { clickedQueries: 1 } },
    ]);
  });
});

describe('parts of a line', () => {
  test('make it whole within a delivery, and across deliveries in any order, each twice', async () => {
    const world = recordingWorld([spec]);
    await world.recording.recordDelivery(partsOf('together', 3));
    expect(world.measured('RecordedRows')).toBe(1);
    const [first = '', second = '', third = ''] = partsOf('apart', 3);
    await world.recording.recordDelivery([third, first, third]);
    expect(world.measured('PartsWaiting')).toBeGreaterThan(0);
    expect(world.joins.peek('apart').prediction).toBeUndefined();
    await world.recording.recordDelivery([second]);
    await world.recording.recordDelivery([second, first]);
    expect(world.joins.peek('apart').prediction).toBeDefined();
    expect(world.measured('RecordedRows')).toBe(2);
  });
});

describe('an oversized line', () => {
  test('that fails waits part by part, for SQS takes no message of it whole, and is recorded once from there', async () => {
    const failing = { left: 1 };
    const world = recordingWorld([spec], async () => {
      if (failing.left-- > 0) throw new Error('ThrottlingException');
    });
    const parts = partsOf('large', 6);
    await world.recording.recordDelivery(parts);
    expect(world.failed.map((work) => work.kind === 'lines' && work.messages)).toEqual(
      parts.map((part) => [part]),
    );
    const queued = world.failed.map((work, at) => ({ id: `m${at}`, body: JSON.stringify(work) }));
    for (const each of queued.toReversed())
      expect(await world.recording.recordQueued([each])).toEqual([]);
    expect(world.measured('RecordedRows')).toBe(1);
  });

  test('that makes no prediction is parked part by part', async () => {
    const world = recordingWorld([spec]);
    const parts = ['{"kind":', '"prediction"}'].map((piece, at) =>
      JSON.stringify({
        kind: 'part',
        id: 'x',
        part: at + 1,
        of: 2,
        isShadowed: false,
        text: piece,
      }),
    );
    await world.recording.recordDelivery(parts);
    expect(world.parked.map((work) => work.kind === 'lines' && work.messages)).toEqual(
      parts.map((part) => [part]),
    );
    expect(world.measured('PoisonLines')).toBe(1);
  });
});

describe('a failure of an enrolled unit', () => {
  test('counts against the arm it was assigned to, once', async () => {
    const world = recordingWorld([spec]);
    const enrolment = { predictionId: 'f', promotion: 'try', unit: 'u', assigned: 'challenger' };
    const line = { kind: 'failure', status: 500, model: 'm', caller: 'key', latencyMs: 7 };
    const failure = JSON.stringify({ ...line, at: instantOf(START_MS), enrolment });
    await world.recording.recordDelivery([failure, failure]);
    expect([...world.units.contributions.values()]).toMatchObject([
      { arm: 'challenger', requests: 1, failed: 1, latencyMs: 7 },
    ]);
    expect(world.units.exposures.size).toBe(1);
  });
});

test('a line too long for the archive’s record lies in an object of its own, named in its row', async () => {
  const world = recordingWorld([spec]);
  const instances = Array.from({ length: 9000 }, () => ({ a: 1, note: 'x'.repeat(120) }));
  const long = text({ rows: 9000, asked: { api: 'predict', instances } });
  await world.recording.recordDelivery([long]);
  expect(world.archive.rows[0]?.row).toMatchObject({ line_key: 'm/p1', rows: 9000 });
  expect(world.archive.rows[0]?.row).not.toHaveProperty('asked');
  expect(JSON.parse(world.archive.lines.get('m/p1') ?? '')).toMatchObject({ predictionId: 'p1' });
});
