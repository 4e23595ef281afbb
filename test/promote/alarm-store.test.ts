import { CloudWatchClient, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type AlarmSubject,
  objectiveAlarmName,
} from '../../functions/contracts/objective-alarm.ts';
import { AlarmStore } from '../../functions/promote/alarm-store.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { VirtualClock } from '../../infra/local/clock.ts';
import {
  type Declaration,
  type EmulatedAccount,
  role,
  startAccount,
} from '../builders/emulated-account.ts';

const MINUTE_MS = 60_000;
/** A minute begins here. */
const START_MS = 1_800_000_000_000;
/** So slow that it stands still for as long as a test takes: nothing decides the alarms anew. */
const STANDS_STILL = 1e-9;
const SUBJECTS = ['model', 'champion', 'challenger', 'silent'] as const;

type Comparison = 'GreaterThanThreshold' | 'LessThanThreshold';

/** The mean of a minute, of two rows at least, is beyond 10 in two of three minutes. */
function alarmOn(model: string, subject: AlarmSubject, comparison: Comparison): Declaration {
  const AlarmName = objectiveAlarmName('main', model, 'mae', subject);
  const sumOf = (Id: string, MetricName: string) => ({
    Id,
    MetricStat: {
      Metric: {
        Namespace: 'N',
        MetricName,
        Dimensions: Object.entries({ Model: model, Arm: subject }).map(([Name, Value]) => ({
          Name,
          Value,
        })),
      },
      Period: 60,
      Stat: 'Sum',
    },
    ReturnData: false,
  });
  return [
    'AWS::CloudWatch::Alarm',
    AlarmName,
    {
      AlarmName,
      Metrics: [
        { Id: 'value', Expression: 'IF(rows >= 2, total / rows)' },
        sumOf('total', 'Total'),
        sumOf('rows', 'Rows'),
      ],
      EvaluationPeriods: 3,
      DatapointsToAlarm: 2,
      Threshold: 10,
      ComparisonOperator: comparison,
      TreatMissingData: 'missing',
    },
  ];
}

/** Of the champion: means of the minutes until now. */
const CASES: readonly [
  what: string,
  model: string,
  comparison: Comparison,
  minutes: readonly (number | undefined)[],
  rows: number,
  misses: boolean,
][] = [
  ['misses it too', 'both', 'GreaterThanThreshold', [0, 20, 20], 2, true],
  ['falls below it too', 'both-below', 'LessThanThreshold', [20, 5, 5], 2, true],
  ['missed it until a minute ago', 'ends', 'GreaterThanThreshold', [20, 20, 0, 0], 2, true],
  [
    'misses it when it is asked',
    'sparse',
    'GreaterThanThreshold',
    [20, undefined, undefined],
    2,
    true,
  ],
  ['missed it once', 'once', 'GreaterThanThreshold', [0, 0, 20], 2, false],
  ['missed it before', 'before', 'GreaterThanThreshold', [20, 20, 20, 0, 0, 0], 2, false],
  ['is far above what must not fall', 'above', 'LessThanThreshold', [20, 20, 20], 2, false],
  ['is asked too little', 'few', 'GreaterThanThreshold', [20, 20, 20], 1, false],
  ['is not asked', 'silent', 'GreaterThanThreshold', [], 2, false],
];

let account: EmulatedAccount;
let cloudWatch: CloudWatchClient;
let alarms: AlarmStore;
beforeAll(async () => {
  const clock = new VirtualClock(START_MS + 1, STANDS_STILL);
  const declared: readonly (readonly [string, Comparison])[] = [
    ['m', 'GreaterThanThreshold'],
    ...CASES.map(([, model, comparison]) => [model, comparison] as const),
  ];
  account = await startAccount(
    [
      role('looker', ['cloudwatch:*']),
      ...declared.flatMap(([model, comparison]) =>
        SUBJECTS.map((subject) => alarmOn(model, subject, comparison)),
      ),
    ],
    { clock },
  );
  const { endpoint, region } = account;
  cloudWatch = new CloudWatchClient({ endpoint, region, credentials: account.keysOf('looker') });
  alarms = new AlarmStore(cloudWatch, 'main', {
    nowMs: () => clock.nowMs(),
    now: () => instantOf(clock.nowMs()),
  });
});
afterAll(() => account[Symbol.asyncDispose]());

const ring = (model: string, subject: AlarmSubject) =>
  cloudWatch.send(
    new SetAlarmStateCommand({
      AlarmName: objectiveAlarmName('main', model, 'mae', subject),
      StateValue: 'ALARM',
      StateReason: 'for a test',
    }),
  );

const NOTHING = { champion: [], challenger: [], model: [] };
const MAE = [{ metric: 'mae', sinceMs: START_MS + 1 }];

test('an alarm that rings is about an arm, or about the model as a whole', async () => {
  expect(await alarms.ringing('m')).toEqual(NOTHING);
  for (const subject of SUBJECTS) await ring('m', subject);
  expect(await alarms.ringing('m')).toEqual({ champion: MAE, challenger: MAE, model: MAE });
});

test.each(CASES)(
  'beside a challenger whose alarm rings the champion %s',
  async (_, model, __, minutes, rows, misses) => {
    minutes.forEach((mean, at) => {
      if (mean === undefined) return;
      const metric = {
        namespace: 'N',
        dimensions: { Model: model, Arm: 'champion' },
        atMs: START_MS - (minutes.length - at) * MINUTE_MS,
        isHighResolution: false,
      };
      account.metrics.put({ ...metric, name: 'Total' }, mean * rows);
      account.metrics.put({ ...metric, name: 'Rows' }, rows);
    });
    expect(await alarms.ringing(model)).toEqual(NOTHING);
    await ring(model, 'challenger');
    expect(await alarms.ringing(model)).toEqual({
      ...NOTHING,
      champion: misses ? MAE : [],
      challenger: MAE,
    });
  },
);
