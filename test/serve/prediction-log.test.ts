import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { readLoggedRequests } from '../../functions/serve/logged-requests.ts';
import { embeddedMetrics, predictionLines } from '../../functions/serve/prediction-log.ts';
import { aLine } from '../builders/prediction-line.ts';
import { START_MS } from '../builders/route.ts';

const delivered = (messages: readonly string[], messageType = 'DATA_MESSAGE') => {
  const logEvents = messages.map((message, at) => ({
    id: String(at),
    timestamp: START_MS,
    message,
  }));
  return {
    awslogs: { data: gzipSync(JSON.stringify({ messageType, logEvents })).toString('base64') },
  };
};

describe('embeddedMetrics', () => {
  test('carries every value at the root, by model and by model and arm', () => {
    expect(
      JSON.parse(
        embeddedMetrics(START_MS + 0.7, { Model: 'm', Arm: 'champion' }, { requests: 1 }, 1),
      ),
    ).toEqual({
      _aws: {
        Timestamp: START_MS,
        CloudWatchMetrics: [
          {
            Namespace: 'Slipway',
            Dimensions: [['Model'], ['Model', 'Arm']],
            Metrics: [{ Name: 'Requests', Unit: 'Count', StorageResolution: 1 }],
          },
        ],
      },
      Model: 'm',
      Arm: 'champion',
      Requests: 1,
    });
  });
});

describe('a line', () => {
  test('is one log event with its metrics where it fits', () => {
    expect(predictionLines(aLine(), '{"Requests":1}').map((text) => JSON.parse(text))).toEqual([
      { Requests: 1, ...aLine() },
    ]);
  });

  test('that is too long becomes parts of which each fits, and reads back whole', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 50 }), (text) => {
        const long = aLine({
          asked: {
            api: 'predict',
            instances: Array.from({ length: 9000 }, () => ({ text: text.padEnd(30, '.') })),
          },
        });
        const lines = predictionLines(long, '{"Requests":1}');
        expect(lines.length).toBeGreaterThan(1);
        for (const line of lines)
          expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LIMITS.logEventBytes);
        const { predictions, incomplete } = readLoggedRequests(delivered(lines.toReversed()));
        expect({ predictions, incomplete }).toEqual({
          predictions: [JSON.parse(JSON.stringify(long))],
          incomplete: 0,
        });
      }),
      { numRuns: 15 },
    );
  });
});

describe('readLoggedRequests', () => {
  test('passes over control messages and lines of other kinds', () => {
    expect(readLoggedRequests(delivered(['{}'], 'CONTROL_MESSAGE'))).toEqual({
      predictions: [],
      incomplete: 0,
    });
    expect(readLoggedRequests(delivered(['{"kind":"refusal"}']))).toEqual({
      predictions: [],
      incomplete: 0,
    });
  });

  test('counts predictions of which parts are missing, and takes a part twice', () => {
    const lines = predictionLines(
      aLine({
        asked: {
          api: 'predict',
          instances: Array.from({ length: 9000 }, () => ({ text: 'x'.repeat(50) })),
        },
      }),
      '{"Requests":1}',
    );
    expect(readLoggedRequests(delivered(lines.slice(0, -1)))).toEqual({
      predictions: [],
      incomplete: 1,
    });
    expect(readLoggedRequests(delivered([...lines, ...lines])).predictions).toHaveLength(1);
  });

  test('throws on what CloudWatch Logs would not send', () => {
    expect(() => readLoggedRequests({ awslogs: { data: 'bm8gZ3ppcA==' } })).toThrow(/header/);
    expect(() => readLoggedRequests({})).toThrow(/awslogs/);
  });
});
