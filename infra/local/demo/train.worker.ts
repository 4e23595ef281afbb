import { parentPort, workerData } from 'node:worker_threads';
import type { ModelSpec } from '../../../functions/contracts/model-spec.ts';
import { trainModel } from '../../../functions/retrain/train-model.ts';
import type { TrainingMessage } from './first-start.ts';
import { WORLDS } from './worlds/worlds.ts';

/** Enough to learn the worlds well, few enough that a first start takes seconds. */
const ROWS = 20_000;
const TREES = 60;
const SEED = 1;

const spec: ModelSpec = workerData;

function say(message: Omit<TrainingMessage, 'model'>): void {
  parentPort?.postMessage({ ...message, model: spec.name } satisfies TrainingMessage);
}

async function train(): Promise<Uint8Array> {
  const world = WORLDS.get(spec.name);
  if (!world) throw new Error(`there is no generated world for ${spec.name}`);
  say({ kind: 'progress', share: 0, stage: `generating ${ROWS} rows` });
  const rows = world.dataset(ROWS, SEED);
  const { trainer } = spec.retraining;
  const { onnx } = await trainModel(spec, rows, {
    seed: SEED,
    trainer: trainer.kind === 'gbdt' ? { ...trainer, trees: TREES } : trainer,
    onProgress: ({ stage, done, total }) => say({ kind: 'progress', share: done / total, stage }),
  });
  return onnx;
}

try {
  say({ kind: 'trained', artifact: await train() });
} catch (error) {
  say({ kind: 'failed', error: error instanceof Error ? error.message : String(error) });
}
