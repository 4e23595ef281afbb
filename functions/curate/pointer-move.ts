import { ApiError } from '../contracts/api-error.ts';
import type { DatasetDigest, LeakageFinding, Pointer, PointerName } from '../contracts/dataset.ts';
import type { PointerMoved } from '../contracts/dataset-events.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Announce } from '../runtime/announcement.ts';
import { type Clock, epochMsOf, instantOf } from '../runtime/clock.ts';
import { ROW_DIGESTS } from './dataset-build.ts';
import type { DatasetStore } from './dataset-store.ts';
import type { DatasetTable } from './dataset-table.ts';
import { entityFinding, explainFinding, sharedDigests, timeOrderFinding } from './leakage.ts';
import type { PointerTable } from './pointer-table.ts';

export interface PointerStores {
  readonly pointers: Pick<PointerTable, 'read' | 'move'>;
  readonly table: Pick<DatasetTable, 'find'>;
  readonly store: Pick<DatasetStore, 'readDigests' | 'readProfile'>;
  readonly announce: Announce;
  readonly clock: Clock;
}

export interface PointerMove {
  readonly pointer: PointerName;
  readonly digest: DatasetDigest;
  /** The epoch that was seen; 0 where the pointer was never set. */
  readonly expectedEpoch: number;
  readonly reason: string;
  readonly override?: { readonly reason: string } | undefined;
  readonly by: string;
}

const OTHER: Readonly<Record<PointerName, PointerName>> = {
  training: 'validation',
  validation: 'training',
};

/**
 * Moves a pointer by compare-and-set. A repeated request whose answer got lost is no conflict.
 * @throws ApiError 404 for an unknown set, 409 with the current epoch when the pointer moved meanwhile, 409
 * with every finding when training and validation share what they must not.
 */
export async function movePointer(
  spec: ModelSpec,
  move: PointerMove,
  stores: PointerStores,
): Promise<Pointer> {
  const { name: model } = spec;
  const { pointer, digest, expectedEpoch } = move;
  if (!(await stores.table.find(model, digest)))
    throw new ApiError(404, 'DATASET_NOT_FOUND', `${model} has no dataset ${digest}`);
  const current = await stores.pointers.read(model, pointer);
  if (current && isRepeated(move, current)) return current;
  if (epochOf(current) !== expectedEpoch) throw outdated(model, pointer, current);
  const other = await stores.pointers.read(model, OTHER[pointer]);
  const findings = other ? await findLeakage(spec, move, other, stores) : [];
  if (findings.length > 0 && !move.override) throw leaking(findings);
  const moved = movedFrom(current, move, findings, model, stores.clock);
  const at = { name: OTHER[pointer], epoch: epochOf(other) };
  if (!(await stores.pointers.move(moved, eventOf(moved, current), at)))
    throw outdated(model, pointer, await stores.pointers.read(model, pointer));
  await stores.announce(model);
  return moved;
}

const epochOf = (pointer: Pointer | undefined): number => pointer?.epoch ?? 0;

const isRepeated = (move: PointerMove, current: Pointer): boolean =>
  current.epoch === move.expectedEpoch + 1 &&
  current.digest === move.digest &&
  current.movedBy === move.by &&
  current.reason === move.reason;

function movedFrom(
  current: Pointer | undefined,
  { pointer, digest, reason, override, by }: PointerMove,
  findings: LeakageFinding[],
  model: string,
  clock: Clock,
): Pointer {
  // History is asked by time: a move is later than the one before, whatever two clocks say.
  const earliestMs = current ? epochMsOf(current.movedAt) + 1 : 0;
  return {
    model,
    pointer,
    epoch: epochOf(current) + 1,
    digest,
    movedAt: instantOf(Math.max(clock.nowMs(), earliestMs)),
    movedBy: by,
    reason,
    findings,
    ...(findings.length > 0 && override && { override }),
  };
}

/** What the set shares with the other pointer's; one key at a time, since each is 16 bytes a row. */
async function findLeakage(
  spec: ModelSpec,
  { pointer, digest }: PointerMove,
  other: Pointer,
  { store }: PointerStores,
): Promise<LeakageFinding[]> {
  const { name: model, entityKeys } = spec;
  const [training, validation] =
    pointer === 'training' ? [digest, other.digest] : [other.digest, digest];
  const read = async (name: string) => ({
    training: await store.readDigests(model, training, name),
    validation: await store.readDigests(model, validation, name),
  });
  const findings: LeakageFinding[] = [];
  const rows = await read(ROW_DIGESTS);
  if (!rows.training || !rows.validation)
    throw new Error(`${training} or ${validation} of ${model} has no digests of its rows`);
  const shared = sharedDigests(rows.training, rows.validation);
  if (shared.count > 0) findings.push({ kind: 'shared-rows', ...shared });
  for (const key of entityKeys) {
    const finding = entityFinding(key, await read(key));
    if (finding) findings.push(finding);
  }
  const order = timeOrderFinding(
    spec,
    await store.readProfile(model, training),
    await store.readProfile(model, validation),
  );
  return order ? [...findings, order] : findings;
}

function eventOf(moved: Pointer, before: Pointer | undefined): PointerMoved {
  const { movedAt: at, ...detail } = moved;
  return { at, ...detail, ...(before && { previousDigest: before.digest }) };
}

const outdated = (model: string, pointer: PointerName, current: Pointer | undefined): ApiError =>
  new ApiError(
    409,
    'POINTER_MOVED',
    `${pointer}/${model} is at epoch ${epochOf(current)} now${current ? `: ${current.movedBy} moved it to ${current.digest} at ${current.movedAt}` : ''}, or the other pointer moved while the two were compared`,
    [`expectedEpoch: ${epochOf(current)}`],
  );

const leaking = (findings: readonly LeakageFinding[]): ApiError =>
  new ApiError(
    409,
    'LEAKAGE',
    'training and validation would share what they must not; send "override" with a reason if that is right',
    findings.map(explainFinding),
  );
