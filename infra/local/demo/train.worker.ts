import { parentPort, workerData } from 'node:worker_threads';
import {
  regressionMetrics,
  regressionSums,
} from '../../../functions/measures/regression-metrics.ts';
import { predictionOf, versionProfile } from '../../../functions/measures/version-profile.ts';
import type { Instance } from '../../../functions/retrain/labelled-rows.ts';
import { type TrainedModel, trainModel } from '../../../functions/retrain/train-model.ts';
import type { Candidate, TrainingMessage } from './first-start.ts';
import type { World } from './worlds/world.ts';
import { WORLDS } from './worlds/worlds.ts';

/** Enough to learn the worlds well, few enough that a first start takes seconds. */
const ROWS = 20_000;
const SEED = 1;
const HELD_OUT_ROWS = 20_000;
/** Another seed than the training's: rows that no candidate saw, and the same ones for all. */
const HELD_OUT_SEED = 2;

const { spec, trainer, label }: Candidate = workerData;

function say(message: Omit<TrainingMessage, 'label'>): void {
  parentPort?.postMessage({ ...message, label } satisfies TrainingMessage);
}

/** Mean absolute error on the held-out rows; undefined for tasks that do not predict a number. */
function heldOutError(model: TrainedModel, world: World): number | undefined {
  const { task } = spec;
  if (task.kind !== 'regression') return undefined;
  say({ kind: 'progress', share: 1, stage: `scoring ${HELD_OUT_ROWS} held-out rows` });
  const { instances, labels } = world.dataset(HELD_OUT_ROWS, HELD_OUT_SEED);
  const predicted = predictionsOf(model, instances);
  return regressionMetrics(regressionSums(labels.map(Number), predicted, task.tolerance)).mae;
}

/** What a model says of rows, in the column it is asked for. */
function predictionsOf({ answer }: TrainedModel, instances: readonly Instance[]): number[] {
  const columns = spec.signature.outputs.flatMap((output) => output.columns);
  const at = columns.indexOf(predictionOf(spec));
  const answers = answer(instances);
  return instances.map((_, row) => answers[row * columns.length + at] ?? Number.NaN);
}

async function train(): Promise<Omit<TrainingMessage, 'label'>> {
  const world = WORLDS.get(spec.name);
  if (!world) throw new Error(`there is no generated world for ${spec.name}`);
  say({ kind: 'progress', share: 0, stage: `generating ${ROWS} rows` });
  const rows = world.dataset(ROWS, SEED);
  const model = await trainModel(spec, rows, {
    seed: SEED,
    trainer,
    onProgress: ({ stage, done, total }) => say({ kind: 'progress', share: done / total, stage }),
  });
  const error = heldOutError(model, world);
  return {
    kind: 'trained',
    artifact: model.onnx,
    profile: versionProfile(spec, rows.instances, predictionsOf(model, rows.instances)),
    ...(error !== undefined && { heldOutError: error }),
  };
}

try {
  say(await train());
} catch (error) {
  say({ kind: 'failed', error: error instanceof Error ? error.message : String(error) });
}
