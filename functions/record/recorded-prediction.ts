import type { ModelSpec } from '../contracts/model-spec.ts';
import type { ItemId } from '../contracts/outcome.ts';
import type { AskedLine, LoggedTensor, PredictionLine } from '../contracts/prediction-line.ts';
import { hidesOutcomes } from '../contracts/task.ts';

/** One number a row; null where the model gave none. */
export type Column = readonly (number | null)[];

/** What is kept of a prediction to meet its outcomes with. */
export interface RecordedPrediction
  extends Pick<
    PredictionLine,
    | 'predictionId'
    | 'at'
    | 'model'
    | 'version'
    | 'digest'
    | 'arm'
    | 'assigned'
    | 'promotion'
    | 'unit'
    | 'caller'
    | 'latencyMs'
  > {
  /** Whether a version before the one that answered failed. */
  readonly hasFallenBack: boolean;
  readonly rowCount: number;
  /** By the names of the signature's output columns. */
  readonly columns: Readonly<Record<string, Column>>;
  /** Ranking: ids in the order of the request; unknown of tensors, where a row has no id but its number. */
  readonly items?: readonly ItemId[];
  /** What each row is worth, where a miss costs that. */
  readonly values?: Column;
  /**
   * Chance of each row that its outcome is seen, where a decision hides it. 0: nobody can count on it, so its
   * silence means nothing.
   */
  readonly propensities?: readonly number[];
}

/** What recording keeps of a line. */
export function recordedPrediction(spec: ModelSpec, line: PredictionLine): RecordedPrediction {
  const values = valuesOf(spec, line.asked);
  const items = spec.task.kind === 'ranking' ? itemsOf(line) : undefined;
  const propensities = propensitiesOf(spec, line);
  return {
    predictionId: line.predictionId,
    at: line.at,
    model: line.model,
    version: line.version,
    digest: line.digest,
    arm: line.arm,
    assigned: line.assigned,
    promotion: line.promotion,
    unit: line.unit,
    caller: line.caller,
    latencyMs: line.latencyMs,
    hasFallenBack: (line.failures ?? []).length > 0,
    rowCount: line.rows,
    columns: columnsOf(spec, line.outputs),
    ...(items && { items }),
    ...(values && { values }),
    ...(propensities && { propensities }),
  };
}

/** Where no decision was told, as of tensors, nobody here knows what was let through. */
function propensitiesOf({ task }: ModelSpec, { propensities, rows }: PredictionLine) {
  if (propensities || !hidesOutcomes(task)) return propensities;
  return Array.from({ length: rows }, () => 0);
}

/** The arm and unit that a request of an enrolled unit counts for. */
export interface Enrolment {
  readonly promotion: string;
  readonly unit: string;
  readonly arm: 'champion' | 'challenger';
}

export function enrolmentOf(
  prediction: Pick<RecordedPrediction, 'promotion' | 'unit' | 'assigned'>,
): Enrolment | undefined {
  const { promotion, unit, assigned } = prediction;
  if (promotion === undefined || unit === undefined || assigned === undefined) return undefined;
  return { promotion, unit, arm: assigned };
}

function columnsOf({ signature }: ModelSpec, outputs: readonly LoggedTensor[]) {
  const columns: Record<string, Column> = {};
  for (const tensor of signature.outputs) {
    const logged = outputs.find(({ name }) => name === tensor.name);
    if (!logged) continue;
    tensor.columns.forEach((name, at) => {
      columns[name] = columnOf(logged.data, at, tensor.columns.length);
    });
  }
  return columns;
}

function columnOf(data: LoggedTensor['data'], at: number, width: number): Column {
  const column: (number | null)[] = [];
  for (let cell = at; cell < data.length; cell += width) column.push(numberOf(data[cell]));
  return column;
}

function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

function itemsOf({ asked, rows }: PredictionLine): readonly ItemId[] {
  const isId = (id: unknown): id is ItemId => typeof id === 'string' || typeof id === 'number';
  if (asked.api === 'rank') return asked.items.map(({ id }, row) => (isId(id) ? id : row));
  return Array.from({ length: rows }, (_, row) => row);
}

/** Undefined where no feature says what a row is worth, or the log does not tell. */
function valuesOf(spec: ModelSpec, asked: AskedLine): Column | undefined {
  const { task } = spec;
  if (task.kind !== 'classification' || typeof task.cost.falseNegative === 'number')
    return undefined;
  const { feature } = task.cost.falseNegative;
  if (asked.api === 'predict') return asked.instances.map((fields) => numberOf(fields[feature]));
  if (asked.api === 'rank') return undefined;
  const input = spec.signature.inputs.find(({ columns }) => columns.includes(feature));
  const logged = asked.inputs.find(({ name }) => name === input?.name);
  if (!input || !logged) return undefined;
  return columnOf(logged.data, input.columns.indexOf(feature), input.columns.length);
}
