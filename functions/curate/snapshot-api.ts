import { createHash, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { readBody } from '../runtime/json-body.ts';
import type { Answer } from './dataset-api.ts';
import { SnapshotRequest } from './dataset-requests.ts';
import type { SnapshotRecord } from './snapshot-record.ts';

const DAY_MS = 86_400_000;

export const beginSnapshot: Answer = async ({ body, caller, headers }, { name: model }, api) => {
  const request = readBody(SnapshotRequest, body);
  const days = (epochMsOf(request.to) - epochMsOf(request.from)) / DAY_MS;
  if (!(days > 0 && days <= LIMITS.snapshotDays))
    throw new ApiError(
      400,
      'BAD_WINDOW',
      `the window has ${Number(days.toFixed(2))} days; a snapshot looks through more than 0 and at most ${LIMITS.snapshotDays}`,
    );
  const asked: SnapshotRecord = {
    ...request,
    model,
    snapshotId: snapshotIdOf(caller, headers['idempotency-key']),
    requestedAt: api.clock.now(),
    requestedBy: caller,
    state: { kind: 'running' },
  };
  const record = await api.table.addSnapshot(asked);
  refuseOther(asked, record);
  const { snapshotId, state } = record;
  // Started again where it runs already: a repeated request may be one whose function was never started.
  if (state.kind === 'running') await api.snapshots.start({ model, snapshotId });
  return {
    status: state.kind === 'running' ? 202 : 200,
    headers: { location: `/v1/datasets/${model}/snapshots/${snapshotId}` },
    body: record,
  };
};

/** A request that is repeated with its key is the same snapshot; without one each request is its own. */
const snapshotIdOf = (caller: string, key: string | undefined): string =>
  key === undefined
    ? randomUUID()
    : createHash('sha256')
        .update(JSON.stringify([caller, key]))
        .digest('hex')
        .slice(0, 32);

/** @throws ApiError 409 where a key was used for something else. */
function refuseOther(asked: SnapshotRecord, kept: SnapshotRecord): void {
  const contentOf = ({ requestedAt: _at, state: _state, ...content }: SnapshotRecord) => content;
  if (isDeepStrictEqual(contentOf(asked), contentOf(kept))) return;
  throw new ApiError(
    409,
    'IDEMPOTENCY_KEY_REUSED',
    `this Idempotency-Key asked for another snapshot, ${kept.snapshotId}: take a new key`,
  );
}

export const showSnapshot: Answer = async (_, { name }, { table }, [snapshotId = '']) => {
  const record = await table.findSnapshot(name, snapshotId);
  if (record) return { status: 200, body: record };
  throw new ApiError(404, 'SNAPSHOT_NOT_FOUND', `${name} has no snapshot "${snapshotId}"`);
};
