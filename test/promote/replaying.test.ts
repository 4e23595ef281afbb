import { describe, expect, test } from 'vitest';
import type { ArchivedRow } from '../../functions/contracts/archive.ts';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { scoredRequests } from '../../functions/promote/replay.ts';
import { type ReplaySource, replayTraffic } from '../../functions/promote/replaying.ts';
import type { Try } from '../../functions/promote/trials.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { aModel } from '../builders/model-spec.ts';
import { START_MS } from '../builders/route.ts';
import { aPromotion } from './in-memory-promotions.ts';

const HOUR_MS = 3_600_000;
const spec = aModel();
const maturedMs = START_MS - spec.monitoring.outcomes.maturityHours * HOUR_MS;
const step = {
  kind: 'replay-traffic' as const,
  windowHours: 24,
  guardrails: [{ metric: 'mae', margin: 0.05 }],
};
type Prediction = ArchivedRow<'predictions'>;
type Score = ArchivedRow<'scores'>;

/** Requests of the window, whose outcome is 10 and whose champion was off by 2. */
function archived(count: number, over: Partial<Prediction> = {}) {
  const predictions: Prediction[] = [];
  const scores: Score[] = [];
  for (let number = 0; number < count; number++) {
    const at = instantOf(maturedMs - HOUR_MS - number * 1_000);
    const common = { model: 'm', day: at.slice(0, 10), prediction_id: `p${number}`, at };
    const asked = JSON.stringify({ api: 'predict', instances: [{ a: number }] });
    predictions.push({ ...common, kind: 'answered', arm: 'champion', asked, ...over });
    const components = JSON.stringify({ labels: 1, absoluteError: 2 + (number % 3) / 10 });
    scores.push({
      ...common,
      row: 0,
      arm: 'champion',
      revision: 1,
      outcome: '10',
      components,
    });
  }
  return { predictions, scores };
}

const sourceOf = ({ predictions, scores }: ReturnType<typeof archived>): ReplaySource => ({
  async *rows(table, _, day) {
    const rows: readonly { readonly day: string }[] =
      table === 'predictions' ? predictions : scores;
    for (const row of rows) if (row.day === day) yield row as never;
  },
});

/** A challenger that says this, or fails. */
const answering =
  (points: number, failure?: string): Try =>
  async ({ requests }) => ({
    memoryMb: 1,
    initMs: 1,
    openMs: 1,
    answers: requests.map(() =>
      failure === undefined
        ? {
            timesMs: [1],
            outputs: [{ name: 'o', datatype: 'FP32', shape: [1, 1], data: [points] }],
          }
        : { timesMs: [], failure },
    ),
  });

const replay = (found: ReturnType<typeof archived>, ask: Try) =>
  replayTraffic(step, { promotion: aPromotion(), spec, nowMs: START_MS }, sourceOf(found), ask);

describe('a replay', () => {
  test('compares what each version’s answers were worth', async () => {
    const better = await replay(archived(200), answering(11));
    expect(better).toMatchObject({ verdict: 'PASS', evidence: { requests: 200, pairs: 200 } });
    const worse = await replay(archived(200), answering(15));
    expect(worse.verdict).toBe('FAIL');
    expect(worse.reason).toContain('worse by more than 5 %');
  });

  test('of too few matured requests holds', async () => {
    const few = await replay(archived(LIMITS.replayMinimumRequests - 1), answering(10));
    expect(few).toMatchObject({ verdict: 'HOLD', evidence: { requests: 99 } });
  });

  test('is failed by a version that cannot answer what was asked', async () => {
    expect(await replay(archived(200), answering(10, 'unknown category'))).toMatchObject({
      verdict: 'FAIL',
      evidence: { failed: 200 },
    });
  });

  test('leaves out what is not the champion’s own, and what has not matured', async () => {
    const shadowed = archived(200, { kind: 'shadow' });
    expect(await replay(shadowed, answering(10))).toMatchObject({ evidence: { requests: 0 } });
    const fresh = archived(200);
    const at = instantOf(maturedMs + 1_000);
    const moved = fresh.scores.map((score) => ({ ...score, at }));
    expect(await replay({ ...fresh, scores: moved }, answering(10))).toMatchObject({
      evidence: { requests: 0 },
    });
  });

  test('takes the newest where there are more than it runs', async () => {
    const many = archived(LIMITS.replayRequests + 500);
    const ids: (string | undefined)[] = [];
    const ask = answering(10);
    await replay(many, (request) => {
      ids.push(...request.requests.map(({ predictionId }) => predictionId));
      return ask(request);
    });
    expect(ids).toHaveLength(LIMITS.replayRequests);
    expect(ids).toContain('p0');
    expect(ids).not.toContain(`p${LIMITS.replayRequests + 499}`);
  });
});

test('what was delivered twice counts once, and of restated scores the last', () => {
  const { predictions, scores } = archived(1);
  const [score] = scores;
  const restated = { ...score, revision: 2, outcome: '12' } as Score;
  const joined = scoredRequests([...predictions, ...predictions], [restated, ...scores, restated]);
  expect(joined).toHaveLength(1);
  expect(joined[0]?.scores).toEqual([expect.objectContaining({ row: 0, outcome: '12' })]);
});
