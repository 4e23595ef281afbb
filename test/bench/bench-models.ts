import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { Digest } from '../../functions/contracts/version.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { trainModel } from '../../functions/retrain/train-model.ts';
import { WORLDS } from '../../infra/local/demo/worlds/worlds.ts';

export interface BenchModel {
  readonly spec: ModelSpec;
  readonly digest: Digest;
  readonly path: string;
  readonly megabytes: number;
}

const FOLDER = join(import.meta.dirname, '../../dist/bench/models');
const ROWS = 20_000;

/** Slow learners with many trees, so that the graphs get the 0.6 MB of a real model. */
async function train(spec: ModelSpec, trees: number, learningRate: number): Promise<BenchModel> {
  const world = WORLDS.get(spec.name);
  const { trainer } = spec.retraining;
  if (!world || trainer.kind !== 'gbdt') throw new Error(`${spec.name} cannot be trained here`);
  const { onnx } = await trainModel(spec, world.dataset(ROWS, 1), {
    seed: 1,
    trainer: { ...trainer, trees, learningRate },
    boosting: { patience: trees },
  });
  const digest = Digest.parse(createHash('sha256').update(onnx).digest('hex'));
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, `${spec.name}.onnx`);
  writeFileSync(path, onnx);
  return { spec, digest, path, megabytes: onnx.length / 1e6 };
}

export const trainDeliveryTime = (): Promise<BenchModel> => train(deliveryTime, 150, 0.08);
export const trainSearchRanking = (): Promise<BenchModel> => train(searchRanking, 600, 0.012);
