import { ApiError } from '../contracts/api-error.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Hypothesis, Promotion } from '../contracts/promotion.ts';
import { PROMOTION_EVENTS } from '../contracts/promotion-events.ts';
import type { Route } from '../contracts/route.ts';
import type { Version } from '../contracts/version.ts';
import type { Forecast } from './forecast.ts';
import { digestOfSpec, type PromotionContext, specOf } from './promotion-context.ts';

export interface StartRequest {
  readonly model: string;
  readonly version: string;
  readonly hypothesis: Hypothesis;
  /** Begin although the traffic may not give the labels the plan needs. */
  readonly acceptSlow: boolean;
  readonly by: string;
}

export interface Starter extends PromotionContext {
  /** What the traffic of late lets the plan expect; undefined where the plan has no A/B step. */
  forecast(spec: ModelSpec): Promise<Forecast | undefined>;
  /** Starts the machine once for an id. @returns the execution's ARN. */
  startMachine(model: string, promotion: string): Promise<string>;
}

const STARTABLE: readonly Version['stage'][] = ['registered', 'evaluated', 'rolled-back'];

/**
 * Begins one attempt to take a version to production.
 * @throws ApiError 404 for an unknown version; 409 while another promotion runs (with its id), without a
 * champion or a validation set, for a version that cannot be promoted, and for a plan that needs more labels
 * than the traffic gives, unless that is accepted.
 */
export async function startPromotion(request: StartRequest, starter: Starter): Promise<Promotion> {
  const spec = specOf(starter, request.model);
  const begun = await starter.promotions.running(spec.name);
  const promotion = begun ? resumed(begun, request) : await begin(spec, request, starter);
  const executionArn = await starter.startMachine(spec.name, promotion.id);
  // The machine may have ended it by now; then there is nothing to write.
  await starter.promotions.change(promotion, { executionArn });
  return { ...promotion, executionArn };
}

/** A start whose answer got lost is begun already: the machine starts once for an id. */
function resumed(begun: Promotion, { version, hypothesis }: StartRequest): Promotion {
  const isSame =
    begun.version === version && JSON.stringify(begun.hypothesis) === JSON.stringify(hypothesis);
  if (isSame) return begun;
  throw new ApiError(
    409,
    'PROMOTION_RUNNING',
    `${begun.id} is taking version ${begun.version} of ${begun.model} to production since ${begun.startedAt}: one at a time`,
    [`promotion: ${begun.id}`],
  );
}

/** Another start was faster: it may have been this one, asked twice. */
async function overtaken(request: StartRequest, starter: Starter): Promise<Promotion> {
  const begun = await starter.promotions.running(request.model);
  if (begun) return resumed(begun, request);
  throw new ApiError(
    409,
    'PROMOTION_RUNNING',
    `another promotion of ${request.model} began at the same moment, and has ended: ask again`,
  );
}

async function begin(spec: ModelSpec, request: StartRequest, starter: Starter): Promise<Promotion> {
  const { promotions, clock } = starter;
  const { version, route } = await readSubjects(spec, request, starter);
  const dataset = await pinDataset(spec, starter);
  const forecast = await starter.forecast(spec);
  if (!request.acceptSlow) refuseSlow(forecast);
  const last = await promotions.count(spec.name);
  const at = clock.now();
  const promotion: Promotion = {
    id: `${spec.name}-p${last + 1}`,
    model: spec.name,
    version: version.version,
    digest: version.digest,
    champion: { version: route.champion.version, digest: route.champion.digest },
    specDigest: digestOfSpec(spec),
    ...(dataset && { dataset }),
    ...(forecast && forecast.kind !== 'unknown' && { plannedUnits: forecast.units }),
    hypothesis: request.hypothesis,
    state: 'running',
    place: { step: 0 },
    placeSince: at,
    startedAt: at,
    startedBy: request.by,
  };
  const detail = { at, model: spec.name, promotion };
  const started = [{ type: PROMOTION_EVENTS.started, detail }];
  const { kind } = await promotions.start(promotion, last, started);
  if (kind === 'overtaken') return overtaken(request, starter);
  await starter.announce(spec.name);
  return promotion;
}

async function readSubjects(
  { name }: ModelSpec,
  { version: number }: StartRequest,
  { versions, routes }: Starter,
): Promise<{ version: Version; route: Route }> {
  const [version, route] = await Promise.all([versions.find(name, number), routes.read(name)]);
  if (!version) throw new ApiError(404, 'VERSION_NOT_FOUND', `${name} has no version ${number}`);
  if (!route)
    throw new ApiError(
      409,
      'NO_CHAMPION',
      `${name} has no champion to compare with: make the first version the champion by hand`,
    );
  if (route.champion.version === number)
    throw new ApiError(409, 'VERSION_SERVES', `version ${number} of ${name} is the champion`);
  if (!STARTABLE.includes(version.stage))
    throw new ApiError(
      409,
      'VERSION_NOT_PROMOTABLE',
      `version ${number} of ${name} is ${version.stage}`,
    );
  return { version, route };
}

/** @throws ApiError 409 when the plan evaluates offline and there is nothing to evaluate on. */
async function pinDataset(
  { name, promotion }: ModelSpec,
  starter: Starter,
): Promise<Promotion['dataset']> {
  if (!promotion.steps.some(({ kind }) => kind === 'evaluate-offline')) return undefined;
  const pointer = await starter.validationSet(name);
  if (pointer) return { digest: pointer.digest, epoch: pointer.epoch };
  throw new ApiError(
    409,
    'NO_VALIDATION_SET',
    `the plan of ${name} evaluates offline, and validation/${name} points nowhere: import a dataset and move the pointer`,
  );
}

function refuseSlow(forecast: Forecast | undefined): void {
  if (!forecast || forecast.kind === 'in-time') return;
  throw new ApiError(
    409,
    'PLAN_TOO_SLOW',
    forecast.kind === 'unknown'
      ? `nobody can say how long the A/B test would take: ${forecast.reason}. Send "acceptSlow": true to begin all the same`
      : `the A/B test needs ${forecast.units} units in both arms, and at ${Math.round(forecast.newUnitsPerDay)} new ones a day ${timeFor(forecast.days)}; the plan ends after ${forecast.maximumDays} days. Expose more units, look for a larger effect, or send "acceptSlow": true`,
    forecast.kind === 'too-slow' && Number.isFinite(forecast.days)
      ? [`expectedDays: ${Math.ceil(forecast.days)}`]
      : [],
  );
}

const timeFor = (days: number): string =>
  Number.isFinite(days) ? `that takes about ${Math.ceil(days)} days` : 'that never ends';
