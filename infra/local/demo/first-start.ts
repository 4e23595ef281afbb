import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { DatasetProfile } from '../../../functions/contracts/dataset-profile.ts';
import type { ModelSpec } from '../../../functions/contracts/model-spec.ts';
import type { Retraining } from '../../../functions/contracts/retraining.ts';
import type { OperatorClient } from '../../cli/operator-client.ts';
import type { Progress } from './progress.ts';

type Trainer = Retraining['trainer'];

/** One version to train. */
export interface Candidate {
  readonly spec: ModelSpec;
  readonly trainer: Trainer;
  /** What the progress calls it: the model's name, with the trainer's where a model has several. */
  readonly label: string;
}

export interface TrainingMessage {
  readonly kind: 'progress' | 'trained' | 'failed';
  /** Of the candidate. */
  readonly label: string;
  /** Share done, 0 to 1. */
  readonly share?: number;
  readonly stage?: string;
  readonly artifact?: Uint8Array;
  readonly profile?: DatasetProfile;
  /** Mean absolute error on rows that no candidate saw, where the model predicts a number. */
  readonly heldOutError?: number;
  readonly error?: string;
}

export interface TrainedCandidate {
  readonly candidate: Candidate;
  readonly artifact: Uint8Array;
  readonly profile: DatasetProfile | undefined;
  readonly heldOutError: number | undefined;
}

/** Fewer trees than the specs ask for, so that a first start takes seconds. */
const FIRST_TREES = 60;

/** A second kind of model to compete with the spec's own. */
const RIVALS: ReadonlyMap<string, Trainer> = new Map([
  ['delivery-time', { kind: 'mlp', hidden: [32], epochs: 10, learningRate: 0.003 }],
]);

/** What to train at a first start; the spec's own trainer first, so that it is version 1. */
export function firstCandidates(specs: readonly ModelSpec[]): Candidate[] {
  return specs.flatMap((spec) => {
    const { trainer } = spec.retraining;
    const own = trainer.kind === 'gbdt' ? { ...trainer, trees: FIRST_TREES } : trainer;
    const rival = RIVALS.get(spec.name);
    if (!rival) return [{ spec, trainer: own, label: spec.name }];
    return [own, rival].map((each) => ({
      spec,
      trainer: each,
      label: `${spec.name} ${each.kind}`,
    }));
  });
}

/**
 * Trains the candidates with the project's own trainer on generated data, two at a time, one a core.
 * @returns in the order of `candidates`.
 * @throws with the trainer's own message.
 */
export async function trainCandidates(
  candidates: readonly Candidate[],
  progress: Progress,
): Promise<TrainedCandidate[]> {
  // Networks take longest; started last, one would run alone at the end.
  const isNetwork = ({ trainer }: Candidate): number => Number(trainer.kind === 'mlp');
  const waiting = candidates.toSorted((one, other) => isNetwork(other) - isNetwork(one));
  const trained = new Map<Candidate, TrainedCandidate>();
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      trained.set(next, await trainInWorker(next, progress));
  };
  await Promise.all([work(), work()]);
  return candidates.flatMap((candidate) => trained.get(candidate) ?? []);
}

function trainInWorker(candidate: Candidate, progress: Progress): Promise<TrainedCandidate> {
  const { promise, resolve, reject } = Promise.withResolvers<TrainedCandidate>();
  const { label } = candidate;
  const worker = new Worker(join(import.meta.dirname, 'train.worker.ts'), {
    workerData: candidate,
  });
  worker.on('error', reject);
  worker.on('message', (message: TrainingMessage) => {
    const { artifact, profile, heldOutError } = message;
    if (message.kind === 'progress') progress.show(label, message.share ?? 0, message.stage ?? '');
    else if (artifact) resolve({ candidate, artifact, profile, heldOutError });
    else reject(new Error(`training ${label} failed: ${message.error}`));
  });
  worker.on('exit', (code) =>
    reject(new Error(`training ${label} ended with code ${code} and no model`)),
  );
  return promise;
}

function describe(trainer: Trainer): string {
  switch (trainer.kind) {
    case 'gbdt':
      return `boosted trees, ${trainer.trees} of ${trainer.leaves} leaves`;
    case 'mlp':
      return `neural network, hidden layers of ${trainer.hidden.join(', ')}`;
    case 'sagemaker-xgboost':
      return 'XGBoost';
  }
}

const errorText = ({ heldOutError, candidate: { spec } }: TrainedCandidate): string => {
  const unit = spec.task.kind === 'regression' ? spec.task.unit : '';
  return heldOutError === undefined ? '' : `, held-out MAE ${heldOutError.toFixed(3)} ${unit}`;
};

/** Least held-out error; the first where nothing was measured. */
export function bestOf(rivals: readonly TrainedCandidate[]): TrainedCandidate | undefined {
  const error = (rival: TrainedCandidate) => rival.heldOutError ?? Number.POSITIVE_INFINITY;
  return rivals.reduce<TrainedCandidate | undefined>(
    (best, rival) => (best && error(best) <= error(rival) ? best : rival),
    undefined,
  );
}

/** Registers every candidate and makes the best of each model its first champion. */
export async function registerFirstVersions(
  trained: readonly TrainedCandidate[],
  operator: OperatorClient,
  progress: Progress,
): Promise<void> {
  for (const [model, rivals] of Map.groupBy(trained, ({ candidate }) => candidate.spec.name)) {
    const best = bestOf(rivals);
    for (const rival of rivals) {
      const { label, trainer } = rival.candidate;
      const what = `${describe(trainer)}${errorText(rival)}`;
      progress.show(label, 1, 'registering');
      const { version } = await operator.register(
        model,
        rival.artifact,
        `first start on generated data: ${what}`,
        rival.profile,
      );
      if (rival === best) {
        const route = await operator.route(model);
        const reason =
          rivals.length > 1 ? `the best first version${errorText(rival)}` : 'the first version';
        await operator.setChampion(model, version, route?.epoch ?? 0, reason);
      }
      progress.show(
        label,
        1,
        `version ${version} ${rival === best ? 'serves' : 'stands by'}: ${what}`,
      );
    }
  }
}
