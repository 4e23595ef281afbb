import type { ArchivedRow, ArchiveTable } from '../contracts/archive.ts';
import type { Instant } from '../contracts/instant.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { PromotionPlan } from '../contracts/promotion-plan.ts';
import type { Components, MetricId } from '../contracts/quality-metric.ts';
import { averagePrecision } from '../measures/classification-metrics.ts';
import { addComponents, metricValue } from '../measures/row-score.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { hoursBetween } from './cohorts.ts';
import type { Subject } from './evidence.ts';
import type { GateFinding } from './gate.ts';
import { concludeGates, gateAgainstChampion } from './offline-gates.ts';
import { pairColumns, replayGates, scoredRequests, scoreReplay } from './replay.ts';
import type { Try } from './trials.ts';

type ReplayStep = Extract<PromotionPlan['steps'][number], { kind: 'replay-traffic' }>;

export interface ReplaySource {
  rows<Table extends ArchiveTable>(
    table: Table,
    model: string,
    day: string,
  ): AsyncIterable<ArchivedRow<Table>>;
}

const HOUR_MS = 3_600_000;

/**
 * Runs the last matured window of recorded requests through the challenger, in the model's own configuration,
 * and compares what its answers would have been worth with what the champion's were.
 */
export async function replayTraffic(
  step: ReplayStep,
  { promotion, spec, nowMs }: Subject,
  source: ReplaySource,
  ask: Try,
): Promise<GateFinding> {
  const untilMs = nowMs - spec.monitoring.outcomes.maturityHours * HOUR_MS;
  const window = { fromMs: untilMs - step.windowHours * HOUR_MS, untilMs };
  const requests = await readWindow(promotion.model, window, source);
  if (requests.length < LIMITS.replayMinimumRequests)
    return {
      verdict: 'HOLD',
      reason: `${requests.length} matured requests were recorded in the last ${step.windowHours} h, ${LIMITS.replayMinimumRequests} are needed`,
      evidence: { requests: requests.length },
    };
  const pairs: [Components, Components][] = [];
  let failed = 0;
  for (let from = 0; from < requests.length; from += LIMITS.replayBatchRequests) {
    const batch = requests.slice(from, from + LIMITS.replayBatchRequests);
    const { answers } = await ask({ requests: batch.map(({ request }) => request), repeat: 1 });
    batch.forEach((scored, at) => {
      const answer = answers[at];
      if (!answer || answer.failure !== undefined) return void (failed += 1);
      scoreReplay(spec, scored, answer).forEach((own, row) => {
        const base = scored.scores[row]?.components;
        if (own && base) pairs.push([base, own]);
      });
    });
  }
  return judgeReplay(step, pairs, { requests: requests.length, failed }, spec);
}

async function readWindow(
  model: string,
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
  source: ReplaySource,
) {
  const days = new Set(hoursBetween(fromMs, untilMs).map((hour) => hour.slice(0, 10)));
  const requests: ReturnType<typeof scoredRequests> = [];
  // The newest days first: where there is too much, the latest traffic counts.
  for (const day of [...days].toReversed()) {
    const left = LIMITS.replayRequests - requests.length;
    if (left <= 0) break;
    const isWanted = ({ at = '', arm }: Pick<Score, 'at' | 'arm'>) => {
      const ms = epochMsOf(at as Instant);
      return arm === 'champion' && ms >= fromMs && ms < untilMs;
    };
    const scores = await newestScores(source.rows('scores', model, day), isWanted, left);
    const ids = new Set(scores.map(({ prediction_id: id }) => id));
    const predictions: ArchivedRow<'predictions'>[] = [];
    for await (const row of source.rows('predictions', model, day))
      if (ids.has(row.prediction_id) && isWanted(row)) predictions.push(row);
    requests.push(...scoredRequests(predictions, scores));
  }
  return requests;
}

type Score = ArchivedRow<'scores'>;

/** How many times what is kept is in memory at the most, while a day is read. */
const SPARE = 4;

/** Scores of the newest requests, however many a day has. */
async function newestScores(
  rows: AsyncIterable<Score>,
  isWanted: (score: Score) => boolean,
  requests: number,
): Promise<Score[]> {
  let kept: Score[] = [];
  let trimAt = SPARE * requests;
  for await (const score of rows) {
    if (!isWanted(score)) continue;
    kept.push(score);
    if (kept.length < trimAt) continue;
    kept = ofNewest(kept, requests);
    // A request may have many rows.
    trimAt = kept.length + SPARE * requests;
  }
  return ofNewest(kept, requests);
}

function ofNewest(scores: readonly Score[], requests: number): Score[] {
  const newest = scores.toSorted((one, other) => ((one.at ?? '') < (other.at ?? '') ? 1 : -1));
  const ids = new Set<string | undefined>();
  for (const { prediction_id: id } of newest) if (ids.size < requests) ids.add(id);
  return newest.filter(({ prediction_id: id }) => ids.has(id));
}

/** A challenger that cannot answer what was really asked is broken, whatever the rest is worth. */
const FAILING_SHARE = 0.01;

function judgeReplay(
  step: ReplayStep,
  pairs: readonly (readonly [Components, Components])[],
  counts: { readonly requests: number; readonly failed: number },
  spec: Subject['spec'],
): GateFinding {
  if (counts.failed > FAILING_SHARE * counts.requests)
    return {
      verdict: 'FAIL',
      reason: `it failed at ${counts.failed} of ${counts.requests} recorded requests`,
      evidence: counts,
    };
  const { champion, challenger } = pairColumns(spec, pairs);
  const sums = pairs.reduce<[Components, Components]>(
    ([one, other], [base, own]) => [addComponents(one, base), addComponents(other, own)],
    [{}, {}],
  );
  const gates = replayGates(step).map((gate) => {
    const value = (side: 0 | 1, columns: Record<string, number[]>) =>
      gate.metric === 'averagePrecision'
        ? averagePrecision({ labels: columns['observed'] ?? [], scores: columns['expected'] ?? [] })
        : metricValue(gate.metric as MetricId, sums[side]);
    return gateAgainstChampion(
      gate,
      { value: value(0, champion), units: champion },
      { value: value(1, challenger), units: challenger },
    );
  });
  return { ...concludeGates(gates), evidence: { ...counts, pairs: pairs.length, gates } };
}
