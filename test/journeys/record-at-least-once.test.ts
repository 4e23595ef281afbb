import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Components } from '../../functions/contracts/quality-metric.ts';
import { addComponents, scoreRegression } from '../../functions/measures/row-score.ts';
import { seededRandom } from '../../functions/measures/seeded-random.ts';
import { JoinTable } from '../../functions/record/join-table.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { bucketOf } from '../../functions/serve/assignment.ts';
import { archived, askSaved } from '../builders/archive.ts';
import {
  contributionsTo,
  enrolEverybody,
  exposuresTo,
  tableName,
  tablesOf,
} from '../builders/enrolled.ts';
import { aModel } from '../builders/model-spec.ts';
import { deliver, report } from '../builders/recorded.ts';
import { type RunningStack, serveLinear, startStack, until } from '../builders/running-stack.ts';

const PREDICTIONS = process.env['SLIPWAY_FULL'] ? 20_000 : 1_000;
const CALLERS_AT_ONCE = 8;
const KILLS = 5;
/** Predictions that the recorder may be behind: a slow machine would else be asked for ever more than it can do. */
const MOST_BEHIND = 2_000;
/** Outcomes a report. */
const TOLD_AT_ONCE = 4;
const PROMOTION = 'try';
const spec = aModel('m');
const { task } = spec;
if (task.kind !== 'regression') throw new Error('the model of this test is a regression');
/** What each version answers, whatever it is asked. */
const ANSWERS = { champion: 10, challenger: 12 };

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack([spec]);
  await serveLinear(stack, spec, { bias: ANSWERS.champion });
  await enrolEverybody(stack, spec, PROMOTION, { bias: ANSWERS.challenger });
});
afterAll(() => stack.dispose());

/** What the caller knows of one of its requests. */
interface Made {
  readonly id: string;
  readonly unit: string;
  readonly arm: 'champion' | 'challenger';
  /** The last word, if there was any. */
  readonly outcome: number | undefined;
}

interface Told {
  readonly predictionId: string;
  readonly outcome: number;
  readonly observedAt: string;
}

/** One request and, for nine of ten, its outcome; a few are corrected, a few are told twice. */
async function ask(at: number, random: () => number): Promise<{ made: Made; told: Told[] }> {
  const unit = `customer-${at % Math.floor(PREDICTIONS / 4)}`;
  const { json } = await stack.call('POST', '/v1/models/m/predict', {
    unit,
    instances: [{ a: at }],
  });
  const id = String(json['predictionId']);
  const arm = bucketOf(`${PROMOTION}/variant`, unit) < 5000 ? 'champion' : 'challenger';
  expect(json['arm']).toBe(arm);
  if (random() < 0.1) return { made: { id, unit, arm, outcome: undefined }, told: [] };
  const value = Math.round(random() * 40) / 2;
  const nowMs = stack.clock.nowMs();
  const first = { predictionId: id, outcome: value, observedAt: instantOf(nowMs - 2_000) };
  const corrected = { ...first, outcome: value + 1, observedAt: instantOf(nowMs - 1_000) };
  const isCorrected = random() < 0.1;
  const told = isCorrected ? [corrected, first] : random() < 0.1 ? [first, first] : [first];
  return { made: { id, unit, arm, outcome: isCorrected ? corrected.outcome : value }, told };
}

async function tell(outcomes: readonly Told[]): Promise<void> {
  if (outcomes.length === 0) return;
  const results = await report(stack, outcomes);
  expect(results.filter(({ status }) => status === 'refused')).toEqual([]);
}

function behind(): number {
  const sumOf = (name: string) => stack.metrics.statistics('Slipway', name, { Model: 'm' }).sum;
  return sumOf('Rows') - sumOf('RecordedRows');
}

/** What callers made, and which of it the recorder had in hand when it was killed. */
async function askAll() {
  const made: Made[] = [];
  const interrupted = new Set<string>();
  const generator = seededRandom(7, 'callers');
  const random = () => generator.next();
  const turns = Array.from({ length: PREDICTIONS }, (_, at) => at).values();
  const killEvery = Math.floor(PREDICTIONS / (KILLS + 1));
  await Promise.all(
    Array.from({ length: CALLERS_AT_ONCE }, async () => {
      const untold: Told[] = [];
      for (const at of turns) {
        if (at % 100 === 0) await until(() => behind() < MOST_BEHIND, 120_000);
        const asked = await ask(at, random);
        made.push(asked.made);
        untold.push(...asked.told);
        // So soon that many are told of before their prediction is recorded.
        if (untold.length >= TOLD_AT_ONCE) await tell(untold.splice(0));
        if (at > 0 && at % killEvery === 0 && at / killEvery <= KILLS)
          for (const payload of stack.lambda.crash(recorder()))
            for (const id of predictionsIn(payload)) interrupted.add(id);
      }
      await tell(untold);
    }),
  );
  return { made, interrupted };
}

/** Ids of the predictions of one delivery. */
function predictionsIn(payload: string): string[] {
  const { awslogs } = JSON.parse(payload) as { awslogs: { data: string } };
  const { logEvents } = JSON.parse(gunzipSync(Buffer.from(awslogs.data, 'base64')).toString()) as {
    logEvents: readonly { readonly message: string }[];
  };
  return logEvents
    .map(({ message }) => JSON.parse(message) as { kind: string; predictionId: string })
    .filter(({ kind }) => kind === 'prediction')
    .map(({ predictionId }) => predictionId);
}

const recorder = (): string =>
  stack.graph.resources.find(
    ({ type, logicalId }) =>
      type === 'AWS::Lambda::Function' && /^RecordLogged[0-9A-F]{8}$/.test(logicalId),
  )?.ref ?? '';

/** A tenth of the log once more, half of that in another order. */
async function deliverAgain(): Promise<void> {
  const lines: unknown[] = [];
  for await (const { message } of stack.logs.read('/slipway/main/serve/request/m')) {
    const line = JSON.parse(message);
    if (line.kind === 'prediction') lines.push(line);
  }
  const again = lines.filter((_, at) => at % 10 === 3);
  const reordered = again.map((_, at) => again[(at * 7) % again.length]);
  for (const sequence of [again, reordered])
    for (let from = 0; from < sequence.length; from += 50)
      await deliver(stack, sequence.slice(from, from + 50), 'm');
}

/** The truth, from what callers know and nothing that Slipway wrote. */
function expectedSums(made: readonly Made[]) {
  const arms = { champion: emptySum(), challenger: emptySum() };
  for (const { arm, outcome } of made) {
    arms[arm].requests += 1;
    if (outcome === undefined) continue;
    const scored = scoreOf(arm, outcome);
    arms[arm].components = addComponents(arms[arm].components, scored);
  }
  return arms;
}

const emptySum = () => ({ requests: 0, components: {} as Components });

function scoreOf(arm: Made['arm'], outcome: number): Components {
  if (task.kind !== 'regression') return {};
  return scoreRegression(task, { points: ANSWERS[arm] }, outcome) ?? {};
}

const redrive = async (): Promise<number> =>
  (
    await stack.client.request<{ moved: number }>('POST', '/v1/records/redrive', {
      from: 'deliveries',
    })
  ).moved;

test(`of ${PREDICTIONS} predictions nothing is lost and nothing counted twice, however the log comes and the recorder dies`, {
  timeout: 1_200_000,
}, async () => {
  const { made, interrupted } = await askAll();
  await deliverAgain();
  await stack.lambda.settled();
  while ((await redrive()) > 0) await stack.lambda.settled();
  const scored = made.filter(({ outcome }) => outcome !== undefined);

  // The join table, prediction by prediction.
  const joins = new JoinTable(tablesOf(stack), tableName(stack, 'Joins'));
  await until(async () => {
    const rows = await contributionsTo(stack, PROMOTION);
    const known = rows.filter(({ components }) => components);
    return rows.length >= made.length && known.length >= scored.length;
  }, 120_000);
  // Archived and counted is after that.
  await stack.lambda.settled();
  for (const { id, arm, outcome } of made) {
    const state = await joins.read(id);
    expect(state.prediction?.columns).toEqual({ points: [ANSWERS[arm]] });
    expect(state.scores.map(({ components }) => components)).toEqual(
      outcome === undefined ? [] : [scoreOf(arm, outcome)],
    );
  }

  // The sums per arm.
  const sums = { champion: emptySum(), challenger: emptySum() };
  for (const { arm, requests, components } of await contributionsTo(stack, PROMOTION)) {
    sums[arm].requests += requests;
    sums[arm].components = addComponents(sums[arm].components, components ?? {});
  }
  expect(sums).toEqual(expectedSums(made));
  const units = new Map(made.map(({ unit, arm }) => [unit, arm]));
  expect(
    new Map((await exposuresTo(stack, PROMOTION)).map(({ unit, arm }) => [unit, arm])),
  ).toEqual(units);

  // The archive, once it is written, as the saved queries of Athena read it.
  const read = async () => ({
    predictions: await archived(stack, 'predictions'),
    scores: await archived(stack, 'scores'),
  });
  const once = async (query: 'PredictionsOnce' | 'ScoresNow') => {
    const rows = await read();
    const days = new Set(rows.predictions.map(({ day }) => String(day)));
    return [...days].flatMap((day) => askSaved(query, rows, { model: 'm', day }));
  };
  await until(async () => {
    stack.clock.advance(400_000);
    const [ofPredictions, ofScores] = [await once('PredictionsOnce'), await once('ScoresNow')];
    return ofPredictions.length >= made.length && ofScores.length >= scored.length;
  }, 120_000);
  const scores = await once('ScoresNow');
  expect(
    new Map(scores.map((row) => [row['prediction_id'], JSON.parse(String(row['components']))])),
  ).toEqual(new Map(scored.map(({ id, arm, outcome }) => [id, scoreOf(arm, outcome ?? 0)])));
  expect(scores.length).toBe(scored.length);
  expect(scores.filter(({ outputs }) => outputs === null)).toEqual([]);
  const predictions = (await once('PredictionsOnce')).map((row) => String(row['prediction_id']));
  expect(predictions.toSorted()).toEqual(made.map(({ id }) => id).toSorted());
  // There were repetitions to leave out.
  const { predictions: all } = await read();
  expect(all.length).toBeGreaterThan(made.length);

  // Metrics: never twice, and missing at most what was in hand at the kills.
  const told = scored.filter(({ id }) => interrupted.has(id)).length;
  for (const [metric, most, inHand] of [
    ['Labels', scored.length, told],
    ['OutcomesJoined', scored.length, told],
    ['RecordedRows', made.length, interrupted.size],
    ['LabelDelaySeconds', scored.length, told],
  ] as const) {
    const { sum, count } = stack.metrics.statistics('Slipway', metric, { Model: 'm' });
    const counted = metric === 'LabelDelaySeconds' ? count : sum;
    expect({ metric, isWithin: most - inHand <= counted && counted <= most }).toEqual({
      metric,
      isWithin: true,
    });
  }
});
