import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ArchiveTable } from '../../functions/contracts/archive.ts';
import type { PredictionLine } from '../../functions/contracts/prediction-line.ts';
import { scoreClassification } from '../../functions/measures/row-score.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { aDecliningModel } from '../builders/declining-model.ts';
import { aLine } from '../builders/prediction-line.ts';
import { START_MS } from '../builders/route.ts';
import { recordingWorld } from './recording-world.ts';

const spec = aDecliningModel();
const { task } = spec;
if (task.kind !== 'classification') throw new Error('it is a classifier');
const HOUR_MS = 3_600_000;
const at = instantOf(START_MS - HOUR_MS / 2);

interface Row {
  readonly risk: number;
  readonly propensity: number;
  readonly outcome?: string | undefined;
}

const lineOf = (rows: readonly Row[], overrides: Partial<PredictionLine> = {}): PredictionLine =>
  aLine({
    at,
    rows: rows.length,
    asked: { api: 'predict', instances: rows.map(() => ({ a: 1 })) },
    outputs: [
      { name: 'o', datatype: 'FP32', shape: [rows.length, 1], data: rows.map(({ risk }) => risk) },
    ],
    propensities: rows.map(({ propensity }) => propensity),
    promotion: 'm-p1',
    isEnrolled: true,
    assigned: 'champion',
    unit: 'u',
    ...overrides,
  });

/** What recording ends in, whatever happened first. */
async function recorded(
  line: PredictionLine,
  rows: readonly Row[],
  { isMatured = true, isToldFirst = false, model = spec } = {},
) {
  const world = recordingWorld([model]);
  const told = rows.flatMap(({ outcome }, row) =>
    outcome === undefined
      ? []
      : [{ predictionId: line.predictionId, row, outcome, observedAt: at }],
  );
  const tell = () => world.reporter.report(told, 'key');
  if (isToldFirst) await tell();
  await world.recorder.recordPrediction(line);
  if (!isToldFirst) await tell();
  if (isMatured) {
    world.clock.advance(HOUR_MS);
    await world.recorder.mature(line.predictionId);
  }
  await world.recorder.flush();
  const { scores } = world.joins.peek(line.predictionId);
  const contributions = [...world.units.contributions.values()];
  const archived = (wanted: ArchiveTable) =>
    world.archive.rows.flatMap(({ table, row }) => (table === wanted ? [row] : []));
  return { scores, contributions, archived, lines: world.archive.lines };
}

const rowsOf = fc.array(
  fc.record({
    risk: fc.constantFrom(0.1, 0.4, 0.5, 0.9),
    propensity: fc.constantFrom(0, 0.1, 1),
    outcome: fc.option(fc.constantFrom('good', 'bad'), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 6 },
);

test('a declined row has the outcome that somebody reported and no other, and no arm counts it', async () => {
  await fc.assert(
    fc.asyncProperty(rowsOf, fc.boolean(), fc.boolean(), async (rows, isMatured, isToldFirst) => {
      const { scores, contributions } = await recorded(lineOf(rows), rows, {
        isMatured,
        isToldFirst,
      });
      const known = rows.flatMap(({ risk, propensity, outcome }, row) => {
        const truth = outcome ?? (propensity > 0 ? 'good' : undefined);
        if (truth === undefined || !isMatured) return [];
        const components = scoreClassification(task, { risk }, truth, undefined);
        return [{ row, components, ...(propensity < 1 && { propensity }) }];
      });
      expect(
        scores
          .map(({ row, components, propensity }) => ({
            row,
            components,
            ...(propensity !== undefined && { propensity }),
          }))
          .toSorted((one, other) => one.row - other.row),
      ).toEqual(known);
      const counted = contributions.filter(({ components }) => components !== undefined);
      expect(
        counted
          .map(({ row, components, propensity }) => ({
            row,
            components,
            ...(propensity !== undefined && { propensity }),
          }))
          .toSorted((one, other) => one.row - other.row),
      ).toEqual(known.filter(({ propensity }) => propensity !== 0));
      // The request itself counts, whatever became of its rows.
      expect(contributions.reduce((sum, { requests }) => sum + requests, 0)).toBe(1);
    }),
  );
});

test('a tensor tells no decision: its rows have the outcomes that are reported, and count in no arm', async () => {
  const rows: Row[] = [
    { risk: 0.1, propensity: 1 },
    { risk: 0.9, propensity: 1, outcome: 'bad' },
  ];
  const { propensities: _untold, ...line } = lineOf(rows, {
    asked: {
      api: 'infer',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 3], data: [1, 2, 3, 4, 5, 6] }],
    },
  });
  const { scores, contributions } = await recorded(line, rows);
  expect(scores).toMatchObject([{ row: 1, propensity: 0 }]);
  expect(contributions).toMatchObject([{ requests: 1 }]);
  expect(contributions[0]).not.toHaveProperty('components');
});

test('what was hidden when it was asked stays so where the spec says so no longer', async () => {
  const open = aDecliningModel('m', {
    task: { ...task, positiveHidesOutcome: false },
    promotion: { unit: 'customer', steps: [{ kind: 'smoke-test' }, { kind: 'production' }] },
  });
  const rows: Row[] = [
    { risk: 0.9, propensity: 0 },
    { risk: 0.1, propensity: 1 },
  ];
  const { scores } = await recorded(lineOf(rows), rows, { model: open });
  expect(scores.map(({ row }) => row)).toEqual([1]);
});

test('the archive keeps the chances with the prediction and with each score', async () => {
  const rows: Row[] = [
    { risk: 0.1, propensity: 1 },
    { risk: 0.9, propensity: 0.1 },
  ];
  const { archived } = await recorded(lineOf(rows), rows);
  expect(archived('predictions')).toMatchObject([{ propensities: '[1,0.1]' }]);
  const [certain, drawn] = archived('scores');
  expect(certain).not.toHaveProperty('propensity');
  expect(drawn).toMatchObject({ propensity: 0.1 });
});

test('a line that is too long for a row of the archive takes its chances with it', async () => {
  const rows = Array.from({ length: 5_000 }, (): Row => ({ risk: 0.123456789, propensity: 1 }));
  const asked = { api: 'predict' as const, instances: rows.map(() => ({ a: 'x'.repeat(300) })) };
  const { archived, lines } = await recorded(lineOf(rows, { asked }), rows, { isMatured: false });
  expect(archived('predictions')).toMatchObject([{ line_key: 'm/p1' }]);
  expect(archived('predictions')[0]).not.toHaveProperty('propensities');
  expect(lines.get('m/p1')).toContain('"propensities":[1,1,');
});
