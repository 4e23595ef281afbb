import {
  ARM_COLUMN,
  type CellValue,
  type DatasetColumn,
  PREDICTION_COLUMN,
} from '../contracts/dataset-columns.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { AskedLine } from '../contracts/prediction-line.ts';
import { hidesOutcomes } from '../contracts/task.ts';
import { readTyped } from './cell-reading.ts';
import { servedQueryKey } from './query-key.ts';
import { readRow } from './row-check.ts';

/** An answered request as the archive has it, opened. */
export interface RecordedRequest {
  readonly predictionId: string;
  readonly at: string;
  readonly arm: string;
  readonly asked: AskedLine;
  /** Features that were sent and are not in the log, of any of its rows. */
  readonly withheld: readonly string[];
  /** Chance of each row that its outcome was seen, where a decision hid it. */
  readonly propensities?: readonly number[] | undefined;
}

/** Rows that are sampled together: one row, or a whole query. */
export interface RecordedUnit {
  /** The same however often the archive holds it. */
  readonly key: string;
  readonly at: string;
  /** What is sampled apart: the class; one stratum for other tasks. */
  readonly stratum: string;
  /** Recorded rows that it stands for: others like it were declined, and nobody saw their outcome. */
  readonly weight: number;
  readonly rows: readonly (readonly CellValue[])[];
}

/** Why recorded rows are in no snapshot. */
export type LeftOut = 'withoutOutcome' | 'declined' | 'tensorsOnly' | 'withheld' | 'unfit';

/** Outcomes of one prediction by slot: `row:3`, or `item:"sku-1"`. */
export type OutcomesBySlot = ReadonlyMap<string, unknown>;

type Fields = Readonly<Record<string, unknown>>;

/**
 * The rows of a matured request with their truth. What silence means is the spec's to say: nothing, the
 * negative class, or no interest; of a row that was declined unseen it never means anything. A declined row
 * that somebody looked into all the same stands for itself alone.
 * @param leaveOut told of rows that cannot be used.
 */
export function unitsOf(
  spec: ModelSpec,
  columns: readonly DatasetColumn[],
  request: RecordedRequest,
  outcomes: OutcomesBySlot,
  leaveOut: (why: LeftOut, rows: number) => void,
): RecordedUnit[] {
  const { asked } = request;
  if (asked.api === 'infer') {
    // Tensors hold parts of timestamps and no identifiers: they cannot become named features again.
    leaveOut('tensorsOnly', asked.inputs[0]?.shape[0] ?? 1);
    return [];
  }
  if (lacksInputs(spec, request)) {
    leaveOut('withheld', asked.api === 'rank' ? asked.items.length : asked.instances.length);
    return [];
  }
  if (asked.api === 'rank') return queryOf(spec, columns, request, asked, outcomes, leaveOut);
  return asked.instances.flatMap((instance, row) => {
    const propensity = request.propensities?.[row] ?? (hidesOutcomes(spec.task) ? 0 : 1);
    const label = labelOf(spec, outcomes.get(`row:${row}`), propensity);
    if (label === undefined) {
      leaveOut(propensity === 0 ? 'declined' : 'withoutOutcome', 1);
      return [];
    }
    const cells = readCells(columns, { ...instance, [spec.task.label]: label }, request);
    if (!cells) leaveOut('unfit', 1);
    const key = `${request.predictionId}/${row}`;
    const stratum = spec.task.kind === 'classification' ? String(label) : '';
    const weight = propensity > 0 ? 1 / propensity : 1;
    return cells ? [{ key, at: request.at, stratum, weight, rows: [cells] }] : [];
  });
}

/** Whether the model may have seen what the log does not have: that is no missing value. */
const lacksInputs = ({ features }: ModelSpec, { withheld }: RecordedRequest): boolean =>
  features.some(
    ({ name, log }) => (log === 'plain' || log === 'sealed') && withheld.includes(name),
  );

function labelOf(
  { task, monitoring }: ModelSpec,
  outcome: unknown,
  propensity: number,
): string | number | undefined {
  if (typeof outcome === 'string' || typeof outcome === 'number') return outcome;
  if (task.kind !== 'classification' || propensity === 0) return undefined;
  return monitoring.outcomes.silenceMeans === 'negative' ? task.classes[0] : undefined;
}

function queryOf(
  spec: ModelSpec,
  columns: readonly DatasetColumn[],
  request: RecordedRequest,
  { query, items }: Extract<AskedLine, { api: 'rank' }>,
  outcomes: OutcomesBySlot,
  leaveOut: (why: LeftOut, rows: number) => void,
): RecordedUnit[] {
  const { task } = spec;
  if (task.kind !== 'ranking') return [];
  const queryKey = servedQueryKey(query[task.queryKey], request.predictionId);
  const rows = items.map(({ id, ...item }) => {
    const interaction = outcomes.get(`item:${JSON.stringify(id)}`);
    const relevance =
      interaction === 'click' || interaction === 'purchase' ? task.relevance[interaction] : 0;
    const fields = { ...query, ...item, [task.queryKey]: queryKey, [task.label]: relevance };
    return readCells(columns, fields, request);
  });
  const whole = rows.filter((row) => row !== undefined);
  // Half a query would be another ranking than the one that was served.
  if (whole.length < rows.length || rows.length === 0) {
    leaveOut('unfit', rows.length);
    return [];
  }
  return [{ key: request.predictionId, at: request.at, stratum: '', weight: 1, rows: whole }];
}

/**
 * Undefined where the row does not fit the spec, as when what it requires is kept out of the log. Features
 * that the spec has no longer are left out.
 */
function readCells(
  columns: readonly DatasetColumn[],
  fields: Fields,
  { predictionId, arm }: RecordedRequest,
): readonly CellValue[] | undefined {
  const given: Fields = { ...fields, [PREDICTION_COLUMN]: predictionId, [ARM_COLUMN]: arm };
  const { values, faults } = readRow(columns, readTyped, (at) => given[columns[at]?.name ?? '']);
  return faults.length === 0 ? values : undefined;
}
