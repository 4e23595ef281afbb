import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { LabelledRows } from '../../functions/retrain/labelled-rows.ts';
import { DatasetClient } from '../../infra/cli/dataset-client.ts';
import type { RunningStack } from './running-stack.ts';

/** Imports rows through the API and makes them the set that everyone is judged on. */
export async function validationSet(
  stack: RunningStack,
  spec: ModelSpec,
  { instances, labels, queries }: LabelledRows,
): Promise<void> {
  const { task } = spec;
  const lines = instances.map((instance, row) => ({
    ...instance,
    ...(task.kind === 'ranking' && { [task.queryKey]: queries?.[row] }),
    [task.label]: labels[row],
  }));
  const path = join(stack.folder, `${spec.name}.ndjson`);
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const datasets = new DatasetClient(stack.client);
  const { state } = await datasets.import(spec.name, await datasets.upload(spec.name, path));
  if (state.kind !== 'imported') throw new Error(`the set was refused: ${JSON.stringify(state)}`);
  await datasets.move(spec.name, 'validation', {
    digest: state.digest,
    expectedEpoch: 0,
    reason: 'for a test',
  });
}
