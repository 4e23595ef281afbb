import { createHash } from 'node:crypto';
import { ApiError } from '../contracts/api-error.ts';
import type { Pointer } from '../contracts/dataset.ts';
import type { BusEvent } from '../contracts/event-bus.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Promotion } from '../contracts/promotion.ts';
import { PROMOTION_EVENTS } from '../contracts/promotion-events.ts';
import type { Route } from '../contracts/route.ts';
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
  publish(events: readonly BusEvent[]): Promise<void>;
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

export const routeChanged = (route: Route): BusEvent => ({
  type: PROMOTION_EVENTS.routeChanged,
  detail: { at: route.changedAt, model: route.model, route },
});

/** The step of its plan a promotion stands at. */
export function stepOf(spec: ModelSpec, { place }: Pick<Promotion, 'place'>) {
  const step = spec.promotion.steps[place.step];
  if (step) return step;
  throw new Error(`the plan of ${spec.name} has no step ${place.step}`);
}
