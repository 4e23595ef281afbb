import { afterAll, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import {
  type AlarmRule,
  type AlarmState,
  evaluateAlarm,
  type MissingData,
} from '../../infra/local/emulators/alarm-evaluation.ts';
import { parseCompositeRule } from '../../infra/local/emulators/composite-rule.ts';
import type { BusEvent } from '../../infra/local/emulators/event-rules.ts';
import { type Declaration, PLACE, role, startAccount } from '../builders/emulated-account.ts';
import { until } from '../builders/running-stack.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';
import { cloudWatchCases } from '../cases/cloudwatch.case.ts';

const account = await startAccount([role('operator', ['cloudwatch:*'])]);
afterAll(() => account[Symbol.asyncDispose]());
cloudWatchCases('emulator', async () => ({
  endpoint: account.endpoint,
  region: account.region,
  credentials: account.keysOf('operator'),
}));
test('no case met a fault of the emulator', () => expect(account.faults).toEqual([]));

const INSUFFICIENT = 'INSUFFICIENT_DATA';
const RETAINED = 'retained';
const TREATMENTS: readonly MissingData[] = ['missing', 'ignore', 'breaching', 'notBreaching'];

/** The tables of AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html */
describe('missing data', () => {
  test.each<[string, number, readonly string[]]>([
    ['0 - X - X', 3, ['OK', 'OK', 'OK', 'OK']],
    ['0 - - - -', 3, ['OK', 'OK', 'OK', 'OK']],
    ['- - - - -', 3, [INSUFFICIENT, RETAINED, 'ALARM', 'OK']],
    ['0 X X - X', 3, ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    ['- - X - -', 3, ['ALARM', RETAINED, 'ALARM', 'OK']],
    ['0 - X - X', 2, ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    ['0 0 X 0 X', 2, ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    ['0 - X - -', 2, ['OK', 'OK', 'ALARM', 'OK']],
    ['- - - - 0', 2, ['OK', 'OK', 'ALARM', 'OK']],
    ['- - - X -', 2, ['ALARM', RETAINED, 'ALARM', 'OK']],
  ])('%s, %d of 3', (pattern, datapointsToAlarm, expected) => {
    const range = pattern
      .split(' ')
      .map((point, at) => ({ atMs: at, value: { X: 1, '0': 0 }[point] }));
    const rule = (missingData: MissingData): AlarmRule => ({
      comparison: 'GreaterThanThreshold',
      threshold: 0.5,
      evaluationPeriods: 3,
      datapointsToAlarm,
      missingData,
    });
    const states = TREATMENTS.map((treatment) =>
      evaluateAlarm(rule(treatment), range, RETAINED as AlarmState),
    );
    expect(states.map(({ state }) => state)).toEqual(expected);
  });

  test('a lone breach does not alarm where three are wanted and may still follow', () => {
    const range = [undefined, undefined, undefined, undefined, 1].map((value, at) => ({
      atMs: at,
      value,
    }));
    const rule: AlarmRule = {
      comparison: 'GreaterThanThreshold',
      threshold: 0,
      evaluationPeriods: 3,
      datapointsToAlarm: 3,
      missingData: 'missing',
    };
    expect(evaluateAlarm(rule, range, 'OK').state).toBe('OK');
  });
});

test.each<[string, boolean]>([
  ['ALARM(a) AND OK("b")', true],
  ['NOT ALARM(a) OR INSUFFICIENT_DATA(b)', false],
  ['ALARM(b) OR (TRUE AND NOT (ALARM(b) OR FALSE))', true],
])('the composite rule %s', (rule, expected) => {
  expect(parseCompositeRule(rule).holds((name) => (name === 'a' ? 'ALARM' : 'OK'))).toBe(expected);
});
test('a composite rule that is not understood is refused', () => {
  expect(() => parseCompositeRule('AT_LEAST(2, ALARM, (a, b))')).toThrow('is not understood');
  expect(() => parseCompositeRule('ALARM(a) ALARM(b)')).toThrow('at its element 2');
});

const ALARM_ARN = `arn:aws:cloudwatch:${PLACE.region}:${PLACE.account}:alarm:errors`;
const FUNCTION_ARN = `arn:aws:lambda:${PLACE.region}:${PLACE.account}:function:pager`;
const alarm = (properties: object = {}): Declaration => [
  'AWS::CloudWatch::Alarm',
  'errors',
  {
    AlarmName: 'errors',
    AlarmDescription: 'too many',
    Namespace: 'N',
    MetricName: 'Errors',
    Statistic: 'Sum',
    Period: 10,
    EvaluationPeriods: 1,
    Threshold: 0,
    ComparisonOperator: 'GreaterThanThreshold',
    TreatMissingData: 'notBreaching',
    AlarmActions: [FUNCTION_ARN],
    ...properties,
  },
];
const PERMITTED: readonly Declaration[] = [
  ['AWS::Lambda::Function', 'pager', { FunctionName: 'pager' }],
  [
    'AWS::Lambda::Permission',
    'may',
    {
      Action: 'lambda:InvokeFunction',
      FunctionName: FUNCTION_ARN,
      Principal: 'lambda.alarms.cloudwatch.amazonaws.com',
      SourceArn: ALARM_ARN,
    },
  ],
];
const ARCHIVE: Declaration = [
  'AWS::Events::Archive',
  'all',
  {
    ArchiveName: 'all',
    SourceArn: `arn:aws:events:${PLACE.region}:${PLACE.account}:event-bus/default`,
  },
];
/** Nothing is due at this instant, and a minute begins 10 s later. */
const START_MS = 1_800_000_000_000 - 10_000 + 1;
const errorsAt = (atMs: number) => ({
  namespace: 'N',
  name: 'Errors',
  dimensions: {},
  atMs,
  isHighResolution: true,
});
const archived = async (from: { archived(name: string): AsyncIterable<BusEvent> }) => {
  const events: BusEvent[] = [];
  for await (const event of from.archived('all')) events.push(event);
  return events;
};

describe('an alarm', () => {
  test('is raised at the next ten seconds, told to its function and the bus, and taken back', async () => {
    const clock = new VirtualClock(START_MS);
    await using own = await startAccount([alarm(), ARCHIVE, ...PERMITTED], { clock });
    const { alarms } = own.cloudWatch;
    const state = () => alarms.stateOf('errors').value;
    expect(state()).toBe(INSUFFICIENT);
    own.metrics.put(errorsAt(clock.nowMs()), 2);
    clock.advance(10_000);
    await until(() => state() === 'ALARM');
    clock.advance(60_000);
    await until(() => state() === 'OK');
    const [raised, lowered] = await archived(own.events);
    expect(raised).toMatchObject({
      source: 'aws.cloudwatch',
      'detail-type': 'CloudWatch Alarm State Change',
      resources: [ALARM_ARN],
      detail: {
        alarmName: 'errors',
        state: {
          value: 'ALARM',
          reason: expect.stringMatching(
            /^Threshold Crossed: 1 out of the last 1 datapoints \[2 \(\d\d\/\d\d\/\d\d [\d:]+\)\] was greater than the threshold \(0\) \(minimum 1 datapoint for OK -> ALARM transition\)\.$/,
          ),
          reasonData: expect.stringContaining('"recentDatapoints":[2]'),
          timestamp: expect.stringMatching(/\+0000$/),
        },
        previousState: { value: INSUFFICIENT },
        configuration: {
          description: 'too many',
          metrics: [
            {
              metricStat: {
                metric: { namespace: 'N', name: 'Errors', dimensions: {} },
                period: 10,
                stat: 'Sum',
              },
              returnData: true,
            },
          ],
        },
      },
    });
    expect(lowered).toMatchObject({ detail: { state: { value: 'OK' } } });
    expect(own.invoked.map(([arn, payload]) => [arn, JSON.parse(payload)])).toMatchObject([
      [FUNCTION_ARN, { alarmArn: ALARM_ARN, alarmData: { state: { value: 'ALARM' } } }],
    ]);
    expect(own.faults).toEqual([]);
  });

  test('that may not invoke its function says so and is raised all the same', async () => {
    const clock = new VirtualClock(START_MS);
    await using own = await startAccount([alarm(), ...PERMITTED.slice(0, 1)], { clock });
    own.metrics.put(errorsAt(clock.nowMs()), 1);
    clock.advance(10_000);
    await until(() => own.cloudWatch.alarms.stateOf('errors').value === 'ALARM');
    expect(own.invoked).toEqual([]);
    expect(String(own.faults[0])).toContain('lambda.alarms.cloudwatch.amazonaws.com');
  });

  test('keeps its state over a restart, and tells nothing twice', async () => {
    await using folder = await temporaryFolder();
    const clock = new VirtualClock(START_MS);
    const ignoring = alarm({ TreatMissingData: 'ignore' });
    {
      await using own = await startAccount([ignoring, ARCHIVE, ...PERMITTED], {
        clock,
        ...folder,
      });
      own.metrics.put(errorsAt(clock.nowMs()), 1);
      clock.advance(10_000);
      await until(() => own.cloudWatch.alarms.stateOf('errors').value === 'ALARM');
    }
    const witness: Declaration = [
      'AWS::CloudWatch::Alarm',
      'witness',
      { ...alarm()[2], AlarmName: 'witness', MetricName: 'Others' },
    ];
    await using own = await startAccount([ignoring, witness, ARCHIVE, ...PERMITTED], {
      clock,
      ...folder,
    });
    clock.advance(600_000);
    // Looked at after the other one.
    await until(() => own.cloudWatch.alarms.stateOf('witness').value === 'OK');
    expect(own.cloudWatch.alarms.stateOf('errors').value).toBe('ALARM');
    const told = await archived(own.events);
    expect(told.map(({ detail }) => detail['alarmName'])).toEqual(['errors', 'witness']);
  });

  test('on metric math counts what one of two metrics lacks as nothing', async () => {
    const clock = new VirtualClock(START_MS);
    const stat = (Id: string, MetricName: string) => ({
      Id,
      MetricStat: { Metric: { Namespace: 'N', MetricName }, Period: 60, Stat: 'Sum' },
      ReturnData: false,
    });
    const { MetricName: _, Namespace: __, Statistic: ___, Period: ____, ...rest } = alarm()[2];
    const Metrics = [
      { Id: 'sum', Expression: 'errors + throttles' },
      stat('errors', 'Errors'),
      stat('throttles', 'Throttles'),
    ];
    await using own = await startAccount(
      [['AWS::CloudWatch::Alarm', 'errors', { ...rest, Metrics }], ...PERMITTED],
      { clock },
    );
    own.metrics.put(errorsAt(clock.nowMs()), 1);
    clock.advance(10_000);
    await until(() => own.cloudWatch.alarms.stateOf('errors').value === 'ALARM');
    expect(own.faults).toEqual([]);
  });

  test('is followed by a composite alarm', async () => {
    const clock = new VirtualClock(START_MS);
    const both: Declaration = [
      'AWS::CloudWatch::CompositeAlarm',
      'both',
      { AlarmName: 'both', AlarmRule: `ALARM("${ALARM_ARN}") AND NOT OK(errors)` },
    ];
    await using own = await startAccount([alarm(), both, ...PERMITTED], { clock });
    const state = () => own.cloudWatch.alarms.stateOf('both').value;
    clock.advance(10_000);
    await until(() => state() === 'OK');
    own.metrics.put(errorsAt(clock.nowMs()), 1);
    clock.advance(10_000);
    await until(() => state() === 'ALARM');
    expect(own.cloudWatch.alarms.stateOf('both').reasonData).toContain(ALARM_ARN);
  });

  test.each<[string, object, string]>([
    ['a period of 15 seconds', { Period: 15 }, 'a period is 1, 5, 10'],
    ['an unknown statistic', { Statistic: 'Mode' }, 'the statistic Mode'],
    ['more datapoints than periods', { DatapointsToAlarm: 2 }, 'DatapointsToAlarm is above'],
    ['more than a day of minutes', { Period: 60, EvaluationPeriods: 1441 }, 'more than 86400 s'],
    [
      'an unknown function',
      { Metrics: [{ Id: 'e', Expression: 'ANOMALY_DETECTION_BAND(m1)' }] },
      'ANOMALY_DETECTION_BAND is not emulated',
    ],
  ])('with %s stops the start', async (_, properties, message) => {
    await expect(startAccount([alarm(properties)])).rejects.toThrow(message);
  });
});
