import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Instant } from '../../functions/contracts/instant.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { PredictionLine } from '../../functions/contracts/prediction-line.ts';
import type { Components } from '../../functions/contracts/quality-metric.ts';
import type { Task } from '../../functions/contracts/task.ts';
import {
  type Interaction,
  scoreClassification,
  scoreRanking,
  scoreRegression,
} from '../../functions/measures/row-score.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { aModel } from '../builders/model-spec.ts';
import { aLine } from '../builders/prediction-line.ts';
import { START_MS } from '../builders/route.ts';
import { type RecordingWorld, recordingWorld } from './recording-world.ts';

const MINUTE_MS = 60_000;
const regression = aModel('m');
const specs: readonly ModelSpec[] = [regression, searchRanking, cardFraud];

/** One report of an outcome, by whoever. */
interface Told {
  readonly predictionId: string;
  readonly row?: number;
  readonly item?: string;
  readonly outcome: number | string;
  readonly minute: number;
  readonly caller: string;
}

const ITEMS = ['a', 'b', 'c'];
const instant = (minute: number): Instant => instantOf(START_MS + minute * MINUTE_MS);

const enrolled = fc.record({
  unit: fc.constantFrom('u1', 'u2', 'u3'),
  assigned: fc.constantFrom('champion' as const, 'challenger' as const),
});

const predictions = fc
  .array(
    fc.record({
      kind: fc.constantFrom('regression', 'ranking', 'fraud'),
      numbers: fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 3, maxLength: 3 }),
      rows: fc.integer({ min: 1, max: 3 }),
      // Younger than the hour in which rankings mature.
      minute: fc.integer({ min: -59, max: -31 }),
      enrolment: fc.option(enrolled),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((all) =>
    all.map(({ kind, numbers, rows, minute, enrolment }, at): PredictionLine => {
      const common = {
        predictionId: `p${at}`,
        at: instant(minute),
        latencyMs: at,
        ...(enrolment && {
          promotion: 'try',
          isEnrolled: true,
          arm: enrolment.assigned,
          ...enrolment,
        }),
      };
      const tensor = (name: string, width: number, data: readonly number[]) => [
        { name, datatype: 'FP32', shape: [data.length / width, width], data: [...data] },
      ];
      if (kind === 'ranking')
        return aLine({
          ...common,
          model: searchRanking.name,
          rows: 3,
          asked: { api: 'rank', query: {}, items: ITEMS.map((id) => ({ id })) },
          outputs: tensor('scores', 1, numbers),
        });
      const used = numbers.slice(0, rows);
      const instances = used.map((amountEur) => ({ amountEur }));
      if (kind === 'fraud')
        return aLine({
          ...common,
          model: cardFraud.name,
          rows,
          asked: { api: 'predict', instances },
          outputs: tensor(
            'risk',
            2,
            used.flatMap((number) => [(number + 40) / 80, 0]),
          ),
        });
      return aLine({ ...common, rows, outputs: tensor('o', 1, used) });
    }),
  );

const reports = fc.array(
  fc.record(
    {
      predictionId: fc.constantFrom('p0', 'p1', 'p2', 'p3', 'p4'),
      row: fc.integer({ min: 0, max: 3 }),
      item: fc.constantFrom(...ITEMS, 'z'),
      outcome: fc.constantFrom(1, 2.5, -7, 'click', 'purchase', 'none', 'fraud', 'legitimate'),
      minute: fc.constantFrom(-30, -20, -5, 0),
      caller: fc.constantFrom('key', 'key', 'key', 'another'),
    },
    { requiredKeys: ['predictionId', 'outcome', 'minute', 'caller'] },
  ),
  { maxLength: 25 },
);

type Event =
  | { readonly kind: 'line'; readonly line: PredictionLine }
  | { readonly kind: 'told'; readonly told: Told }
  | { readonly kind: 'matured'; readonly predictionId: string };

/** Written anew from the words of the issue, with no part of the recorder but the formulas. */
function recompute(line: PredictionLine, told: readonly Told[], isMatured: boolean) {
  const spec = specs.find(({ name }) => name === line.model) ?? regression;
  const { task } = spec;
  const own = told.filter(
    (each) => each.predictionId === line.predictionId && each.caller === 'key',
  );
  const last = (isMeant: (each: Told) => boolean): Told | undefined =>
    own
      .filter((each) => isMeant(each) && isTruth(task, each.outcome))
      .toSorted((a, b) =>
        a.minute === b.minute
          ? JSON.stringify(a.outcome) < JSON.stringify(b.outcome)
            ? -1
            : 1
          : a.minute - b.minute,
      )
      .at(-1);
  if (task.kind === 'ranking') {
    const interactions = ITEMS.map((item) => last((each) => each.item === item)?.outcome);
    const data = (line.outputs[0]?.data ?? []).map(Number);
    const order = [0, 1, 2].toSorted((a, b) => (data[b] ?? 0) - (data[a] ?? 0) || a - b);
    const isTold = interactions.some((each) => each !== undefined);
    if (!isTold && !isMatured) return [];
    const inOrder = order.map((index) => (interactions[index] ?? 'none') as Interaction);
    return [{ row: 0, components: scoreRanking(task, inOrder), counts: isMatured }];
  }
  return Array.from({ length: line.rows }, (_, row) => row).flatMap((row) => {
    const truth = last((each) => each.item === undefined && (each.row ?? 0) === row)?.outcome;
    const components = scoreOf(task, line, row, truth, isMatured);
    return components ? [{ row, components, counts: true }] : [];
  });
}

/** Slots of the predictions that somebody told the truth about. */
function meetings(lines: readonly PredictionLine[], told: readonly Told[]): number {
  const met = told.flatMap(({ predictionId, row = 0, item, outcome, caller }) => {
    const line = lines.find((each) => each.predictionId === predictionId);
    const spec = specs.find(({ name }) => name === line?.model);
    if (!line || !spec || caller !== 'key' || !isTruth(spec.task, outcome)) return [];
    if (spec.task.kind === 'ranking')
      return ITEMS.some((each) => each === item) ? [`${predictionId} ${item}`] : [];
    return item === undefined && row < line.rows ? [`${predictionId} ${row}`] : [];
  });
  return new Set(met).size;
}

function isTruth(task: Task, outcome: number | string): boolean {
  if (task.kind === 'regression') return typeof outcome === 'number';
  if (task.kind === 'ranking') return ['none', 'click', 'purchase'].includes(String(outcome));
  return ['legitimate', 'fraud'].includes(String(outcome));
}

function scoreOf(
  task: Task,
  line: PredictionLine,
  row: number,
  truth: number | string | undefined,
  isMatured: boolean,
): Components | undefined {
  const data = (line.outputs[0]?.data ?? []).map(Number);
  if (task.kind === 'regression')
    return truth === undefined
      ? undefined
      : scoreRegression(task, { points: data[row] }, Number(truth));
  if (task.kind !== 'classification' || !isMatured) return undefined;
  const asked = line.asked.api === 'predict' ? line.asked.instances[row] : {};
  return scoreClassification(
    task,
    { fraudProbability: data[row * 2], anomaly: 0 },
    String(truth ?? 'legitimate'),
    Number(asked?.['amountEur']),
  );
}

async function happen(event: Event, world: RecordingWorld): Promise<void> {
  if (event.kind === 'line') await world.recorder.recordPrediction(event.line);
  else if (event.kind === 'matured') await world.recorder.mature(event.predictionId);
  else {
    const { minute, caller, ...told } = event.told;
    const [result] = await world.reporter.report(
      [{ ...told, observedAt: instant(minute) }],
      caller,
    );
    if (result?.status === 'failed') throw new Error('to be sent again');
  }
}

/** What everything ended in, without what depends on the way there. */
const outcomeOf = ({ joins, units }: RecordingWorld, lines: readonly PredictionLine[]) => ({
  scores: lines.map(({ predictionId }) =>
    joins
      .peek(predictionId)
      .scores.map(({ row, components }) => ({ row, components }))
      .toSorted((a, b) => a.row - b.row),
  ),
  contributions: Object.fromEntries(
    [...units.contributions].map(([key, { revision: _revision, ...rest }]) => [key, rest]),
  ),
  exposures: Object.fromEntries(units.exposures),
});

function expected(lines: readonly PredictionLine[], told: readonly Told[], matured: Set<string>) {
  const contributions: Record<string, unknown> = {};
  const scores = lines.map((line) => {
    const scored = recompute(line, told, matured.has(line.predictionId));
    const { promotion, unit, assigned, predictionId, at, latencyMs } = line;
    const rows = new Map(scored.filter(({ counts }) => counts).map((each) => [each.row, each]));
    if (promotion && unit && assigned)
      for (const row of new Set([0, ...rows.keys()])) {
        const isFirst = row === 0;
        const components = rows.get(row)?.components;
        contributions[`${promotion} ${unit} ${predictionId} ${row}`] = {
          promotion,
          unit,
          arm: assigned,
          predictionId,
          row,
          at,
          requests: isFirst ? 1 : 0,
          latencyMs: isFirst ? latencyMs : 0,
          failed: 0,
          fellBack: 0,
          ...(components && { components }),
        };
      }
    return scored.map(({ row, components }) => ({ row, components }));
  });
  return { scores, contributions };
}

/** Whoever waits for a store lets others go first, some of the time, and some of the time it fails. */
const disturbance = (random: () => number, failures: { left: number }) => async () => {
  if (random() < 0.3) await new Promise<void>((resolve) => setImmediate(resolve));
  if (failures.left > 0 && random() < 0.1) {
    failures.left -= 1;
    throw new Error('ProvisionedThroughputExceededException');
  }
};

/** Again until it succeeds, as Lambda, SQS and callers do. */
async function insist(event: Event, world: RecordingWorld): Promise<void> {
  for (let attempt = 0; ; attempt++)
    try {
      return await happen(event, world);
    } catch (error) {
      if (attempt > 60) throw error;
    }
}

test('any order, any repetition, any failure on the way: the same scores and contributions as computed from scratch', async () => {
  await fc.assert(
    fc.asyncProperty(
      predictions,
      reports,
      fc.array(fc.nat({ max: 4 }), { maxLength: 5 }),
      fc.uniqueArray(fc.nat({ max: 4 }), { maxLength: 2 }),
      fc.integer({ min: 1, max: 6 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })),
      async (lines, told, maturing, delayed, atOnce, stream) => {
        const random = () => stream.next().value ?? 0.5;
        const world = recordingWorld(specs, disturbance(random, { left: 20 }));
        const ids = new Set(lines.map(({ predictionId }) => predictionId));
        const matured = new Set(maturing.map((index) => `p${index}`).filter((id) => ids.has(id)));
        const late = lines.filter((_, index) => delayed.includes(index));
        const once: Event[] = [
          ...lines.flatMap((line): Event[] =>
            late.includes(line) ? [] : [{ kind: 'line', line }],
          ),
          ...told.map((each): Event => ({ kind: 'told', told: each })),
        ];
        const queue = [...once, ...once.filter(() => random() < 0.4)]
          .map((event) => [random(), event] as const)
          .toSorted(([a], [b]) => a - b)
          .map(([, event]) => event);
        const work = queue.values();
        await Promise.all(
          Array.from({ length: atOnce }, async () => {
            for (const event of work) await insist(event, world);
          }),
        );
        // Only what is recorded and old enough matures; what is recorded after that needs nobody to ask.
        world.clock.advance(400 * 60 * MINUTE_MS);
        for (const line of late) await insist({ kind: 'line', line }, world);
        for (const predictionId of matured) await insist({ kind: 'matured', predictionId }, world);
        for (const { predictionId } of late) matured.add(predictionId);
        const { exposures, ...ended } = outcomeOf(world, lines);
        expect(ended).toEqual(expected(lines, told, matured));
        await world.recorder.flush();
        const delays = world.lines.flatMap((line) => line['LabelDelaySeconds'] ?? []);
        expect([world.measured('OutcomesJoined'), delays.length]).toEqual([
          meetings(lines, told),
          meetings(lines, told),
        ]);
        for (const exposure of Object.values(exposures)) {
          const own = lines.filter(({ unit }) => unit === exposure.unit);
          expect(exposure.firstExposedAt).toBe(own.map(({ at }) => at).toSorted()[0]);
          expect(exposure.arms).toEqual(
            ['champion', 'challenger']
              .filter((arm) => own.some(({ assigned }) => assigned === arm))
              .toSorted((a, b) => (a < b ? -1 : 1)),
          );
        }
      },
    ),
    { numRuns: Number(process.env['RUNS'] ?? 300) },
  );
});
