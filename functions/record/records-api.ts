import * as z from 'zod/mini';
import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import { strictObject } from '../contracts/strict-object.ts';
import type { ApiReply, ApiRequest } from '../runtime/api-handler.ts';
import { readBody } from '../runtime/json-body.ts';
import type { JoinTable } from './join-table.ts';
import { RecordWork, type Waiting, type WorkQueueStore } from './work-queue-store.ts';

/** Failed payloads of one function, which Lambda put into a queue. */
const FailedDelivery = z.object({ requestPayload: z.unknown() });

export interface RecordsApi {
  readonly joins: Pick<JoinTable, 'read'>;
  /** Deliveries that failed whole. */
  readonly deliveries: Pick<WorkQueueStore, 'receive'>;
  /** Items that failed for good, and poison lines. */
  readonly parked: Pick<WorkQueueStore, 'receive'>;
  readonly work: Pick<WorkQueueStore, 'send'>;
  /** Hands a delivery to the recorder again. */
  readonly deliverAgain: (payload: unknown) => Promise<void>;
}

const RedriveRequest = strictObject({
  from: z.enum(['deliveries', 'parked']),
  /** Messages to move at the most. */
  limit: z._default(z.int().check(z.gte(1), z.lte(LIMITS.redriveMessages)), LIMITS.redriveMessages),
});

/** Answers `/v1/records/…`. */
export async function answerRecords(request: ApiRequest, api: RecordsApi): Promise<ApiReply> {
  const [, , first, ...rest] = request.path;
  if (first !== undefined && rest.length === 0) {
    if (request.method === 'POST' && first === 'redrive') return redrive(request, api);
    if (request.method === 'GET') return show(first, api);
  }
  throw new ApiError(
    404,
    'PATH_NOT_FOUND',
    `${request.method} /${request.path.join('/')} is not part of this API; see /openapi.json`,
  );
}

/** What is known of a prediction. Sealed values are not: the join table never held them. */
async function show(predictionId: string, { joins }: RecordsApi): Promise<ApiReply> {
  const { prediction, registers, scores, parts, isMatured } = await joins.read(predictionId);
  if (!prediction && registers.length === 0 && parts.length === 0)
    throw new ApiError(
      404,
      'PREDICTION_NOT_FOUND',
      `nothing is known of prediction "${predictionId}": it was never made, is on its way, or its horizon has passed`,
    );
  return {
    status: 200,
    body: {
      predictionId,
      prediction: prediction ?? null,
      outcomes: registers,
      scores,
      isMatured,
      partsWaiting: prediction ? 0 : parts.length,
    },
  };
}

async function redrive({ body }: ApiRequest, api: RecordsApi): Promise<ApiReply> {
  const { from, limit } = readBody(RedriveRequest, body);
  const [queue, move] =
    from === 'deliveries'
      ? ([api.deliveries, (each: Waiting) => redeliver(each, api)] as const)
      : ([api.parked, (each: Waiting) => workAgain(each, api)] as const);
  let moved = 0;
  while (moved < limit) {
    const waiting = await queue.receive();
    if (waiting.length === 0) break;
    for (const each of waiting) {
      await move(each);
      // After it was handed on: a crash between the two moves it twice, and it is recorded once.
      await each.done();
      moved += 1;
    }
  }
  return { status: 200, body: { from, moved } };
}

const redeliver = ({ body }: Waiting, { deliverAgain }: RecordsApi): Promise<void> =>
  deliverAgain(FailedDelivery.parse(JSON.parse(body)).requestPayload);

const workAgain = ({ body }: Waiting, { work }: RecordsApi): Promise<void> =>
  work.send([RecordWork.parse(JSON.parse(body))]);
