import type { Instant } from '../contracts/instant.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { ItemId } from '../contracts/outcome.ts';
import type { Components, QualityComponent } from '../contracts/quality-metric.ts';
import type { Task } from '../contracts/task.ts';
import {
  type Interaction,
  type RowOutputs,
  scoreClassification,
  scoreRanking,
  scoreRegression,
  servedOrder,
} from '../measures/row-score.ts';
import type { RecordedPrediction } from './recorded-prediction.ts';

export type OutcomeValue = number | string;

/** The last word on one slot of a prediction. */
export interface Register {
  /** `row:0`, or `item:"kettle"` for ranking. */
  readonly slot: string;
  readonly outcome: OutcomeValue;
  readonly observedAt: Instant;
}

/** A register with whose it is: only the prediction's own caller is believed. */
export interface KeptRegister extends Register {
  readonly caller: string;
}

/** Everything that is known of a prediction's truth. */
export interface Truth {
  /** One a slot, of those that hold. */
  readonly registers: readonly Register[];
  /** Set once silence has a meaning. */
  readonly isMatured: boolean;
}

export interface JudgedRow {
  /** Ranking has one, 0. */
  readonly row: number;
  readonly components: Components;
  /** Components that are published as soon as they are known; what is judged by cohorts publishes none. */
  readonly publishes: readonly QualityComponent[];
  /** Whether an arm may count it already: not while silence may yet be broken. */
  readonly isFinal: boolean;
  /** JSON; absent where nobody reported and silence has a meaning. */
  readonly outcome?: string;
  /**
   * Chance that the outcome was seen; absent where it was certain. 0: it is known because somebody chose to
   * look, so no arm may count it.
   */
  readonly propensity?: number;
  /** What the score rests on: two states that differ in what they know differ in it. */
  readonly basis: string;
}

export const slotOfRow = (row: number): string => `row:${row}`;
/** In JSON, because the items 1 and "1" are two. */
export const slotOfItem = (item: ItemId): string => `item:${JSON.stringify(item)}`;

/** What a slot was made of. */
export function placeOf(slot: string): { readonly row?: number; readonly item?: ItemId } {
  if (slot.startsWith('row:')) return { row: Number(slot.slice('row:'.length)) };
  return { item: JSON.parse(slot.slice('item:'.length)) as ItemId };
}

/** Whether one report on a slot outranks another: the later does, and of two at once the larger JSON. */
export function outranks(one: Register, other: Register): boolean {
  if (one.observedAt !== other.observedAt) return one.observedAt > other.observedAt;
  return JSON.stringify(one.outcome) > JSON.stringify(other.outcome);
}

const INTERACTIONS: readonly string[] = ['none', 'click', 'purchase'] satisfies Interaction[];

/** Why an outcome cannot be the truth of this task, in words for its caller; undefined when it can. */
export function outcomeProblem(task: Task, outcome: OutcomeValue): string | undefined {
  const told = JSON.stringify(outcome);
  switch (task.kind) {
    case 'regression':
      return typeof outcome === 'number' && Number.isFinite(outcome)
        ? undefined
        : `expected a finite number of ${task.unit}, got ${told}`;
    case 'classification':
      return task.classes.some((each) => each === outcome)
        ? undefined
        : `expected "${task.classes.join('" or "')}", got ${told}`;
    case 'ranking':
      return INTERACTIONS.includes(String(outcome))
        ? undefined
        : `expected "none", "click" or "purchase", got ${told}`;
  }
}

/** Judges are final at once, or only when silence has a meaning and is over. */
export const silenceMeansNegative = ({ monitoring }: ModelSpec): boolean =>
  monitoring.outcomes.silenceMeans === 'negative';

/**
 * What each row of a prediction was worth, as far as that is known. A pure function of what was recorded and
 * reported, so order and repetition of events cannot matter.
 */
export function judge(
  spec: ModelSpec,
  prediction: RecordedPrediction,
  truth: Truth,
): readonly JudgedRow[] {
  const { task } = spec;
  const known = new Map(truth.registers.map((register) => [register.slot, register]));
  if (task.kind === 'ranking') return judgeRanking(spec, task, prediction, known, truth.isMatured);
  const rows: JudgedRow[] = [];
  for (let row = 0; row < prediction.rowCount; row++) {
    const judged = judgeRow(spec, task, prediction, row, known.get(slotOfRow(row)), truth);
    if (judged) rows.push(judged);
  }
  return rows;
}

type TaskOf<Kind extends Task['kind']> = Extract<Task, { kind: Kind }>;

function judgeRow(
  spec: ModelSpec,
  task: TaskOf<'regression'> | TaskOf<'classification'>,
  prediction: RecordedPrediction,
  row: number,
  register: Register | undefined,
  { isMatured }: Truth,
): JudgedRow | undefined {
  const waits = silenceMeansNegative(spec);
  const propensity = propensityOf(prediction, row);
  // Who is declined cannot show what would have come of it: its silence means nothing.
  const isTold = register !== undefined || (waits && propensity > 0);
  if (!isTold || (waits && !isMatured)) return undefined;
  const components = scoreRow(task, prediction, row, register?.outcome);
  if (!components) return undefined;
  return {
    row,
    components,
    ...(propensity < 1 && { propensity }),
    // Positives come late, so a metric of single rows would praise whoever waits: cohorts are judged whole.
    publishes: waits ? [] : (Object.keys(components) as QualityComponent[]),
    isFinal: true,
    ...restingOn(register, isMatured && waits),
  };
}

const propensityOf = ({ propensities }: RecordedPrediction, row: number): number =>
  propensities?.[row] ?? 1;

const restingOn = (
  register: Register | undefined,
  isMatured: boolean,
): Pick<JudgedRow, 'outcome' | 'basis'> =>
  register
    ? { outcome: JSON.stringify(register.outcome), basis: basisOf([register], isMatured) }
    : { basis: basisOf([], isMatured) };

function scoreRow(
  task: TaskOf<'regression'> | TaskOf<'classification'>,
  prediction: RecordedPrediction,
  row: number,
  outcome: OutcomeValue | undefined,
): Components | undefined {
  const outputs = outputsOf(prediction, row);
  if (task.kind === 'regression') return scoreRegression(task, outputs, Number(outcome));
  const value = prediction.values?.[row] ?? undefined;
  return scoreClassification(task, outputs, String(outcome ?? task.classes[0]), value);
}

function outputsOf({ columns }: RecordedPrediction, row: number): RowOutputs {
  const outputs: Record<string, number | undefined> = {};
  for (const [name, values] of Object.entries(columns)) outputs[name] = values[row] ?? undefined;
  return outputs;
}

function judgeRanking(
  spec: ModelSpec,
  task: TaskOf<'ranking'>,
  prediction: RecordedPrediction,
  known: ReadonlyMap<string, Register>,
  isMatured: boolean,
): readonly JudgedRow[] {
  const items = prediction.items ?? [];
  const told = items.flatMap((item) => known.get(slotOfItem(item)) ?? []);
  const isOver = silenceMeansNegative(spec) && isMatured;
  if (told.length === 0 && !isOver) return [];
  const interactionOf = (item: ItemId | undefined): Interaction =>
    item === undefined ? 'none' : ((known.get(slotOfItem(item))?.outcome ?? 'none') as Interaction);
  // As served: those without a score last, in the caller's order.
  const column = prediction.columns[task.score] ?? [];
  const scores = items.map((_, at) => column[at] ?? -Number.MAX_VALUE);
  const components = scoreRanking(
    task,
    servedOrder(scores).map((at) => interactionOf(items[at])),
  );
  return [
    {
      row: 0,
      components,
      publishes: publishedOfRanking(components, told.length > 0),
      isFinal: isOver || !silenceMeansNegative(spec),
      ...(told.length > 0 && {
        outcome: JSON.stringify(
          Object.fromEntries(told.map(({ slot, outcome }) => [slot, outcome])),
        ),
      }),
      basis: basisOf(told, isOver),
    },
  ];
}

/**
 * A query is counted when it is recorded; each of these is published the first time it is not 0, so that
 * the shares are quotients of sums and a second click counts no query twice.
 */
function publishedOfRanking(components: Components, isTold: boolean): readonly QualityComponent[] {
  const first: QualityComponent[] = ['clickedQueries', 'purchasedQueries', 'reciprocalRank'];
  return [
    ...(isTold ? (['labels'] as const) : []),
    ...first.filter((component) => (components[component] ?? 0) > 0),
    ...(components.relevantQueries === 1 ? (['relevantQueries', 'ndcg'] as const) : []),
  ];
}

const basisOf = (registers: readonly Register[], isMatured: boolean): string =>
  JSON.stringify([
    isMatured,
    ...registers.map(({ slot, outcome, observedAt }) => [slot, observedAt, outcome]),
  ]);
