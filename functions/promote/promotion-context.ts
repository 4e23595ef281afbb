import { createHash } from 'node:crypto';
import { ApiError } from '../contracts/api-error.ts';
import type { Pointer } from '../contracts/dataset.ts';
import type { BusEvent } from '../contracts/event-bus.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Promotion, StepResult } from '../contracts/promotion.ts';
import { PROMOTION_EVENTS } from '../contracts/promotion-events.ts';
import type { Announce } from '../runtime/announcement.ts';
import type { Clock } from '../runtime/clock.ts';
import type { PromotionTable } from './promotion-table.ts';
import type { RouteStore } from './route-store.ts';
import type { RouteTable } from './route-table.ts';
import type { VersionTable } from './version-table.ts';

/** What everything that moves a promotion works with. */
export interface PromotionContext {
  readonly specs: readonly ModelSpec[];
  readonly promotions: PromotionTable;
  readonly routes: RouteTable;
  readonly routeStore: RouteStore;
  readonly versions: VersionTable;
  readonly clock: Clock;
  /** Where the model's validation set is; undefined while it has none. */
  validationSet(model: string): Promise<Pick<Pointer, 'digest' | 'epoch'> | undefined>;
  /** After whatever was written. */
  readonly announce: Announce;
}

/** @throws ApiError 404. */
export function specOf({ specs }: Pick<PromotionContext, 'specs'>, model: string): ModelSpec {
  const spec = specs.find(({ name }) => name === model);
  if (spec) return spec;
  throw new ApiError(
    404,
    'MODEL_NOT_FOUND',
    `no model is named "${model}"; there are: ${specs.map(({ name }) => name).join(', ')}`,
  );
}

/** Changes with every change of a spec. */
export const digestOfSpec = (spec: ModelSpec): string =>
  createHash('sha256').update(JSON.stringify(spec)).digest('hex');

/** The step of its plan a promotion stands at. */
export function stepOf(spec: ModelSpec, { place }: Pick<Promotion, 'place'>) {
  const step = spec.promotion.steps[place.step];
  if (step) return step;
  throw new Error(`the plan of ${spec.name} has no step ${place.step}`);
}

/** That the step a promotion stands at was judged, with the numbers it was judged by. */
export function judgedEvent(
  promotion: Promotion,
  found: StepResult & { readonly evidence: Readonly<Record<string, unknown>> },
  context: Pick<PromotionContext, 'specs' | 'clock'>,
): BusEvent {
  const { id, model, version, place } = promotion;
  const { kind } = stepOf(specOf(context, model), promotion);
  const { verdict, reason, evidence } = found;
  const at = context.clock.now();
  const detail = { at, model, promotion: id, version, place, kind, verdict, reason, evidence };
  return { type: PROMOTION_EVENTS.judged, detail };
}
