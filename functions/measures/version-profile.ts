import type { CellValue } from '../contracts/dataset-columns.ts';
import { type DatasetColumn, datasetColumns } from '../contracts/dataset-columns.ts';
import type { DatasetProfile } from '../contracts/dataset-profile.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { profilerOf } from './profile.ts';

/** The output that a model is asked for. */
export const predictionOf = ({ task }: Pick<ModelSpec, 'task'>): string =>
  task.kind === 'regression' ? task.prediction : task.score;

type Row = Readonly<Record<string, unknown>>;

/**
 * What a version was made from, for its registration: drift is measured from it.
 * @param rows that it was trained on. @param predictions what it says of each of them.
 */
export function versionProfile(
  spec: ModelSpec,
  rows: readonly Row[],
  predictions: readonly number[],
): DatasetProfile {
  const features = datasetColumns(spec).filter(({ name }) =>
    spec.features.some((feature) => feature.name === name),
  );
  const prediction: DatasetColumn = {
    name: predictionOf(spec),
    role: 'prediction',
    kind: 'number',
    isRequired: false,
  };
  const profileOf = (column: DatasetColumn, cells: Iterable<CellValue>) => {
    const profiler = profilerOf(column, rows.length);
    for (const cell of cells) profiler.add(cell);
    return profiler.finish();
  };
  return {
    rows: rows.length,
    columns: [
      ...features.map((column) =>
        profileOf(
          column,
          rows.map((row) => (row[column.name] ?? null) as CellValue),
        ),
      ),
      // What the model gave no number for is missing.
      profileOf(
        prediction,
        predictions.map((value) => (Number.isFinite(value) ? value : null)),
      ),
    ],
  };
}
