import type { ArchivedRow } from '../contracts/archive.ts';
import { type DriftFound, MONITORING_EVENTS } from '../contracts/evaluation-events.ts';
import type { Instant } from '../contracts/instant.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { type AskedLine, type LoggedTensor, PredictionLine } from '../contracts/prediction-line.ts';
import type { ServedVersion } from '../contracts/route.ts';
import { WINDOW_METRICS } from '../contracts/window-metric.ts';
import { hasDrifted } from '../measures/column-drift.ts';
import type { ProfileStore } from '../promote/profile-store.ts';
import type { RouteTable } from '../promote/route-table.ts';
import type { ArchiveReader } from '../record/archive-reader-store.ts';
import { type Clock, epochMsOf, instantOf } from '../runtime/clock.ts';
import { joinObjects, metricWriter } from '../runtime/embedded-metrics.ts';
import type { EventPublisher } from '../runtime/event-publisher.ts';
import { causesOf, type DriftFinding, followDrift } from './drift-finding.ts';
import type { DriftTable, KeptDrift } from './drift-table.ts';
import { type AskedRequest, type DriftVerdict, DriftWindow } from './drift-window.ts';
import type { WindowMetric } from './hour-metrics.ts';

export interface DriftFinder {
  readonly specs: readonly ModelSpec[];
  readonly routes: Pick<RouteTable, 'read'>;
  readonly profiles: Pick<ProfileStore, 'find'>;
  readonly archive: Pick<ArchiveReader, 'rows' | 'line'>;
  readonly found: Pick<DriftTable, 'read' | 'write'>;
  readonly events: Pick<EventPublisher, 'publish'>;
  readonly clock: Clock;
  readonly writeLine: (line: string) => void;
}

interface Window {
  readonly from: Instant;
  readonly to: Instant;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const writeWindow = metricWriter<WindowMetric>(WINDOW_METRICS);

/**
 * Compares the window of a model's requests that ends now with what its champion was made from. It may find
 * drift, and tells of it when it begins or grows, not while it lasts; that it finds none closes nothing.
 * @throws when no spec has the name, or the bus took nothing: what was found is told by the next run.
 */
export async function findDrift(model: string, finder: DriftFinder): Promise<void> {
  const spec = finder.specs.find(({ name }) => name === model);
  if (!spec) throw new Error(`no model is named "${model}"`);
  const before = await tell(model, await finder.found.read(model), finder);
  const { clock, routes, profiles, writeLine } = finder;
  const none = (reason: string, rest: object = {}) =>
    writeLine(JSON.stringify({ kind: 'drift-not-judged', model, reason, ...rest }));
  const champion = (await routes.read(model))?.champion;
  if (!champion) return none('the model has no champion');
  const { version } = champion;
  const profile = await profiles.find(champion.digest);
  if (!profile) return none(`version ${version} was registered without a profile`, { version });
  const toMs = clock.nowMs();
  const window = {
    from: instantOf(toMs - spec.monitoring.drift.windowHours * HOUR_MS),
    to: instantOf(toMs),
  };
  const compared = new DriftWindow(spec, profile);
  const isSample = await readWindow(spec, champion, window, compared, finder);
  const verdict = compared.verdict();
  if (verdict.kind === 'none') return none(verdict.reason, { version, window });
  publish(spec, verdict, finder);
  if (before) await follow(spec, before, { version, window, verdict, isSample }, finder);
}

interface Looked {
  readonly version: ServedVersion['version'];
  readonly window: Window;
  readonly verdict: Judged;
  /** Whether there was more than was looked at. */
  readonly isSample: boolean;
}

async function follow(
  spec: ModelSpec,
  before: KeptDrift,
  looked: Looked,
  finder: DriftFinder,
): Promise<void> {
  const { version, window, verdict } = looked;
  const seen = { at: window.to, version, causes: causesOf(verdict) };
  const { finding, isNews } = followDrift(before.finding, seen, spec.monitoring.drift.windowHours);
  if (!finding && !before.finding) return;
  const kept = await finder.found.write(spec.name, before, {
    ...(finding && { finding }),
    ...(finding && isNews && { untold: factOf(spec, finding, looked) }),
  });
  if (kept) await tell(spec.name, kept, finder);
}

/**
 * Whoever is told twice, because a run ended in between, is told the same.
 * @returns what is kept then; undefined when another run is at it.
 */
async function tell(
  model: string,
  kept: KeptDrift,
  { events, found }: DriftFinder,
): Promise<KeptDrift | undefined> {
  const { finding, untold } = kept;
  if (!untold) return kept;
  await events.publish([{ type: MONITORING_EVENTS.driftFound, detail: untold }]);
  return found.write(model, kept, { ...(finding && { finding }) });
}

/** @returns whether there was more than is looked at. */
async function readWindow(
  spec: ModelSpec,
  champion: ServedVersion,
  window: Window,
  compared: DriftWindow,
  finder: DriftFinder,
): Promise<boolean> {
  const seen = new Set<string>();
  for (const day of daysOf(window))
    for await (const row of finder.archive.rows('predictions', spec.name, day)) {
      const { prediction_id: id = '', kind, at = '' } = row;
      if (kind !== 'answered' || at < window.from || at >= window.to || seen.has(id)) continue;
      if (compared.rows >= LIMITS.driftRows) return true;
      seen.add(id);
      const request = await requestOf(row, champion, finder);
      if (request) compared.add(request);
    }
  return false;
}

/** Days of UTC that a window touches. */
function daysOf({ from, to }: Window): string[] {
  const days: string[] = [];
  for (let ms = epochMsOf(from); ms < epochMsOf(to) + DAY_MS; ms += DAY_MS) {
    const day = instantOf(ms).slice(0, 10);
    if (day <= to.slice(0, 10)) days.push(day);
  }
  return days;
}

async function requestOf(
  row: Partial<ArchivedRow<'predictions'>>,
  { version }: ServedVersion,
  { archive }: DriftFinder,
): Promise<AskedRequest | undefined> {
  const isChampions = row.arm === 'champion' && row.version === version;
  if (row.line_key !== undefined) {
    const line = PredictionLine.parse(JSON.parse(await archive.line(row.line_key)));
    const { asked, withheld, outputs } = line;
    return { asked, withheld, ...(isChampions && { outputs }) };
  }
  if (row.asked === undefined) return undefined;
  const outputs: readonly LoggedTensor[] = JSON.parse(row.outputs ?? '[]');
  return {
    asked: JSON.parse(row.asked) as AskedLine,
    withheld: JSON.parse(row.withheld ?? '[]'),
    ...(isChampions && { outputs }),
  };
}

type Judged = Extract<DriftVerdict, { kind: 'judged' }>;

function publish({ name }: ModelSpec, judged: Judged, { clock, writeLine }: DriftFinder): void {
  const { features, driftedFeatures, prediction, rows, excluded } = judged;
  const gauges = {
    ...(features.length > 0 && {
      largestStability: Math.max(...features.map(({ stability }) => stability)),
      driftedShare: driftedFeatures.length / features.length,
    }),
    ...(prediction && { predictionStability: prediction.stability }),
  };
  const told = JSON.stringify({ kind: 'drift-judged', rows, excluded });
  writeLine(joinObjects(writeWindow(clock.nowMs(), { Model: name }, gauges, 60), told));
}

/** One for all features: they have one cause far more often than many. */
const factOf = (
  { name }: ModelSpec,
  { version, since }: DriftFinding,
  { window, isSample, verdict: { rows, driftedFeatures, prediction, excluded } }: Looked,
): DriftFound => ({
  at: window.to,
  model: name,
  version,
  since,
  window,
  rows,
  isSample,
  usesOutcomes: false,
  features: [...driftedFeatures],
  ...(prediction && hasDrifted(prediction) && { prediction }),
  excluded: { ...excluded },
});
