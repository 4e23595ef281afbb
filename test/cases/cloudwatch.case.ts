import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  ListMetricsCommand,
  type MetricDataQuery,
  type MetricDatum,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AwsTarget } from './target.ts';

/** AWS shows what was put a minute or two later; an emulator at once. */
const WITHIN_MS = Number(process.env['SLIPWAY_CASES_WITHIN_MS'] ?? 20_000);

/** What Slipway relies on in CloudWatch, wherever it runs. */
export function cloudWatchCases(name: string, connect: () => Promise<AwsTarget>): void {
  describe(`CloudWatch: ${name}`, () => {
    let client: CloudWatchClient;
    const Namespace = `SlipwayCases${Date.now()}`;
    // Whole minutes in the near past, which every target accepts and answers at once.
    const minute = Math.floor(Date.now() / 60_000) * 60_000 - 600_000;

    beforeAll(async () => {
      client = new CloudWatchClient(await connect());
    });

    const put = (...MetricData: MetricDatum[]) =>
      client.send(new PutMetricDataCommand({ Namespace, MetricData }));
    const at = (offsetMs: number) => new Date(minute + offsetMs);
    const stat = (
      Id: string,
      MetricName: string,
      Stat: string,
      more: { Period?: number; ReturnData?: boolean } = {},
    ): MetricDataQuery => ({
      Id,
      MetricStat: { Metric: { Namespace, MetricName }, Period: more.Period ?? 60, Stat },
      ReturnData: more.ReturnData ?? true,
    });
    const get = async (...MetricDataQueries: MetricDataQuery[]) => {
      const { MetricDataResults = [] } = await client.send(
        new GetMetricDataCommand({
          MetricDataQueries,
          StartTime: at(0),
          EndTime: at(180_000),
          ScanBy: 'TimestampAscending',
        }),
      );
      return Object.fromEntries(
        MetricDataResults.map(({ Id, Timestamps = [], Values = [] }) => [
          Id,
          Timestamps.map((time, index) => [time.getTime() - minute, Values[index]]),
        ]),
      );
    };

    test('gives statistics and percentiles of each period', async () => {
      await put(
        {
          MetricName: 'Latency',
          Timestamp: at(1000),
          Values: [10, 20, 30, 40],
          Counts: [1, 1, 1, 7],
        },
        { MetricName: 'Latency', Timestamp: at(61_000), Value: 5 },
      );
      const queries = ['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount', 'p50', 'p10'].map(
        (statistic, index) => stat(`q${index}`, 'Latency', statistic),
      );
      await expect
        .poll(() => get(...queries), { timeout: WITHIN_MS })
        .toEqual({
          q0: [
            [0, 34],
            [60_000, 5],
          ],
          q1: [
            [0, 340],
            [60_000, 5],
          ],
          q2: [
            [0, 10],
            [60_000, 5],
          ],
          q3: [
            [0, 40],
            [60_000, 5],
          ],
          q4: [
            [0, 10],
            [60_000, 1],
          ],
          q5: [
            [0, 40],
            [60_000, 5],
          ],
          q6: [
            [0, 10],
            [60_000, 5],
          ],
        });
    });

    test('keeps the seconds of metrics that ask for it', async () => {
      const datum = (offsetMs: number, Value: number) => ({
        MetricName: 'Fast',
        Timestamp: at(offsetMs),
        Value,
        StorageResolution: 1,
      });
      await put(datum(1000, 1), datum(11_000, 2), datum(12_000, 4));
      await expect
        .poll(() => get(stat('ten', 'Fast', 'Sum', { Period: 10 })), { timeout: WITHIN_MS })
        .toEqual({
          ten: [
            [0, 1],
            [10_000, 6],
          ],
        });
    });

    test('computes on metrics, point by point', async () => {
      await put(
        { MetricName: 'Hits', Timestamp: at(0), Value: 3 },
        { MetricName: 'Hits', Timestamp: at(60_000), Value: 0 },
        { MetricName: 'Tries', Timestamp: at(0), Value: 4 },
        { MetricName: 'Tries', Timestamp: at(60_000), Value: 0 },
        { MetricName: 'Tries', Timestamp: at(120_000), Value: 2 },
      );
      const hidden = { ReturnData: false };
      await expect
        .poll(
          () =>
            get(
              stat('hits', 'Hits', 'Sum', hidden),
              stat('tries', 'Tries', 'Sum', hidden),
              { Id: 'share', Expression: 'IF(tries > 0, hits / tries)' },
              { Id: 'root', Expression: '(tries * 4) ^ 0.5' },
            ),
          { timeout: WITHIN_MS },
        )
        .toEqual({
          share: [
            [0, 0.75],
            [120_000, 0],
          ],
          root: [
            [0, 4],
            [60_000, 0],
            [120_000, 8 ** 0.5],
          ],
        });
    });

    test('lists the metrics of a namespace', async () => {
      await put({
        MetricName: 'Listed',
        Dimensions: [{ Name: 'Model', Value: 'm' }],
        Value: 1,
      });
      await expect
        .poll(
          async () =>
            (await client.send(new ListMetricsCommand({ Namespace, MetricName: 'Listed' })))
              .Metrics,
          { timeout: WITHIN_MS },
        )
        .toEqual([
          { Namespace, MetricName: 'Listed', Dimensions: [{ Name: 'Model', Value: 'm' }] },
        ]);
    });

    test.each<[string, MetricDatum]>([
      ['a value of no kind', { MetricName: 'm' }],
      ['a timestamp of last month', { MetricName: 'm', Value: 1, Timestamp: at(-31 * 86_400_000) }],
      ['counts without values', { MetricName: 'm', Value: 1, Counts: [1] }],
    ])('refuses %s', async (_, datum) => {
      await expect(put(datum)).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } });
    });

    test('refuses an expression that makes no sense', async () => {
      await expect(get({ Id: 'e', Expression: 'NOPE(1)' })).rejects.toMatchObject({
        $metadata: { httpStatusCode: 400 },
      });
    });

    test('describes no alarm where none has the name', async () => {
      const { MetricAlarms, CompositeAlarms } = await client.send(
        new DescribeAlarmsCommand({ AlarmNames: ['slipway-cases-none'] }),
      );
      expect([MetricAlarms ?? [], CompositeAlarms ?? []]).toEqual([[], []]);
    });
  });
}
