import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ModelSpec } from '../../../functions/contracts/model-spec.ts';
import type { OperatorClient } from '../../cli/operator-client.ts';
import type { Progress } from './progress.ts';

export interface TrainingMessage {
  readonly kind: 'progress' | 'trained' | 'failed';
  readonly model: string;
  /** Share done, 0 to 1. */
  readonly share?: number;
  readonly stage?: string;
  readonly artifact?: Uint8Array;
  readonly error?: string;
}

/**
 * Trains the given models with the project's own trainer on generated data, two at a time, one a core.
 * @throws with the trainer's own message.
 */
export async function trainModels(
  specs: readonly ModelSpec[],
  progress: Progress,
): Promise<Map<string, Uint8Array>> {
  const waiting = [...specs];
  const trained = new Map<string, Uint8Array>();
  const work = async (): Promise<void> => {
    for (let spec = waiting.shift(); spec; spec = waiting.shift())
      trained.set(spec.name, await trainInWorker(spec, progress));
  };
  await Promise.all([work(), work()]);
  return trained;
}

function trainInWorker(spec: ModelSpec, progress: Progress): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const worker = new Worker(join(import.meta.dirname, 'train.worker.ts'), {
    workerData: spec,
  });
  worker.on('error', reject);
  worker.on('message', (message: TrainingMessage) => {
    if (message.kind === 'progress')
      progress.show(spec.name, message.share ?? 0, message.stage ?? '');
    else if (message.artifact) resolve(message.artifact);
    else reject(new Error(`training ${spec.name} failed: ${message.error}`));
  });
  worker.on('exit', (code) =>
    reject(new Error(`training ${spec.name} ended with code ${code} and no model`)),
  );
  return promise;
}

/** Registers each artifact and makes it its model's first champion. */
export async function registerFirstVersions(
  artifacts: ReadonlyMap<string, Uint8Array>,
  operator: OperatorClient,
  progress: Progress,
): Promise<void> {
  for (const [model, artifact] of artifacts) {
    progress.show(model, 1, 'registering');
    const { version } = await operator.register(
      model,
      artifact,
      'first version, trained on generated data',
    );
    const route = await operator.route(model);
    await operator.setChampion(model, version, route?.epoch ?? 0, 'the first version');
    progress.show(model, 1, `version ${version} serves`);
  }
}
