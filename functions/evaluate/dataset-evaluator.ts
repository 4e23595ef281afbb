import type { InferenceSession } from 'onnxruntime-node';
import { ApiError } from '../contracts/api-error.ts';
import type { CellValue } from '../contracts/dataset-columns.ts';
import type {
  DatasetEvaluation,
  EvaluationAnswer,
  EvaluationRequest,
} from '../contracts/dataset-evaluation.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Version, VersionNumber } from '../contracts/version.ts';
import { metricChanges, onDataset, pinResult } from '../measures/evaluation-on.ts';
import type { RowOutputs } from '../measures/row-score.ts';
import type { ArtifactCache } from '../promote/artifact-store.ts';
import type { VersionTable } from '../promote/version-table.ts';
import type { Clock } from '../runtime/clock.ts';
import { openSession } from '../runtime/onnx-session.ts';
import type { ParquetFile, RowGroup } from '../runtime/parquet-file.ts';
import type { EvaluationStore } from './evaluation-store.ts';
import type { EvaluationTable } from './evaluation-table.ts';
import { type BatchCells, graphInputs } from './graph-inputs.ts';
import { OfflineEvaluation } from './offline-evaluation.ts';

export interface Evaluator {
  readonly specs: readonly ModelSpec[];
  readonly versions: Pick<VersionTable, 'find'>;
  readonly artifacts: Pick<ArtifactCache, 'path'>;
  readonly store: EvaluationStore;
  readonly table: EvaluationTable;
  readonly clock: Clock;
  readonly memoryMb: number;
}

/**
 * Judges versions of a model on one dataset. What was judged before is read, not run again.
 * @throws ApiError 404 for an unknown model or version.
 */
export async function evaluateOnDataset(
  request: EvaluationRequest,
  evaluator: Evaluator,
): Promise<DatasetEvaluation[]> {
  const spec = evaluator.specs.find(({ name }) => name === request.model);
  if (!spec) throw new ApiError(404, 'MODEL_NOT_FOUND', `no model is named "${request.model}"`);
  const results: DatasetEvaluation[] = [];
  for (const number of request.versions) {
    const version = await findVersion(spec, number, evaluator);
    const known = await evaluator.table.find(
      spec.name,
      request.dataset,
      version.digest,
      request.slices,
    );
    results.push(known ?? (await evaluate(spec, version, request, evaluator)));
  }
  return results;
}

/** The same, and what each later version differs by from the first. */
export async function compareOnDataset(
  request: EvaluationRequest,
  evaluator: Evaluator,
): Promise<EvaluationAnswer> {
  const results = await evaluateOnDataset(request, evaluator);
  const changes = onDataset(request.dataset, (pinned) => {
    const [first, ...others] = results.map((result) => pinResult(pinned, result));
    return others.flatMap((other) =>
      first ? [{ version: other.version, metrics: metricChanges(first, other) }] : [],
    );
  });
  return { results, changes };
}

async function findVersion(
  { name }: ModelSpec,
  number: VersionNumber,
  { versions }: Evaluator,
): Promise<Version> {
  const version = await versions.find(name, number);
  if (version) return version;
  throw new ApiError(404, 'VERSION_NOT_FOUND', `${name} has no version ${number}`);
}

async function evaluate(
  spec: ModelSpec,
  { version, digest }: Version,
  { dataset, slices }: EvaluationRequest,
  { artifacts, store, table, clock, memoryMb }: Evaluator,
): Promise<DatasetEvaluation> {
  const session = await openSession(await artifacts.path(spec.name, digest), memoryMb);
  const evaluation = new OfflineEvaluation(spec, slices);
  try {
    const rows = await store.openRows(spec.name, dataset);
    for (const group of rows.groups) await answerGroup(spec, rows, group, session, evaluation);
  } finally {
    await session.release();
  }
  const { components, ...measured } = evaluation.finish();
  const result: DatasetEvaluation = {
    model: spec.name,
    version,
    digest,
    dataset,
    units: measured.units,
    sums: { ...measured.sums },
    metrics: { ...measured.metrics },
    unanswered: evaluation.unanswered,
    slices: measured.slices.map((slice) => ({
      ...slice,
      sums: { ...slice.sums },
      metrics: { ...slice.metrics },
    })),
    unitsKey: await store.putUnits(spec.name, dataset, digest, components),
    evaluatedAt: clock.now(),
  };
  await table.put(result, slices);
  return result;
}

/** Runs the rows of one group through the graph, a batch at a time. */
async function answerGroup(
  spec: ModelSpec,
  parquet: ParquetFile,
  group: RowGroup,
  session: InferenceSession,
  evaluation: OfflineEvaluation,
): Promise<void> {
  const columns = await parquet.readColumns(parquet.columns, group);
  for (let from = 0; from < group.rows; from += LIMITS.evaluationBatchRows) {
    const rows = Math.min(LIMITS.evaluationBatchRows, group.rows - from);
    const cells: BatchCells = new Map(
      parquet.columns.map((name, at) => [name, sliceOf(columns[at], from, rows)]),
    );
    const outputs = await outputsOf(spec, session, cells, rows);
    for (let row = 0; row < rows; row++)
      evaluation.add({
        outputs: outputs[row] ?? {},
        cell: (name) => (cells.get(name)?.[row] ?? null) as CellValue,
      });
  }
}

const sliceOf = (cells: ArrayLike<unknown> = [], from: number, rows: number): unknown[] =>
  Array.from({ length: rows }, (_, at) => cells[from + at]);

async function outputsOf(
  spec: ModelSpec,
  session: InferenceSession,
  cells: BatchCells,
  rows: number,
): Promise<RowOutputs[]> {
  const answers = await session.run(graphInputs(spec, cells, rows));
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(
      spec.signature.outputs.flatMap(({ name, columns }) =>
        columns.map((column, at) => {
          const value = Number(answers[name]?.data[row * columns.length + at]);
          return [column, Number.isFinite(value) ? value : undefined] as const;
        }),
      ),
    ),
  );
}
