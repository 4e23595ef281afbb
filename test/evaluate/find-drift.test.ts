import { beforeEach, describe, expect, test } from 'vitest';
import type { ArchivedRow } from '../../functions/contracts/archive.ts';
import type { DatasetProfile } from '../../functions/contracts/dataset-profile.ts';
import type { DriftFound } from '../../functions/contracts/evaluation-events.ts';
import type { BusEvent } from '../../functions/contracts/event-bus.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Route } from '../../functions/contracts/route.ts';
import type { KeptDrift } from '../../functions/evaluate/drift-table.ts';
import { type DriftFinder, findDrift } from '../../functions/evaluate/find-drift.ts';
import { seededRandom } from '../../functions/measures/seeded-random.ts';
import { versionProfile } from '../../functions/measures/version-profile.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { aModel } from '../builders/model-spec.ts';

const NOW = Date.parse('2026-11-23T06:00:00Z');
const sealing = cardFraud.features.filter(({ name }) => name === 'distanceFromHomeKm');
const plain = aModel();
const spec: ModelSpec = aModel('m', {
  features: [...plain.features, ...sealing],
  monitoring: {
    ...plain.monitoring,
    drift: { psi: 0.2, minimumRows: 500, windowHours: 24 },
  },
});

const random = seededRandom(5, 'rows');
const instance = (shift: number) => ({
  a: random.normal() + shift,
  b: random.normal() + shift / 2,
  c: random.normal(),
});
const instances = (count: number, shift = 0) =>
  Array.from({ length: count }, () => instance(shift));
const trained = instances(4000);
const profile = versionProfile(
  spec,
  trained,
  trained.map(({ a }) => a),
);

let nextId: number;
let rows: Partial<ArchivedRow<'predictions'>>[];
let lines: Record<string, unknown>[];
let told: BusEvent[];
let days: string[];
let nowMs: number;
let kept: KeptDrift;

beforeEach(() => {
  nextId = 0;
  [rows, lines, told, days] = [[], [], [], []];
  nowMs = NOW;
  kept = { revision: 0 };
});

/** What the table promises, in memory. */
const found: DriftFinder['found'] = {
  read: async () => kept,
  write: async (_model, before, next) => {
    if (before.revision !== kept.revision) return undefined;
    kept = { ...next, revision: kept.revision + 1 };
    return kept;
  },
};

function finder(
  reference: DatasetProfile | undefined = profile,
  route: unknown = { champion: { version: '3', digest: 'd' } },
): DriftFinder {
  return {
    specs: [spec],
    routes: { read: async () => route as Route },
    profiles: { find: async () => reference },
    archive: {
      async *rows(_table, _model, day) {
        days.push(day);
        for (const row of rows) if (row.at?.startsWith(day)) yield row as never;
      },
      line: async () => {
        throw new Error('no line is that long');
      },
    },
    found,
    events: { publish: async (events) => void told.push(...events) },
    clock: { nowMs: () => nowMs, now: () => instantOf(nowMs) },
    writeLine: (line) => void lines.push(JSON.parse(line)),
  };
}

/** A recorded request of some rows. */
function asked(
  given: readonly Record<string, unknown>[],
  rest: Partial<ArchivedRow<'predictions'>> = {},
): Partial<ArchivedRow<'predictions'>> {
  nextId += 1;
  return {
    prediction_id: `p${nextId}`,
    kind: 'answered',
    at: '2026-11-23T03:00:00.000Z',
    arm: 'champion',
    version: '3',
    withheld: '["distanceFromHomeKm"]',
    asked: JSON.stringify({ api: 'predict', instances: given }),
    outputs: JSON.stringify([
      {
        name: 'o',
        datatype: 'FP32',
        shape: [given.length, 1],
        data: given.map(({ a }) => a ?? null),
      },
    ]),
    ...rest,
  };
}

describe('a window like the one that the champion was made from', () => {
  test('is measured, and nothing is found', async () => {
    rows = [asked(instances(600)), asked(instances(600))];
    await findDrift('m', finder());
    expect(told).toEqual([]);
    expect(lines).toMatchObject([{ Model: 'm', DriftedShare: 0, rows: 1200 }]);
    expect(lines[0]?.['LargestStability']).toBeLessThan(0.1);
    expect(lines[0]?.['PredictionStability']).toBeLessThan(0.1);
  });
});

describe('a window that has moved', () => {
  test('is one finding of all features, the most moved first, with what was not looked at', async () => {
    rows = [asked(instances(1200, 2))];
    await findDrift('m', finder());
    expect(told).toMatchObject([
      {
        type: 'DriftFound',
        detail: {
          model: 'm',
          version: '3',
          rows: 1200,
          isSample: false,
          usesOutcomes: false,
          features: [{ name: 'a' }, { name: 'b' }],
          prediction: { name: 'points' },
          excluded: { distanceFromHomeKm: 'it is sealed in the log, and not opened for this' },
        },
      },
    ]);
    expect(told).toHaveLength(1);
    expect(lines[0]?.['DriftedShare']).toBeCloseTo(2 / 3, 9);
  });

  test('is found in tensors as well', async () => {
    const moved = instances(1000, 2);
    const data = moved.flatMap(({ a, b, c }) => [a, b, c]);
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1000, 3], data }];
    rows = [asked(moved, { asked: JSON.stringify({ api: 'infer', inputs }) })];
    await findDrift('m', finder());
    expect(told).toMatchObject([{ detail: { features: [{ name: 'a' }, { name: 'b' }] } }]);
  });

  test('counts a request once however often the archive has it', async () => {
    const request = asked(instances(600, 2));
    rows = [request, request, request];
    await findDrift('m', finder());
    expect(told).toMatchObject([{ detail: { rows: 600 } }]);
  });

  test('says that predictions are not looked at where the profile has none', async () => {
    rows = [asked(instances(600))];
    const { columns } = profile;
    await findDrift(
      'm',
      finder({ ...profile, columns: columns.filter(({ role }) => role !== 'prediction') }),
    );
    expect(lines).toMatchObject([
      { excluded: { points: 'the version’s profile has no predictions' } },
    ]);
    expect(lines[0]).not.toHaveProperty('PredictionStability');
  });

  test('looks at the predictions of the champion only', async () => {
    rows = [
      asked(instances(600)),
      asked(instances(600, 9), { arm: 'challenger', version: '4', asked: undefined as never }),
      { ...asked(instances(600)), arm: 'challenger', version: '4', outputs: '[]' },
    ];
    await findDrift('m', finder());
    expect(lines[0]).toMatchObject({ rows: 1200 });
    expect(lines[0]?.['PredictionStability']).toBeLessThan(0.1);
  });
});

describe('a finding', () => {
  const HOUR_MS = 3_600_000;
  /** Looks again after some hours, at requests of the hour before. */
  async function look(hours: number, shift: Parameters<typeof instances>[1], by = finder()) {
    nowMs += hours * HOUR_MS;
    rows = [asked(instances(600, shift), { at: instantOf(nowMs - HOUR_MS) })];
    await findDrift('m', by);
  }
  const causes = () =>
    told.map(({ detail }) => (detail as DriftFound).features.map(({ name }) => name).join());

  test('is told when it begins, and not while it lasts', async () => {
    for (let hour = 0; hour < 30; hour++) await look(1, 2);
    expect(causes()).toEqual(['a,b']);
    expect(told[0]?.detail).toMatchObject({ since: told[0]?.detail.at });
  });

  test('is told again when a cause joins it, as the same finding', async () => {
    // b shifts by half of that: too little to see.
    await look(1, 0.7);
    await look(1, 2);
    await look(1, 0.7);
    await look(1, 2);
    expect(causes()).toEqual(['a', 'a,b']);
    expect(new Set(told.map(({ detail }) => detail['since'])).size).toBe(1);
  });

  test('goes on when it was out of sight for less than a window', async () => {
    await look(1, 2);
    for (let hour = 0; hour < 23; hour++) await look(1, 0);
    await look(0, 2);
    expect(causes()).toEqual(['a,b']);
  });

  test('ends with a whole window without it, and is another when it comes back', async () => {
    await look(1, 2);
    for (let hour = 0; hour < 24; hour++) await look(1, 0);
    expect(kept.finding).toBe(undefined);
    await look(1, 2);
    expect(causes()).toEqual(['a,b', 'a,b']);
    expect(new Set(told.map(({ detail }) => detail['since'])).size).toBe(2);
  });

  test('lasts while nothing can be judged', async () => {
    await look(1, 2);
    const { finding } = kept;
    rows = [];
    nowMs += 5 * HOUR_MS;
    await findDrift('m', finder());
    expect(kept.finding).toEqual(finding);
  });

  test('is of a version: the next champion’s is another', async () => {
    await look(1, 2);
    await look(1, 2, finder(profile, { champion: { version: '4', digest: 'e' } }));
    expect(told.map(({ detail }) => detail['version'])).toEqual(['3', '4']);
  });

  test('that the bus did not take is told by the next run, as it was', async () => {
    const broken = {
      ...finder(),
      events: {
        publish: async () => {
          throw new Error('the bus is away');
        },
      },
    };
    await expect(look(1, 2, broken)).rejects.toThrow('the bus is away');
    expect(told).toEqual([]);
    const foundAt = instantOf(nowMs);
    await look(1, 0);
    await look(1, 2);
    expect(told.map(({ detail }) => detail.at)).toEqual([foundAt]);
  });

  test('is told once by runs at the same time', async () => {
    rows = [asked(instances(600, 2))];
    await Promise.all([findDrift('m', finder()), findDrift('m', finder())]);
    expect(causes()).toEqual(['a,b']);
  });
});

describe('no verdict, said with its reason and by absent metrics,', () => {
  const reason = () => lines.map((line) => [line['kind'], line['reason'], line['_aws']]);

  test('is given on few rows', async () => {
    rows = [asked(instances(499, 5))];
    await findDrift('m', finder());
    expect([reason(), told]).toEqual([
      [['drift-not-judged', '499 rows of at least 500', undefined]],
      [],
    ]);
  });

  test('is given on a version without a profile', async () => {
    await findDrift('m', { ...finder(), profiles: { find: async () => undefined } });
    expect(reason()).toEqual([
      ['drift-not-judged', 'version 3 was registered without a profile', undefined],
    ]);
  });

  test('is given on a model without a champion', async () => {
    await findDrift('m', { ...finder(), routes: { read: async () => undefined } });
    expect(reason()).toEqual([['drift-not-judged', 'the model has no champion', undefined]]);
  });
});

test('requests before and after the window, and what the shadow answered, are not in it', async () => {
  rows = [
    asked(instances(600)),
    asked(instances(600, 9), { at: '2026-11-22T05:59:59.999Z' }),
    asked(instances(600, 9), { at: '2026-11-23T06:00:00.000Z' }),
    asked(instances(600, 9), { kind: 'shadow' }),
  ];
  await findDrift('m', finder());
  expect(days).toEqual(['2026-11-22', '2026-11-23']);
  expect([told, lines[0]?.['rows']]).toEqual([[], 600]);
});
