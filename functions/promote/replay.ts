import type { ArchivedRow } from '../contracts/archive.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { AskedLine, Sealed } from '../contracts/prediction-line.ts';
import type { PromotionPlan } from '../contracts/promotion-plan.ts';
import type { Components, QualityComponent } from '../contracts/quality-metric.ts';
import { componentsOf } from '../contracts/quality-metric.ts';
import type { TrialAnswer, TrialRequest } from '../contracts/trial.ts';
import {
  type Interaction,
  type RowOutputs,
  scoreClassification,
  scoreRanking,
  scoreRegression,
  servedOrder,
} from '../measures/row-score.ts';
import { outputColumns } from './output-columns.ts';

type ReplayStep = Extract<PromotionPlan['steps'][number], { kind: 'replay-traffic' }>;
type Trial = TrialAnswer['answers'][number];

/** A recorded request with what the champion's answer to it was worth. */
export interface ScoredRequest {
  readonly request: TrialRequest['requests'][number];
  /** One a row; ranking has one. */
  readonly scores: readonly {
    readonly row: number;
    readonly outcome: string | undefined;
    readonly components: Components;
  }[];
}

type Prediction = ArchivedRow<'predictions'>;
type Score = ArchivedRow<'scores'>;

/**
 * Joins what was recorded with what it was worth, each request once: of rows that were delivered twice one
 * counts, and of restated scores the last. Only the champion's own answers: it is compared with.
 */
export function scoredRequests(
  predictions: Iterable<Prediction>,
  scores: Iterable<Score>,
): ScoredRequest[] {
  const latest = new Map<string, Score>();
  for (const score of scores) {
    const key = `${score.prediction_id} ${score.row}`;
    if ((score.revision ?? 0) > (latest.get(key)?.revision ?? 0)) latest.set(key, score);
  }
  const byPrediction = Map.groupBy(latest.values(), ({ prediction_id: id }) => id);
  const own = new Map<string, Prediction>();
  for (const prediction of predictions) {
    const { prediction_id: id = '', kind, arm } = prediction;
    if (kind === 'answered' && arm === 'champion' && byPrediction.has(id)) own.set(id, prediction);
  }
  return [...own.values()].flatMap((prediction) => {
    const request = requestOf(prediction);
    const scored = byPrediction.get(prediction.prediction_id) ?? [];
    return request ? [{ request, scores: scored.map(scoreOf) }] : [];
  });
}

/** Undefined where the request is too long for the archive's row: it is passed over. */
function requestOf({
  prediction_id: predictionId,
  asked,
  sealed,
}: Prediction): ScoredRequest['request'] | undefined {
  if (asked === undefined) return undefined;
  return {
    ...(predictionId !== undefined && { predictionId }),
    asked: AskedLine.parse(JSON.parse(asked)),
    ...(sealed !== undefined && { sealed: Sealed.parse(JSON.parse(sealed)) }),
  };
}

const scoreOf = ({
  row = 0,
  outcome,
  components = '{}',
}: Score): ScoredRequest['scores'][number] => ({
  row,
  outcome,
  components: JSON.parse(components) as Components,
});

/** What the challenger's answers would have been worth, row by row as the champion's were. */
export function scoreReplay(
  spec: ModelSpec,
  { request, scores }: ScoredRequest,
  { outputs = [] }: Trial,
): (Components | undefined)[] {
  const columns = outputColumns(spec, outputs);
  return scores.map(({ row, outcome }) => scoreRow(spec, request.asked, columns, row, outcome));
}

function scoreRow(
  { task }: ModelSpec,
  asked: AskedLine,
  columns: Readonly<Record<string, readonly number[]>>,
  row: number,
  outcome: string | undefined,
): Components | undefined {
  if (task.kind === 'ranking') return rankedScore(task, asked, columns[task.score], outcome);
  const outputs: RowOutputs = Object.fromEntries(
    Object.entries(columns).map(([name, values]) => [name, values[row]]),
  );
  if (task.kind === 'regression')
    return outcome === undefined
      ? undefined
      : scoreRegression(task, outputs, Number(JSON.parse(outcome)));
  const label = outcome === undefined ? task.classes[0] : String(JSON.parse(outcome));
  return scoreClassification(task, outputs, label, valueOf(task, asked, row));
}

type TaskOf<Kind extends ModelSpec['task']['kind']> = Extract<ModelSpec['task'], { kind: Kind }>;

function rankedScore(
  task: TaskOf<'ranking'>,
  asked: AskedLine,
  scores: readonly number[] | undefined,
  outcome: string | undefined,
): Components | undefined {
  if (!scores || asked.api === 'predict') return undefined;
  const told = new Map(Object.entries(JSON.parse(outcome ?? '{}') as Record<string, Interaction>));
  const ids = asked.api === 'rank' ? asked.items.map(({ id }) => id) : scores.map((_, at) => at);
  const interactions = servedOrder(scores).map(
    (at): Interaction => told.get(`item:${JSON.stringify(ids[at])}`) ?? 'none',
  );
  return scoreRanking(task, interactions);
}

function valueOf(
  { cost }: TaskOf<'classification'>,
  asked: AskedLine,
  row: number,
): number | undefined {
  if (typeof cost.falseNegative === 'number' || asked.api !== 'predict') return undefined;
  const value = asked.instances[row]?.[cost.falseNegative.feature];
  return typeof value === 'number' ? value : undefined;
}

/** Rows that both versions answered, as columns of components; for the paired comparison. */
export function pairColumns(
  spec: ModelSpec,
  pairs: readonly (readonly [champion: Components, challenger: Components])[],
): { champion: Record<string, number[]>; challenger: Record<string, number[]> } {
  const columnsOf = (side: 0 | 1): Record<string, number[]> =>
    Object.fromEntries(
      componentsOf(spec.task).map((component: QualityComponent) => [
        component,
        pairs.map((pair) => pair[side][component] ?? 0),
      ]),
    );
  return { champion: columnsOf(0), challenger: columnsOf(1) };
}

/** Guardrails of a replay as gates: clicks favour whoever served, so only clearly worse fails. */
export const replayGates = ({ guardrails }: ReplayStep) =>
  guardrails.map(({ metric, margin }) => ({ against: 'champion' as const, metric, margin }));
