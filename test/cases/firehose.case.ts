import { FirehoseClient, PutRecordBatchCommand, PutRecordCommand } from '@aws-sdk/client-firehose';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AwsTarget } from './target.ts';

export interface FirehoseTarget extends AwsTarget {
  /** A stream that takes records put directly. */
  readonly streamName: string;
}

const record = (value: unknown) => ({ Data: Buffer.from(JSON.stringify(value)) });

/** What Slipway relies on in Firehose when it puts records, wherever it runs. */
export function firehoseCases(name: string, connect: () => Promise<FirehoseTarget>): void {
  describe(`Firehose: ${name}`, () => {
    let DeliveryStreamName: string;
    let client: FirehoseClient;

    beforeAll(async () => {
      const target = await connect();
      client = new FirehoseClient(target);
      DeliveryStreamName = target.streamName;
    });

    const put = (...Records: { Data: Buffer }[]) =>
      client.send(new PutRecordBatchCommand({ DeliveryStreamName, Records }));
    const row = { model: 'm', day: '2026-11-27', row: 1 };

    test('takes a record and gives it an id', async () => {
      const { RecordId } = await client.send(
        new PutRecordCommand({ DeliveryStreamName, Record: record(row) }),
      );
      expect(RecordId).toMatch(/./);
    });

    test('takes five hundred records, each with an id of its own', async () => {
      const records = Array.from({ length: 500 }, (_, at) => record({ ...row, row: at }));
      const { FailedPutCount, RequestResponses = [] } = await put(...records);
      expect(FailedPutCount).toBe(0);
      expect(new Set(RequestResponses.map(({ RecordId }) => RecordId)).size).toBe(500);
    });

    test.each<[string, () => Promise<unknown>, string]>([
      [
        'five hundred and one records',
        () => put(...Array.from({ length: 501 }, () => record(row))),
        '',
      ],
      ['no record', () => put(), ''],
      ['a record above 1,000 KiB', () => put({ Data: Buffer.alloc(1_024_001, 'x') }), ''],
      [
        'more than 4 MiB together',
        () => put(...Array.from({ length: 5 }, () => ({ Data: Buffer.alloc(1_000_000, 'x') }))),
        '',
      ],
      [
        'a stream that is not there',
        () =>
          client.send(
            new PutRecordCommand({ DeliveryStreamName: 'is-not-there', Record: record(row) }),
          ),
        'ResourceNotFoundException',
      ],
    ])('refuses %s', async (_, call, code) => {
      await expect(call()).rejects.toMatchObject({
        name: expect.stringContaining(code),
        $metadata: { httpStatusCode: 400 },
      });
    });
  });
}
