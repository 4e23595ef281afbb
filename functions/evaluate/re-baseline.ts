import {
  type Baseline,
  type BaselineMeasured,
  type BaselineMissed,
  EVALUATION_EVENTS,
} from '../contracts/dataset-evaluation.ts';
import type { PointerMoved } from '../contracts/dataset-events.ts';
import type { BusEvent } from '../contracts/event-bus.ts';
import type { RouteTable } from '../promote/route-table.ts';
import type { EventPublisher } from '../runtime/event-publisher.ts';
import { log } from '../runtime/log.ts';
import { missedObjectives } from './baseline.ts';
import { type Evaluator, evaluateOnDataset } from './dataset-evaluator.ts';

export interface Rebaseliner extends Evaluator {
  readonly routes: Pick<RouteTable, 'read'>;
  readonly events: EventPublisher;
}

/**
 * Judges the champion on the set that everyone is judged on from now on. Repeated it gives the same baseline
 * for the epoch; the events are put again rather than lost.
 */
export async function reBaseline(moved: PointerMoved, parts: Rebaseliner): Promise<void> {
  const { model, epoch, digest: dataset } = moved;
  const baseline = (await parts.table.findBaseline(model, epoch)) ?? (await measure(moved, parts));
  if (!baseline) {
    log({ kind: 'baseline-skipped', model, epoch, dataset, reason: 'there is no champion yet' });
    return;
  }
  await parts.events.publish(eventsOf(baseline));
}

async function measure(
  { model, epoch, digest: dataset }: PointerMoved,
  parts: Rebaseliner,
): Promise<Baseline | undefined> {
  const spec = parts.specs.find(({ name }) => name === model);
  const route = await parts.routes.read(model);
  if (!spec || !route) return undefined;
  const versions = [route.champion.version];
  const [evaluation] = await evaluateOnDataset({ model, versions, dataset, slices: [] }, parts);
  if (!evaluation) return undefined;
  const baseline = { model, epoch, evaluation, missed: missedObjectives(spec, evaluation) };
  await parts.table.putBaseline(baseline);
  return baseline;
}

function eventsOf({
  model,
  epoch,
  evaluation,
  missed,
}: Baseline): BusEvent<BaselineMeasured | BaselineMissed>[] {
  const { evaluatedAt: at, dataset, version, metrics } = evaluation;
  const common = { at, model, epoch, dataset, version };
  return [
    { type: EVALUATION_EVENTS.baselineMeasured, detail: { ...common, metrics } },
    ...(missed.length > 0
      ? [{ type: EVALUATION_EVENTS.baselineMissed, detail: { ...common, missed } }]
      : []),
  ];
}
