import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import type { ArchivedRow } from '../contracts/archive.ts';
import type { DatasetVersion } from '../contracts/dataset.ts';
import { type DatasetColumn, datasetColumns, WEIGHT_COLUMN } from '../contracts/dataset-columns.ts';
import { DATASET_EVENTS, type SnapshotTaken } from '../contracts/dataset-events.ts';
import type { BusEvent } from '../contracts/event-bus.ts';
import type { Instant } from '../contracts/instant.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import {
  PredictionLine,
  restoreSealed,
  Sealed,
  SealedFields,
} from '../contracts/prediction-line.ts';
import type { ArchiveReader } from '../record/archive-reader-store.ts';
import { epochMsOf, instantOf } from '../runtime/clock.ts';
import type { Unsealer } from '../runtime/sealing.ts';
import { DatasetBuild } from './dataset-build.ts';
import { type Importer, keepDataset } from './import-dataset.ts';
import { type LeftOut, type RecordedRequest, unitsOf } from './recorded-units.ts';
import type { SnapshotRecord, SnapshotState } from './snapshot-record.ts';
import { UnitSample } from './unit-sample.ts';

export interface Snapshooter extends Omit<Importer, 'logHash'> {
  readonly archive: Pick<ArchiveReader, 'rows' | 'line'>;
  /** Opens what the log keeps sealed, for one model. */
  readonly unsealerOf: (model: string) => Pick<Unsealer, 'open'>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Does what a snapshot asked for. Killed anywhere and repeated it ends the same. */
export async function runSnapshot(
  { model, snapshotId }: { model: string; snapshotId: string },
  parts: Snapshooter,
): Promise<void> {
  const record = await parts.table.findSnapshot(model, snapshotId);
  if (!record) throw new Error(`nobody asked for the snapshot ${snapshotId} of ${model}`);
  const state = record.state.kind === 'running' ? await take(record, parts) : record.state;
  await parts.table.finishSnapshot(record, state);
  if (state.kind !== 'taken') return;
  const version = await parts.table.find(model, state.digest);
  if (!version) throw new Error(`dataset ${state.digest} of ${model} has no version`);
  await parts.events.publish([eventOf(record, version, state.finishedAt)]);
}

async function take(record: SnapshotRecord, parts: Snapshooter): Promise<SnapshotState> {
  const { model, snapshotId, from, to, units, seed, description, requestedBy } = record;
  const spec = parts.specs.find(({ name }) => name === model);
  if (!spec) throw new Error(`no model is named ${model}`);
  const columns = datasetColumns(spec);
  const sample = new UnitSample(units, seed);
  const leftOut: Partial<Record<LeftOut, number>> = {};
  const leaveOut = (why: LeftOut, rows: number) => {
    leftOut[why] = (leftOut[why] ?? 0) + rows;
  };
  for (const day of daysBetween(from, to)) {
    const outcomes = await outcomesOf(model, day, parts);
    for await (const request of requestsOf(record, day, parts))
      for (const unit of unitsOf(
        spec,
        columns,
        request,
        outcomes.get(outcomeKey(request)) ?? new Map(),
        leaveOut,
      ))
        sample.offer(unit);
  }
  if (sample.eligible === 0)
    return {
      kind: 'refused',
      reason: `no prediction from ${from} to ${to} has matured with an outcome and fits the spec: ${JSON.stringify(leftOut)} rows were left out`,
      finishedAt: parts.clock.now(),
    };
  const version = await store(spec, columns, sample, parts, {
    source: { kind: 'snapshot', snapshotId, from, to, seed, eligibleRows: sample.eligible },
    description,
    createdBy: requestedBy,
  });
  return {
    kind: 'taken',
    digest: version.digest,
    leftOut: { ...leftOut },
    finishedAt: parts.clock.now(),
  };
}

async function store(
  spec: ModelSpec,
  columns: readonly DatasetColumn[],
  sample: UnitSample,
  parts: Snapshooter,
  draft: Pick<DatasetVersion, 'source' | 'description' | 'createdBy'>,
): Promise<DatasetVersion> {
  const folder = await mkdtemp(join(parts.disk, 'snapshot-'));
  try {
    const { entityKeys } = spec;
    const build = new DatasetBuild({ columns, entityKeys, folder });
    const weightAt = columns.findIndex(({ name }) => name === WEIGHT_COLUMN);
    for (const { unit, weight } of sample.take())
      for (const row of unit.rows) build.add(row.with(weightAt, weight));
    return await keepDataset(spec, build.finish(), draft, parts);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of UTC, as the archive's partitions are. */
function daysBetween(from: Instant, to: Instant): string[] {
  const first = Math.floor(epochMsOf(from) / DAY_MS) * DAY_MS;
  const days = Math.ceil((epochMsOf(to) - first) / DAY_MS);
  return Array.from({ length: days }, (_, at) => instantOf(first + at * DAY_MS).slice(0, 10));
}

/** Only the caller that asked may say what came of it, so reports of others never meet a prediction. */
const outcomeKey = ({ predictionId, caller }: { predictionId: string; caller: string }): string =>
  `${predictionId} ${caller}`;

async function outcomesOf(model: string, day: string, { archive }: Snapshooter) {
  const latest = new Map<string, Map<string, { observedAt: string; json: string }>>();
  for await (const row of archive.rows('outcomes', model, day)) {
    const { prediction_id: predictionId = '', caller = '', slot = '' } = row;
    const { outcome: json = 'null', observed_at: observedAt = '' } = row;
    const key = outcomeKey({ predictionId, caller });
    const slots = latest.get(key) ?? new Map<string, { observedAt: string; json: string }>();
    latest.set(key, slots);
    const known = slots.get(slot);
    // The rule of the join: the later observation holds, of equals the larger text.
    if (!known || [known.observedAt, known.json].join() < [observedAt, json].join())
      slots.set(slot, { observedAt, json });
  }
  return new Map(
    [...latest].map(([key, slots]) => [
      key,
      new Map([...slots].map(([slot, { json }]): [string, unknown] => [slot, JSON.parse(json)])),
    ]),
  );
}

type Requested = RecordedRequest & { readonly caller: string };

/** Matured requests of the window on that day; a request may come more than once. */
async function* requestsOf(
  { model, from, to }: SnapshotRecord,
  day: string,
  parts: Snapshooter,
): AsyncGenerator<Requested> {
  const spec = parts.specs.find(({ name }) => name === model);
  const maturityMs = (spec?.monitoring.outcomes.maturityHours ?? 0) * HOUR_MS;
  const maturedUntil = instantOf(parts.clock.nowMs() - maturityMs);
  const until = maturedUntil < to ? maturedUntil : to;
  for await (const row of parts.archive.rows('predictions', model, day)) {
    const { at = '', kind } = row;
    if (kind === 'answered' && at >= from && at < until) yield await opened(row, model, parts);
  }
}

async function opened(
  row: Partial<ArchivedRow<'predictions'>>,
  model: string,
  parts: Snapshooter,
): Promise<Requested> {
  const { prediction_id: predictionId = '', at = '', arm = '', caller = '' } = row;
  const { asked, withheld, sealed, propensities } = await contentOf(row, parts);
  const request = { predictionId, at, arm, caller, withheld, propensities };
  if (sealed === undefined) return { ...request, asked };
  const text = await parts.unsealerOf(model).open(sealed, predictionId);
  return { ...request, asked: restoreSealed(asked, SealedFields.parse(JSON.parse(text))) };
}

const Content = z.object({
  asked: PredictionLine.shape.asked,
  withheld: PredictionLine.shape.withheld,
  sealed: z.optional(Sealed),
  propensities: PredictionLine.shape.propensities,
});

/** What was asked, from the row or from the line it points to. */
async function contentOf(
  row: Partial<ArchivedRow<'predictions'>>,
  { archive }: Snapshooter,
): Promise<z.infer<typeof Content>> {
  const { line_key: lineKey, asked = 'null', withheld = '[]', sealed, propensities } = row;
  if (lineKey !== undefined) return Content.parse(JSON.parse(await archive.line(lineKey)));
  return Content.parse({
    asked: JSON.parse(asked),
    withheld: JSON.parse(withheld),
    ...(sealed !== undefined && { sealed: JSON.parse(sealed) }),
    ...(propensities !== undefined && { propensities: JSON.parse(propensities) }),
  });
}

const eventOf = (
  { model, snapshotId, purpose, requestedBy: takenBy }: SnapshotRecord,
  version: DatasetVersion,
  at: SnapshotTaken['at'],
): BusEvent<SnapshotTaken> => ({
  type: DATASET_EVENTS.snapshotTaken,
  detail: { at, model, snapshotId, purpose, version, takenBy },
});

/** Window of a scheduled snapshot: whole days of UTC that have matured by `now`. */
export function maturedWindow(
  nowMs: number,
  maturityHours: number,
  windowDays: number,
): { from: Instant; to: Instant } {
  const end = Math.floor((nowMs - maturityHours * HOUR_MS) / DAY_MS) * DAY_MS;
  return { from: instantOf(end - windowDays * DAY_MS), to: instantOf(end) };
}
