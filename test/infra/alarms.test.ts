import { afterAll, expect, test } from 'vitest';
import { RECORDING_METRICS } from '../../functions/contracts/recording-metric.ts';
import { SERVING_METRICS } from '../../functions/contracts/serving-metric.ts';
import { aModel } from '../builders/model-spec.ts';
import { listOf, objectOf, synthesize, textOf } from '../builders/templates.ts';

const app = synthesize([aModel('one'), aModel('two')]);
afterAll(() => app[Symbol.dispose]());

/** Those on objectives have rules of their own. */
const isOnObjective = ({ name }: { readonly name: string }) => name.includes('/Objectives');

const alarms = app
  .of('AWS::CloudWatch::Alarm')
  .filter((alarm) => !isOnObjective(alarm))
  .map(({ name, properties }) => {
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

test('nothing fails unseen: dead letters, answers of 5xx, functions, models, what is not recorded', () => {
  const row = (name: string, ...watches: string[]) => ({
    name,
    watches,
    isQuietWithoutData: true,
    threshold: 0,
  });
  const fails = (server: string) => [`Errors <${server}>`, `Throttles <${server}>`];
  const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
  expect(alarms.toSorted(byName)).toEqual(
    [
      row(
        'operations/DeadLetters',
        'ApproximateNumberOfMessagesVisible <delivery/DeadLetters.QueueName>',
      ),
      row('operations/ServerErrors', '5XXError slipway-main'),
      row(
        'operations/ParkedRecords',
        'ApproximateNumberOfMessagesVisible <delivery/RecordParked.QueueName>',
      ),
      row(
        'operations/FailedDeliveries',
        'ApproximateNumberOfMessagesVisible <delivery/RecordDeliveries.QueueName>',
      ),
      {
        ...row(
          'operations/RecordsWait',
          'ApproximateAgeOfOldestMessage <delivery/RecordWork.QueueName>',
        ),
        threshold: 1800,
      },
      ...[
        'smoketest',
        'testperformance',
        'replaytraffic',
        'evaluateoffline',
        'openplace',
        'look',
        'askapproval',
        'crown',
        'conclude',
        'Ended',
        'Rang',
      ].map((each) => row(`promotions/${each}Fails`, ...fails(`promotions/${each}`))),
      ...['Logged', 'Retrying', 'Outcomes', 'Records'].map((each) =>
        row(`operations/${each}Fails`, ...fails(`delivery/Record${each}`)),
      ),
      ...['one', 'two'].map((model) => ({
        ...row(
          `operations/Unrecorded${model}`,
          `${SERVING_METRICS.rows.name} ${model}`,
          `${RECORDING_METRICS.recordedRows.name} ${model}`,
        ),
        threshold: 0.01,
      })),
      row('operations/CatalogFails', ...fails('delivery/ServeCatalog')),
      row('operations/OperatorApiFails', ...fails('delivery/PromoteOperatorApi')),
      row('operations/DatasetApiFails', ...fails('delivery/CurateDatasetApi')),
      row('operations/ImportFails', ...fails('delivery/CurateImport')),
      row('operations/AnnounceFails', ...fails('delivery/CurateAnnounce')),
      row('operations/AnnounceChangesFails', ...fails('delivery/PromoteAnnounceChanges')),
      row('operations/SnapshotFails', ...fails('delivery/CurateSnapshot')),
      row('operations/ExportFails', ...fails('delivery/CurateExport')),
      row('operations/DatasetEvaluationFails', ...fails('delivery/EvaluateDatasetEvaluation')),
      row('operations/ValidationMovedFails', ...fails('delivery/EvaluateValidationMoved')),
      row('operations/HoursDueFails', ...fails('delivery/EvaluateScheduledHoursDue')),
      row('operations/DriftDueFails', ...fails('delivery/EvaluateScheduledDriftDue')),
      row('one/ServerFails', ...fails('one/Server')),
      row('two/ServerFails', ...fails('two/Server')),
      row('operations/Failuresone', `${SERVING_METRICS.failures.name} one`),
      row('operations/Failurestwo', `${SERVING_METRICS.failures.name} two`),
    ].toSorted(byName),
  );
});

test('no stack imports anything of a model, so that a model can be removed', () => {
  expect(
    JSON.stringify(
      app.of('AWS::CloudWatch::Alarm').filter(({ name }) => name.startsWith('operations/')),
    ),
  ).not.toMatch(/<(one|two)\//);
});

test('a model that seals or hashes its log has an alarm for when KMS gives no keys', () => {
  const { features } = aModel();
  const sealing = features.map((each) => ({ ...each, log: 'sealed' as const }));
  using secretive = synthesize([aModel('one', { features: sealing }), aModel('two')]);
  const named = secretive
    .of('AWS::CloudWatch::Alarm')
    .filter(({ properties }) => properties['MetricName'] === SERVING_METRICS.keysMissing.name);
  expect(named.map(({ name }) => name)).toEqual(['operations/KeysMissingone']);
});
