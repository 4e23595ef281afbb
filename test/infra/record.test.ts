import { afterAll, describe, expect, test } from 'vitest';
import { ARCHIVE_COLUMNS } from '../../functions/contracts/archive.ts';
import { aModel } from '../builders/model-spec.ts';
import { listOf, objectOf, synthesize, textOf } from '../builders/templates.ts';

const app = synthesize([aModel('one'), aModel('two')]);
afterAll(() => app[Symbol.dispose]());

const named = (name: string) => {
  const found = app.resources.find((resource) => resource.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found.properties;
};

describe('the log of every model', () => {
  test.each(['one', 'two'])('of %s goes to the one recorder, its shadow too', (model) => {
    const patterns = ['Recorded', 'ShadowRecorded'].map((id) => {
      const { DestinationArn, FilterPattern, LogGroupName } = named(`${model}/${id}`);
      return { DestinationArn, FilterPattern, LogGroupName };
    });
    const DestinationArn = '<delivery/RecordLogged.Arn>';
    expect(patterns).toEqual([
      {
        DestinationArn,
        LogGroupName: `<${model}/ServerLogs>`,
        FilterPattern: '{ ($.kind = "prediction") || ($.kind = "part") || ($.kind = "failure") }',
      },
      {
        DestinationArn,
        LogGroupName: `<${model}/ShadowLogs>`,
        FilterPattern: '{ $.kind = "shadow" }',
      },
    ]);
  });

  test('is let in by one permission, for the logs of this stage’s serving only', () => {
    const admissions = app
      .of('AWS::Lambda::Permission')
      .filter(({ properties }) => properties['FunctionName'] === '<delivery/RecordLogged.Arn>');
    expect(admissions.map(({ properties }) => properties)).toEqual([
      {
        Action: 'lambda:InvokeFunction',
        FunctionName: '<delivery/RecordLogged.Arn>',
        Principal: 'logs.amazonaws.com',
        SourceAccount: '<AWS::AccountId>',
        SourceArn: 'arn:aws:logs:us-east-1:<AWS::AccountId>:log-group:/slipway/main/serve/*',
      },
    ]);
  });
});

describe('what failed', () => {
  test('is tried again in batches of which each item fails alone, and then parked', () => {
    expect(named('delivery/RecordRetries')).toMatchObject({
      EventSourceArn: '<delivery/RecordWork.Arn>',
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    expect(named('delivery/RecordWork')).toMatchObject({
      KmsMasterKeyId: '<stateful/Key.Arn>',
      VisibilityTimeout: 360,
      RedrivePolicy: { deadLetterTargetArn: '<delivery/RecordParked.Arn>', maxReceiveCount: 5 },
    });
  });
});

describe('the archive', () => {
  test.each(['predictions', 'outcomes', 'scores'] as const)(
    'of %s is Parquet by model and day, under our key, by the columns that are written',
    (table) => {
      const stream = named(`delivery/RecordArchive${table}Stream`);
      expect(stream).toMatchObject({
        DeliveryStreamEncryptionConfigurationInput: {
          KeyType: 'CUSTOMER_MANAGED_CMK',
          KeyARN: '<stateful/Key.Arn>',
        },
        ExtendedS3DestinationConfiguration: {
          BucketARN: '<stateful/Archive.Arn>',
          Prefix: `${table}/model=!{partitionKeyFromQuery:model}/day=!{partitionKeyFromQuery:day}/`,
          DynamicPartitioningConfiguration: { Enabled: true },
          DataFormatConversionConfiguration: { Enabled: true },
        },
      });
      const { StorageDescriptor, Parameters } = objectOf(
        named(`delivery/RecordArchive${table}Table`)['TableInput'],
      );
      expect(
        listOf(objectOf(StorageDescriptor)['Columns']).map((column) => objectOf(column)['Name']),
      ).toEqual(Object.keys(ARCHIVE_COLUMNS[table]));
      expect(objectOf(Parameters)['projection.model.values']).toBe('one,two');
    },
  );

  test('is asked by queries that keep one row of each key', () => {
    const queries = app.of('AWS::Athena::NamedQuery').map(({ properties }) => properties);
    expect(queries.map(({ Name }) => Name)).toEqual(['predictions-once', 'scores-now']);
    for (const { QueryString } of queries)
      expect(textOf(QueryString)).toMatch(/row_number\(\) OVER \(PARTITION BY prediction_id/);
  });
});
