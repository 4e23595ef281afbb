import type { DatasetEvaluation, EvaluationRequest } from '../contracts/dataset-evaluation.ts';
import type { Promotion } from '../contracts/promotion.ts';
import type { PromotionPlan } from '../contracts/promotion-plan.ts';
import type { GateFinding } from './gate.ts';
import { concludeGates, digestOfGates, judgeGates, type UnitColumns } from './offline-gates.ts';

type OfflineStep = Extract<PromotionPlan['steps'][number], { kind: 'evaluate-offline' }>;

export interface OfflineSource {
  /** Results in the order of the versions asked for. */
  evaluate(request: EvaluationRequest): Promise<readonly DatasetEvaluation[]>;
  units(evaluation: DatasetEvaluation): Promise<UnitColumns>;
}

/** Both versions on one pinned dataset, overall by the gates and slice by slice for the reader. */
export async function evaluateOffline(
  step: OfflineStep,
  { model, version, champion, dataset }: Promotion,
  source: OfflineSource,
): Promise<GateFinding> {
  if (!dataset) throw new Error('the promotion has pinned no dataset');
  const gatesDigest = digestOfGates(step.gates);
  const request = {
    model,
    versions: [champion.version, version],
    dataset: dataset.digest,
    slices: step.slices,
  };
  const [base, own] = await source.evaluate(request);
  if (!base || !own) throw new Error('the evaluation answered for fewer versions than were asked');
  const results = judgeGates(
    step,
    { evaluation: base, units: await source.units(base) },
    { evaluation: own, units: await source.units(own) },
  );
  const evidence = {
    dataset: dataset.digest,
    epoch: dataset.epoch,
    gatesDigest,
    gates: results,
    champion: base.metrics,
    challenger: own.metrics,
    slices: largestSlices(own).map(({ feature, value, units, metrics }) => ({
      slice: `${feature}=${value}`,
      units,
      challenger: metrics,
      champion: base.slices.find((other) => other.feature === feature && other.value === value)
        ?.metrics,
    })),
  };
  return { ...concludeGates(results), evidence };
}

/** An event has to fit into 256 kB, and a slice takes some 600 bytes; all of them stay with the evaluation. */
const SLICES_TOLD = 100;

const largestSlices = ({ slices }: DatasetEvaluation): DatasetEvaluation['slices'] =>
  slices.toSorted((one, other) => other.units - one.units).slice(0, SLICES_TOLD);
