import { randomUUID } from 'node:crypto';
import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { readBody } from '../runtime/json-body.ts';
import type { Answer } from './dataset-api.ts';
import { SnapshotRequest } from './dataset-requests.ts';
import type { SnapshotRecord } from './snapshot-record.ts';

const DAY_MS = 86_400_000;

export const beginSnapshot: Answer = async ({ body, caller }, { name: model }, api) => {
  const request = readBody(SnapshotRequest, body);
  const days = (epochMsOf(request.to) - epochMsOf(request.from)) / DAY_MS;
  if (!(days > 0 && days <= LIMITS.snapshotDays))
    throw new ApiError(
      400,
      'BAD_WINDOW',
      `the window has ${Number(days.toFixed(2))} days; a snapshot looks through more than 0 and at most ${LIMITS.snapshotDays}`,
    );
  const record: SnapshotRecord = {
    ...request,
    model,
    snapshotId: randomUUID(),
    requestedAt: api.clock.now(),
    requestedBy: caller,
    state: { kind: 'running' },
  };
  await api.table.addSnapshot(record);
  await api.snapshots.start({ model, snapshotId: record.snapshotId });
  return {
    status: 202,
    headers: { location: `/v1/datasets/${model}/snapshots/${record.snapshotId}` },
    body: record,
  };
};

export const showSnapshot: Answer = async (_, { name }, { table }, [snapshotId = '']) => {
  const record = await table.findSnapshot(name, snapshotId);
  if (record) return { status: 200, body: record };
  throw new ApiError(404, 'SNAPSHOT_NOT_FOUND', `${name} has no snapshot "${snapshotId}"`);
};
