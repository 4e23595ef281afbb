import { afterAll, describe, expect, test } from 'vitest';
import { aModel } from '../builders/model-spec.ts';
import { listOf, objectOf, synthesize } from '../builders/templates.ts';

const app = synthesize([aModel('m')]);
afterAll(() => app[Symbol.dispose]());

const tables = app.of('AWS::DynamoDB::GlobalTable');
const buckets = app.of('AWS::S3::Bucket');

test('the app is three stacks, and three nested stacks a model: one serves it, one watches it, one takes versions to production; one has the schedules of snapshots', () => {
  expect(app.templates.map(({ name }) => name)).toEqual([
    'stateful',
    'delivery',
    'promotions',
    'promote/m',
    'm',
    'CurateSnapshots',
    'm',
    'operations',
  ]);
});

test('whatever keeps something is in the stateful stack, and outlives its stack', () => {
  const keeping = ['AWS::DynamoDB::GlobalTable', 'AWS::S3::Bucket', 'AWS::KMS::Key'];
  expect(
    app.resources
      .filter(({ type }) => keeping.includes(type))
      .map(({ name, deletionPolicy }) => [name, deletionPolicy]),
  ).toEqual([
    ['stateful/Key', 'Retain'],
    ['stateful/SealingKey', 'Retain'],
    ['stateful/HashKey', 'Retain'],
    ['stateful/AccessLogs', 'Retain'],
    ['stateful/Artifacts', 'Retain'],
    ['stateful/Versions', 'Retain'],
    ['stateful/Routes', 'Retain'],
    ['stateful/Joins', 'Retain'],
    ['stateful/Units', 'Retain'],
    ['stateful/Archive', 'Retain'],
    ['stateful/DatasetsKey', 'Retain'],
    ['stateful/Datasets', 'Retain'],
    ['stateful/DatasetTable', 'Retain'],
    ['stateful/Promotions', 'Retain'],
    ['stateful/Evaluations', 'Retain'],
  ]);
});

describe('every table', () => {
  test.each(tables)('$name can be restored, cannot be deleted, and is under our key', (table) => {
    expect(table.properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
    });
    expect(table.properties['Replicas']).toEqual([
      {
        ...(table.name === 'stateful/Joins' && {
          GlobalSecondaryIndexes: [{ IndexName: 'byHour' }],
        }),
        Region: 'us-east-1',
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: {
          // Faulty rows of a refused file are listed beside datasets, so they are under the same key.
          KMSMasterKeyId:
            table.name === 'stateful/DatasetTable'
              ? '<stateful/DatasetsKey.Arn>'
              : '<stateful/Key.Arn>',
        },
      },
    ]);
  });
});

describe('every bucket', () => {
  test.each(buckets)('$name keeps versions and is closed to the public', ({ properties }) => {
    expect({
      versions: properties['VersioningConfiguration'],
      access: properties['PublicAccessBlockConfiguration'],
      ownership: properties['OwnershipControls'],
    }).toEqual({
      versions: { Status: 'Enabled' },
      access: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      ownership: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    });
  });

  test.each(buckets)('$name refuses everything that is not TLS 1.2', ({ name }) => {
    const policy = app
      .of('AWS::S3::BucketPolicy')
      .find(({ properties }) => properties['Bucket'] === `<${name}>`);
    const arn = `<${name}.Arn>`;
    const denial = {
      Effect: 'Deny',
      Action: 's3:*',
      Principal: { AWS: '*' },
      Resource: [arn, `${arn}/*`],
    };
    expect(listOf(objectOf(policy?.properties['PolicyDocument'])['Statement']).slice(0, 2)).toEqual(
      [
        { ...denial, Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        { ...denial, Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } },
      ],
    );
  });

  test('of artifacts is under our key, with a bucket key, and logs who read it', () => {
    const artifacts = buckets.find(({ name }) => name === 'stateful/Artifacts');
    expect(artifacts?.properties['BucketEncryption']).toEqual({
      ServerSideEncryptionConfiguration: [
        {
          BucketKeyEnabled: true,
          ServerSideEncryptionByDefault: {
            SSEAlgorithm: 'aws:kms',
            KMSMasterKeyID: '<stateful/Key.Arn>',
          },
        },
      ],
    });
    expect(artifacts?.properties['LoggingConfiguration']).toEqual({
      DestinationBucketName: '<stateful/AccessLogs>',
    });
  });

  test('of artifacts forgets uploads that were never registered, and nothing else', () => {
    const artifacts = buckets.find(({ name }) => name === 'stateful/Artifacts');
    expect(artifacts?.properties['LifecycleConfiguration']).toEqual({
      Rules: [
        {
          Status: 'Enabled',
          Prefix: 'uploads/',
          ExpirationInDays: 7,
          NoncurrentVersionExpiration: { NoncurrentDays: 1 },
          AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
        },
      ],
    });
  });
});

test('the key rotates, and serves this account, the logs of this stage and those of its state machines', () => {
  const key = app.of('AWS::KMS::Key').find(({ name }) => name === 'stateful/Key');
  expect(key?.properties['EnableKeyRotation']).toBe(true);
  expect(
    listOf(objectOf(key?.properties['KeyPolicy'])['Statement'])
      .map(objectOf)
      .map(({ Principal, Condition }) => ({ Principal, Condition })),
  ).toEqual([
    { Principal: { AWS: 'arn:aws:iam::<AWS::AccountId>:root' } },
    {
      Principal: { Service: 'logs.us-east-1.amazonaws.com' },
      Condition: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn':
            'arn:aws:logs:us-east-1:<AWS::AccountId>:log-group:/slipway/main/*',
        },
      },
    },
    { Principal: { Service: 'delivery.logs.amazonaws.com' } },
  ]);
});
