import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { Route, ServedVersion } from '../contracts/route.ts';
import type { Version } from '../contracts/version.ts';
import { type Clock, epochMsOf } from '../runtime/clock.ts';
import type { TransactItem } from '../runtime/transaction.ts';
import type { EndpointStore } from './endpoint-store.ts';
import type { RouteStore, RouteWrite } from './route-store.ts';
import type { RouteTable } from './route-table.ts';
import type { VersionTable } from './version-table.ts';

export interface ChampionRequest {
  readonly model: string;
  readonly version: string;
  /** The epoch the operator saw; 0 where the model has no route yet. */
  readonly expectedEpoch: number;
  readonly reason: string;
  readonly by: string;
  /** Always remember the champion before: a promotion bakes, and must be able to return. */
  readonly mayReturn?: boolean;
  /** What must hold besides: that the promotion which asks still runs. */
  readonly onlyIf?: TransactItem;
}

export interface ChampionStores {
  readonly routes: RouteTable;
  readonly versions: VersionTable;
  readonly champions: RouteStore;
  /** Absent for models that Lambda serves itself. */
  readonly endpoints: EndpointStore | undefined;
  readonly clock: Clock;
}

export type ChampionChange =
  | { readonly kind: 'changed' | 'unchanged'; readonly route: Route }
  /** The endpoint is being made; the route is as it was. Ask again. */
  | { readonly kind: 'preparing' };

const SERVABLE: readonly Version['stage'][] = [
  'registered',
  'evaluated',
  'pilot',
  'ab',
  'production',
  'rolled-back',
];

/**
 * Makes a version the champion by compare-and-set of the route's epoch.
 * @throws ApiError 404 for an unknown version, 409 with the current epoch when the route has changed or
 * the version is retired or rejected or the promotion that asks has ended, 502 when its endpoint could not be made.
 */
export async function setChampion(
  request: ChampionRequest,
  stores: ChampionStores,
): Promise<ChampionChange> {
  const { model, version: number, expectedEpoch } = request;
  const version = await stores.versions.find(model, number);
  if (!version) throw new ApiError(404, 'VERSION_NOT_FOUND', `${model} has no version ${number}`);
  const current = await stores.routes.read(model);
  // A repeated request whose first answer got lost must not be a conflict.
  if (current?.champion.version === number) return { kind: 'unchanged', route: current };
  if (!SERVABLE.includes(version.stage))
    throw new ApiError(
      409,
      'VERSION_NOT_SERVABLE',
      `version ${number} of ${model} is ${version.stage}`,
    );
  if ((current?.epoch ?? 0) !== expectedEpoch) throw outdated(model, current);
  const served = await prepare(version, stores.endpoints);
  if (!served) return { kind: 'preparing' };
  const route: Route = {
    model,
    epoch: expectedEpoch + 1,
    champion: served,
    ...(current && formerChampionAfter(current, request)),
    changedAt: stores.clock.now(),
    changedBy: request.by,
    reason: request.reason,
  };
  await settle(stores.champions.crown(route, request.onlyIf), route.model, stores);
  return { kind: 'changed', route };
}

/**
 * The version to fall back to. A return to the former champion is a rollback: what it replaces has just
 * proved wrong and is nothing to fall back to.
 */
const formerChampionAfter = (
  current: Route,
  { version, mayReturn = false }: ChampionRequest,
): Pick<Route, 'formerChampion'> =>
  current.formerChampion?.version === version && !mayReturn
    ? {}
    : { formerChampion: current.champion };

/**
 * Takes a version out of service for good and deletes its endpoint.
 * @throws ApiError 409 while a route names it, or requests may still reach its endpoint.
 */
export async function retireVersion(
  model: string,
  number: string,
  stores: ChampionStores,
): Promise<Version> {
  const version = await stores.versions.find(model, number);
  if (!version) throw new ApiError(404, 'VERSION_NOT_FOUND', `${model} has no version ${number}`);
  const route = await stores.routes.read(model);
  await refuseWhileInUse(version, route, stores);
  const retired =
    route?.formerChampion?.version === number
      ? stores.champions.retireFormer(model, number, forgetFormer(route, stores.clock))
      : stores.champions.retire(model, number, route);
  await settle(retired, model, stores);
  // After the stage: what is left by a crash in between goes when the retirement is repeated.
  await stores.endpoints?.remove(version);
  return { ...version, stage: 'retired' };
}

/** Whoever has the route of before asks by it until it is too old, and then waits for the answer. */
const STALE_ROUTE_MS = LIMITS.routeAgeMs + LIMITS.sagemakerTimeoutMs;

/** How long requests may still reach the endpoint of a version that was in the route before. */
function stillReachedMs({ stage }: Version, route: Route | undefined, clock: Clock): number {
  if (!route || stage === 'registered') return 0;
  return Math.max(0, epochMsOf(route.changedAt) + STALE_ROUTE_MS - clock.nowMs());
}

/** @throws ApiError 409 while a route names the version, or its endpoint is still being made or asked. */
async function refuseWhileInUse(
  version: Version,
  route: Route | undefined,
  stores: ChampionStores,
): Promise<void> {
  if (route?.champion.version === version.version || route?.challenger?.version === version.version)
    throw new ApiError(
      409,
      'VERSION_IN_USE',
      `version ${version.version} of ${version.model} is serving: make another version the champion first`,
    );
  if (await stores.endpoints?.isBeingMade(version))
    throw new ApiError(
      409,
      'ENDPOINT_IN_THE_MAKING',
      `the endpoint of version ${version.version} of ${version.model} is still being made: retire it when that is over`,
    );
  const reachedMs = stores.endpoints ? stillReachedMs(version, route, stores.clock) : 0;
  if (reachedMs > 0)
    throw new ApiError(
      409,
      'VERSION_IN_USE',
      `the route has just changed, and requests by the one before may still reach version ${version.version} of ${version.model}: retire it in ${Math.ceil(reachedMs / 1000)} s`,
    );
}

/** A retired version is nothing to fall back to. */
function forgetFormer(route: Route, clock: Clock): Route {
  const { formerChampion: _retired, ...rest } = route;
  return { ...rest, epoch: route.epoch + 1, changedAt: clock.now() };
}

/** @throws ApiError 409 unless the write went through. */
async function settle(
  writing: Promise<RouteWrite>,
  model: string,
  { routes }: ChampionStores,
): Promise<void> {
  const { kind } = await writing;
  if (kind === 'written') return;
  if (kind === 'route-changed') throw outdated(model, await routes.read(model));
  if (kind === 'overtaken')
    throw new ApiError(
      409,
      'PROMOTION_ENDED',
      `the promotion that was to change the champion of ${model} ended meanwhile`,
    );
  throw new ApiError(
    409,
    'VERSION_NOT_SERVABLE',
    `the version of ${model} was retired or rejected meanwhile`,
  );
}

async function prepare(
  version: Version,
  endpoints: EndpointStore | undefined,
): Promise<ServedVersion | undefined> {
  const served = { version: version.version, digest: version.digest };
  if (!endpoints) return served;
  const state = await endpoints.ensure(version);
  if (state.kind === 'failed')
    throw new ApiError(
      502,
      'ENDPOINT_FAILED',
      `SageMaker could not make the endpoint of version ${version.version}`,
      [state.reason],
    );
  return state.kind === 'in-service' ? { ...served, endpoint: state.endpoint } : undefined;
}

const outdated = (model: string, current: Route | undefined): ApiError =>
  new ApiError(
    409,
    'ROUTE_CHANGED',
    `the route of ${model} is at epoch ${current?.epoch ?? 0} now${current ? `: ${current.changedBy} made version ${current.champion.version} the champion at ${current.changedAt}` : ''}`,
    [`expectedEpoch: ${current?.epoch ?? 0}`],
    { 'retry-after': String(LIMITS.retryAfterSeconds) },
  );
