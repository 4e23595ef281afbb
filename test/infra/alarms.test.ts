import { afterAll, expect, test } from 'vitest';
import { SERVING_METRICS } from '../../functions/contracts/serving-metric.ts';
import { aModel } from '../builders/model-spec.ts';
import { listOf, objectOf, synthesize, textOf } from '../builders/templates.ts';

const app = synthesize([aModel('one'), aModel('two')]);
afterAll(() => app[Symbol.dispose]());

const alarms = app.of('AWS::CloudWatch::Alarm').map(({ name, properties }) => {
  const single = properties['MetricName'] === undefined ? [] : [properties];
  const combined = listOf(properties['Metrics']).flatMap((metric) =>
    listOf(objectOf(objectOf(metric)['MetricStat'])['Metric']),
  );
  return {
    name,
    watches: [...single, ...combined]
      .map(objectOf)
      .map(({ MetricName, Dimensions }) =>
        [MetricName, ...listOf(Dimensions).map((each) => objectOf(each)['Value'])]
          .map(textOf)
          .join(' '),
      ),
    isQuietWithoutData: properties['TreatMissingData'] === 'notBreaching',
    threshold: properties['Threshold'],
  };
});

test('nothing fails unseen: dead letters, answers of 5xx, functions, models', () => {
  const row = (name: string, ...watches: string[]) => ({
    name: `operations/${name}`,
    watches,
    isQuietWithoutData: true,
    threshold: 0,
  });
  const fails = (server: string) => [`Errors <${server}>`, `Throttles <${server}>`];
  expect(alarms).toEqual([
    row('DeadLetters', 'ApproximateNumberOfMessagesVisible <delivery/DeadLetters.QueueName>'),
    row('ServerErrors', '5XXError slipway-main'),
    row('Server0Serve', ...fails('delivery/ServeCatalog')),
    row('Server1one', ...fails('one/Server')),
    row('Server2two', ...fails('two/Server')),
    row('Failuresone', `${SERVING_METRICS.failures.name} one`),
    row('Failurestwo', `${SERVING_METRICS.failures.name} two`),
  ]);
});
