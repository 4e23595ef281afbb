import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import type { Resource } from '../../infra/local/emulators/emulator.ts';
import { LogsEmulator } from '../../infra/local/emulators/logs.ts';
import { compileFilterPattern } from '../../infra/local/emulators/logs-filter.ts';
import { until } from '../builders/running-stack.ts';

const place = { account: '000000000000', region: 'us-east-1' };
let folder: string;
let logs: LogsEmulator;
let delivered: string[];
let ids: string[];
let streams: string[];
let faults: unknown[];
let isDown: boolean;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-logs-'));
  [delivered, ids, streams, faults, isDown] = [[], [], [], [], false];
  logs = await open();
});
afterEach(async () => {
  await logs.stop();
  rmSync(folder, { recursive: true, force: true });
});

const resource = (type: string, ref: string, properties: Resource['properties']): Resource => ({
  stack: 's',
  logicalId: ref,
  path: ref,
  type,
  ref,
  attributes: { Arn: `arn:${ref}` },
  properties,
});

async function open(): Promise<LogsEmulator> {
  const emulator = new LogsEmulator({
    folder,
    place,
    clock: new VirtualClock(0),
    onEvent: () => undefined,
    deliver: async (_, payload) => {
      if (isDown) throw new Error('the function is down');
      const { logStream, logEvents } = JSON.parse(
        gunzipSync(Buffer.from(JSON.parse(payload).awslogs.data, 'base64')).toString(),
      );
      ids.push(...logEvents.map(({ id }: { id: string }) => id));
      streams.push(logStream);
      delivered.push(...logEvents.map(({ message }: { message: string }) => message));
    },
    onFault: (fault) => void faults.push(fault),
  });
  await emulator.start([
    resource('AWS::Logs::LogGroup', '/g', {}),
    resource('AWS::Logs::SubscriptionFilter', 'shadow', {
      LogGroupName: '/g',
      DestinationArn: 'arn:f',
      FilterPattern: '{ $.isShadowed IS TRUE }',
    }),
  ]);
  return emulator;
}

const wanted = (id: number) => JSON.stringify({ id, isShadowed: true });

describe('a subscription', () => {
  test('delivers what matches, once and in order', async () => {
    for (let id = 0; id < 250; id++) {
      logs.append('/g', 'stream', wanted(id));
      logs.append('/g', 'stream', '{"isShadowed":false}');
    }
    await until(() => delivered.length >= 250);
    expect(delivered).toEqual(Array.from({ length: 250 }, (_, id) => wanted(id)));
  });

  test('delivers what is of one stream together, and the same line twice as two events', async () => {
    for (const stream of ['one', 'other', 'one']) logs.append('/g', stream, wanted(1));
    await until(() => delivered.length >= 3);
    expect(new Set(ids).size).toBe(3);
    expect(new Set(streams)).toEqual(new Set(['one', 'other']));
  });

  test('delivers after a restart what was not delivered before', async () => {
    isDown = true;
    logs.append('/g', 'stream', wanted(1));
    await until(() => faults.length > 0);
    await logs.stop();
    isDown = false;
    logs = await open();
    await until(() => delivered.length > 0);
    expect(delivered).toEqual([wanted(1)]);
  });
});

test.each<[string, string, boolean]>([
  ['', 'anything', true],
  ['{ $.isShadowed IS TRUE }', '{"isShadowed":true}', true],
  ['{ $.isShadowed IS TRUE }', '{"isShadowed":"true"}', false],
  ['{ $.isShadowed IS TRUE }', 'no JSON', false],
  ['{ $.a.b = "x" }', '{"a":{"b":"x"}}', true],
  ['{ $.a.b = "x" }', '{"a":null}', false],
])('the pattern %j on %j: %j', (pattern, message, expected) => {
  expect(compileFilterPattern(pattern)(message)).toBe(expected);
});

test('a pattern that is not known is refused at the start', () => {
  expect(() => compileFilterPattern('ERROR -timeout')).toThrow(/is not one the local runner knows/);
});
