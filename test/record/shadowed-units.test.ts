import { describe, expect, test } from 'vitest';
import type { ShadowLine } from '../../functions/contracts/prediction-line.ts';
import { shadowRow } from '../../functions/record/archived-rows.ts';
import { UnitRecords } from '../../functions/record/unit-records.ts';
import { aRoute } from '../builders/route.ts';

const comparison = {
  rows: 1,
  agreed: 1,
  flipped: 0,
  scores: [],
  latencyMs: 1,
  failed: false,
  segments: {},
};
const line = (over: Partial<ShadowLine> = {}): ShadowLine => ({
  kind: 'shadow',
  at: aRoute().changedAt,
  requestedAt: aRoute().changedAt,
  model: 'm',
  promotion: 'm-p1',
  predictionId: 'p1',
  unit: 'u1',
  ...over,
});

/** What is written of a line. */
async function writtenOf(shadow: ShadowLine) {
  const written: object[] = [];
  const note = async (item: object) => void written.push(item);
  const units = { expose: note, contribute: note, compare: note, setCovariate: note };
  await new UnitRecords(units).shadowed(shadow);
  return written;
}

describe('what a shadow said of a request', () => {
  const requestedAt = aRoute().changedAt;

  test('is a comparison before anybody is exposed', async () => {
    expect(await writtenOf(line({ comparison }))).toEqual([
      { promotion: 'm-p1', predictionId: 'p1', requestedAt, comparison },
    ]);
  });

  test('is the covariate of a unit in an A/B test, 0 as well', async () => {
    expect(await writtenOf(line({ covariate: 0 }))).toEqual([
      { promotion: 'm-p1', unit: 'u1', predictionId: 'p1', requestedAt, covariate: 0 },
    ]);
  });

  test.each<[string, Partial<ShadowLine>]>([
    ['outside a promotion', { promotion: undefined, comparison }],
    ['that was skipped', { reason: 'the promotion is over' }],
    ['as a covariate of no unit', { unit: undefined, covariate: 1 }],
  ])('%s is nothing', async (_, over) => {
    expect(await writtenOf(line(over))).toEqual([]);
  });
});

describe('in the archive', () => {
  const answered = { version: '2', outputs: [] };

  test.each<[string, string, Partial<ShadowLine>]>([
    ['an answer that was compared', 'challenger', { ...answered, comparison }],
    ['an answer for a covariate', 'champion', { ...answered, covariate: 1 }],
    ['an answer that gives no finite covariate', 'champion', answered],
  ])('%s is of the %s', (_, arm, over) => {
    expect(shadowRow(line(over))).toMatchObject({ kind: 'shadow', arm, outputs: '[]' });
  });

  test('a request that failed or was skipped has no answer', () => {
    expect(shadowRow(line({ version: '2', failure: { message: 'broken' } }))).toBeUndefined();
    expect(shadowRow(line({ reason: 'the promotion is over' }))).toBeUndefined();
  });
});
