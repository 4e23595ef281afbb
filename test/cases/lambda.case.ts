import { randomUUID } from 'node:crypto';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CasesQueue } from './queue.ts';
import type { AwsTarget } from './target.ts';

/** Where `LAMBDA_TEMPLATE` is deployed. */
export interface LambdaTarget extends AwsTarget {
  /** Answers with its event, or fails by the name that `fail` in it gives. */
  readonly functionName: string;
  /** The on-failure destination of its asynchronous events, which are tried twice. */
  readonly failuresUrl: string;
}

/** Lambda waits a minute before it tries an event again, and a while more for its neighbours. */
const RETRY_MS = 170_000;

/** The API says the one and AWS answers the other. */
const TOO_LARGE = /^Request(Entity)?TooLargeException$/;

/** What Slipway relies on in invocations by Lambda's API, wherever it runs. */
export function lambdaCases(name: string, connect: () => Promise<LambdaTarget>): void {
  describe(`Lambda: ${name}`, () => {
    let target: LambdaTarget;
    let client: LambdaClient;
    let failures: CasesQueue;

    beforeAll(async () => {
      target = await connect();
      client = new LambdaClient({ ...target, maxAttempts: 1 });
      failures = new CasesQueue(target, target.failuresUrl);
    });
    afterAll(() => {
      client.destroy();
      failures.close();
    });

    const invoke = (payload: unknown, more: object = {}) =>
      client.send(
        new InvokeCommand({
          FunctionName: target.functionName,
          Payload: Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)),
          ...more,
        }),
      );
    const textOf = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

    test('answers with what the function answers', async () => {
      const { StatusCode, ExecutedVersion, FunctionError, Payload } = await invoke({ a: [1, 'ü'] });
      expect({ StatusCode, ExecutedVersion, FunctionError }).toEqual({
        StatusCode: 200,
        ExecutedVersion: '$LATEST',
      });
      expect(JSON.parse(textOf(Payload))).toEqual({ a: [1, 'ü'] });
    });

    test('answers with the failure of a function that throws', async () => {
      const { StatusCode, FunctionError, Payload } = await invoke({ fail: 'Broken' });
      expect({ StatusCode, FunctionError }).toEqual({
        StatusCode: 200,
        FunctionError: 'Unhandled',
      });
      expect(JSON.parse(textOf(Payload))).toMatchObject({
        errorType: 'Broken',
        errorMessage: 'on purpose',
        trace: expect.arrayContaining([expect.stringContaining('on purpose')]),
      });
    });

    test(
      'takes an event at once, and sends it to the destination when its last attempt has failed',
      async () => {
        const failing = { fail: 'Broken', id: randomUUID() };
        const { StatusCode, Payload } = await invoke(failing, { InvocationType: 'Event' });
        expect([StatusCode, textOf(Payload)]).toEqual([202, '']);
        const isOurs = (record: unknown) =>
          (record as { requestPayload: { id: string } }).requestPayload.id === failing.id;
        const records = await failures.takeUntil((taken) => taken.some(isOurs), RETRY_MS);
        expect(records.find(isOurs)).toEqual({
          version: '1.0',
          timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          requestContext: {
            requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
            functionArn: expect.stringMatching(`:function:${target.functionName}:\\$LATEST$`),
            condition: 'RetriesExhausted',
            approximateInvokeCount: 2,
          },
          requestPayload: failing,
          responseContext: {
            statusCode: 200,
            executedVersion: '$LATEST',
            functionError: 'Unhandled',
          },
          responsePayload: expect.objectContaining({
            errorType: 'Broken',
            errorMessage: 'on purpose',
          }),
        });
      },
      RETRY_MS + 10_000,
    );

    test.each<[string, () => Promise<unknown>, string | RegExp, number]>([
      ['what is no JSON', () => invoke('no JSON'), 'InvalidRequestContentException', 400],
      [
        'an event that is no JSON',
        () => invoke('no JSON', { InvocationType: 'Event' }),
        'InvalidRequestContentException',
        400,
      ],
      ['more than 6 MiB', () => invoke({ x: 'x'.repeat(6 * 1024 ** 2) }), TOO_LARGE, 413],
      [
        'an event of more than 1 MiB',
        () => invoke({ x: 'x'.repeat(1024 ** 2) }, { InvocationType: 'Event' }),
        TOO_LARGE,
        413,
      ],
      [
        'a function that is not there',
        () => invoke({}, { FunctionName: 'is-not-there' }),
        'ResourceNotFoundException',
        404,
      ],
    ])('refuses %s', async (_, refused, code, httpStatusCode) => {
      await expect(refused()).rejects.toMatchObject({
        name: expect.stringMatching(code),
        $metadata: { httpStatusCode },
      });
    });
  });
}
