import * as z from 'zod';
import { type Operation, parseInput } from './aws-json.ts';
import { ServiceError } from './emulator.ts';
import type { StreamSettings } from './firehose-declaration.ts';
import type { FirehoseStream } from './firehose-stream.ts';
import type { InjectedFaults } from './injected-faults.ts';
import type { JsonObject } from './json.ts';

const LARGEST_RECORD_BYTES = 1000 * 1024;
const LARGEST_BATCH_BYTES = 4 * 1024 * 1024;

const DeliveryRecord = z.object({ Data: z.base64() });
const PutRecordInput = z.object({ DeliveryStreamName: z.string(), Record: DeliveryRecord });
const PutRecordBatchInput = z.object({
  DeliveryStreamName: z.string(),
  Records: z.array(DeliveryRecord).min(1).max(500),
});

export interface Stream {
  readonly settings: StreamSettings;
  readonly stream: FirehoseStream;
}

/** What Firehose does with records, by the names in `x-amz-target`. */
export function firehoseOperations(
  find: (name: string) => Stream,
  faults: InjectedFaults | undefined,
): Readonly<Record<string, Operation>> {
  return {
    async PutRecord(request, within) {
      const input = parseInput(PutRecordInput, request);
      const { settings, stream } = find(input.DeliveryStreamName);
      within.authorize('firehose:PutRecord', settings.arn);
      checkSizes([input.Record]);
      const [RecordId] = await stream.put([input.Record.Data]);
      return { RecordId, Encrypted: settings.isEncrypted };
    },
    async PutRecordBatch(request, within) {
      const input = parseInput(PutRecordBatchInput, request);
      const { settings, stream } = find(input.DeliveryStreamName);
      within.authorize('firehose:PutRecordBatch', settings.arn);
      checkSizes(input.Records);
      const failures = input.Records.map((record) => failureOf(faults, record));
      const taken = input.Records.filter((_, at) => failures[at] === undefined);
      const ids = [...(await stream.put(taken.map(({ Data }) => Data)))];
      return {
        FailedPutCount: failures.filter((failure) => failure !== undefined).length,
        Encrypted: settings.isEncrypted,
        RequestResponses: failures.map((failure) => failure ?? { RecordId: ids.shift() }),
      };
    },
  };
}

function checkSizes(records: readonly { readonly Data: string }[]): void {
  const sizes = records.map(({ Data }) => Buffer.byteLength(Data, 'base64'));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (sizes.every((size) => size <= LARGEST_RECORD_BYTES) && total <= LARGEST_BATCH_BYTES) return;
  throw new ServiceError(
    400,
    'InvalidArgumentException',
    `a record may have ${LARGEST_RECORD_BYTES} bytes, a batch ${LARGEST_BATCH_BYTES}; got ${Math.max(...sizes)} and ${total}`,
  );
}

/** As Firehose answers for a record that it could not take while it took its neighbours. */
function failureOf(faults: InjectedFaults | undefined, record: JsonObject): object | undefined {
  try {
    faults?.check('Firehose', 'Record', record);
    return undefined;
  } catch (failure) {
    if (!(failure instanceof ServiceError)) throw failure;
    return { ErrorCode: failure.code, ErrorMessage: failure.message };
  }
}
