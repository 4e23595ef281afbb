import { afterAll, describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import {
  AnnouncementEnv,
  DatasetApiEnv,
  ExportEnv,
  ImportEnv,
  SnapshotEnv,
} from '../../functions/curate/env.ts';
import { DatasetEvaluationEnv, DriftDueEnv, HoursDueEnv } from '../../functions/evaluate/env.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import {
  AnnouncementEnv as ChangeAnnouncementEnv,
  ExposingEnv,
  InspectGraphEnv,
  LookEnv,
  MovingEnv,
  OfflineEnv,
  OperatorApiEnv,
  ReplayEnv,
} from '../../functions/promote/env.ts';
import { LogRecordingEnv, OutcomesEnv, RecordsEnv } from '../../functions/record/env.ts';
import { CatalogEnv, ServeEnv } from '../../functions/serve/env.ts';
import { aModel } from '../builders/model-spec.ts';
import { listOf, objectOf, type Resource, synthesize, textOf } from '../builders/templates.ts';

const { runtime } = deliveryTime;
const withRuntime = (name: string, changed: Partial<ModelSpec['runtime']>): ModelSpec =>
  aModel(name, { runtime: { ...runtime, ...changed } as ModelSpec['runtime'] });

const app = synthesize([
  withRuntime('plain', {}),
  withRuntime('reserved', { reservedConcurrency: 20 }),
  withRuntime('warm', { provisionedConcurrency: 3 }),
  withRuntime('arm', { architecture: 'arm64' }),
]);
afterAll(() => app[Symbol.dispose]());

const functions = app.of('AWS::Lambda::Function');
const logGroups = app.of('AWS::Logs::LogGroup');
const named = (name: string): Resource => {
  const found = app.resources.find((resource) => resource.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
};

/** `serve/request`: what the log group is named after. */
function handlerOf({ properties }: Resource): string {
  const group = textOf(objectOf(properties['LoggingConfig'])['LogGroup']);
  const { LogGroupName } = named(group.slice(1, -1)).properties;
  return /^\/slipway\/main\/([^/]+\/[^/]+)/.exec(textOf(LogGroupName))?.[1] ?? '';
}

describe('every function', () => {
  test('runs on Node 24, is traced, and keeps environment and log under our key', () => {
    expect(
      functions.map(({ name, properties }) => ({
        name,
        Runtime: properties['Runtime'],
        Handler: properties['Handler'],
        TracingConfig: properties['TracingConfig'],
        KmsKeyArn: properties['KmsKeyArn'],
        LoggingConfig: properties['LoggingConfig'],
      })),
    ).toEqual(
      functions.map(({ name }) => ({
        name,
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        TracingConfig: { Mode: 'Active' },
        KmsKeyArn: '<stateful/Key.Arn>',
        LoggingConfig: { LogGroup: `<${name}Logs>` },
      })),
    );
  });

  test('has exactly the environment that its schema asks for', () => {
    const keysOf = (schema: { shape: object }) => Object.keys(schema.shape).toSorted();
    const expected: Readonly<Record<string, string[]>> = {
      'curate/export-requested': keysOf(ExportEnv),
      'curate/import-requested': keysOf(ImportEnv),
      'curate/snapshot-requested': keysOf(SnapshotEnv),
      'curate/operator-api': keysOf(DatasetApiEnv),
      'curate/moves-unannounced': keysOf(AnnouncementEnv),
      'evaluate/dataset-evaluation': keysOf(DatasetEvaluationEnv),
      'evaluate/validation-moved': keysOf(DatasetEvaluationEnv),
      'evaluate/hours-due': keysOf(HoursDueEnv),
      'evaluate/drift-due': keysOf(DriftDueEnv),
      'promote/inspect-graph': keysOf(InspectGraphEnv),
      'promote/alarm-rang': keysOf(LookEnv),
      'promote/ask-approval': keysOf(MovingEnv),
      'promote/changes-unannounced': keysOf(ChangeAnnouncementEnv),
      'promote/conclude': keysOf(ExposingEnv),
      'promote/crown': keysOf(ExposingEnv),
      'promote/evaluate-offline': keysOf(OfflineEnv),
      'promote/execution-ended': keysOf(MovingEnv),
      'promote/look': keysOf(LookEnv),
      'promote/open-place': keysOf(ExposingEnv),
      'promote/operator-api': keysOf(OperatorApiEnv),
      'promote/replay-traffic': keysOf(ReplayEnv),
      'promote/smoke-test': keysOf(ExposingEnv),
      'promote/test-performance': keysOf(ExposingEnv),
      'record/failed-records': keysOf(LogRecordingEnv),
      'record/outcomes-api': keysOf(OutcomesEnv),
      'record/predictions-logged': keysOf(LogRecordingEnv),
      'record/records-api': keysOf(RecordsEnv),
      'serve/catalog': keysOf(CatalogEnv),
      'serve/request': keysOf(ServeEnv),
      'serve/requests-logged': keysOf(ServeEnv),
      'serve/trial': keysOf(ServeEnv),
    };
    for (const resource of functions)
      expect([
        resource.name,
        Object.keys(objectOf(objectOf(resource.properties['Environment'])['Variables'])).toSorted(),
      ]).toEqual([resource.name, expected[handlerOf(resource)]]);
  });

  test('has a role of its own, which only Lambda may take', () => {
    const roles = functions.map(({ properties }) => textOf(properties['Role']));
    expect(roles).toEqual(functions.map(({ name }) => `<${name}Role.Arn>`));
    for (const { name } of functions)
      expect(named(`${name}Role`).properties).toEqual({
        AssumeRolePolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Action: 'sts:AssumeRole',
              Effect: 'Allow',
              Principal: { Service: 'lambda.amazonaws.com' },
            },
          ],
        },
      });
  });
});

test('every log group is under our key, kept as long as said, in names the key allows', () => {
  const settings = ({ properties }: Resource) => ({
    KmsKeyId: properties['KmsKeyId'],
    RetentionInDays: properties['RetentionInDays'],
  });
  // CDK would keep logs for two years.
  expect(logGroups.map((group) => [group.name, settings(group)])).toEqual(
    logGroups.map(({ name }) => [
      name,
      {
        KmsKeyId: '<stateful/Key.Arn>',
        RetentionInDays: name === 'delivery/ApiAccessLogs' ? 90 : 30,
      },
    ]),
  );
  for (const { properties } of logGroups)
    expect(properties['LogGroupName']).toMatch(/^\/slipway\/main\//);
});

test('a log group has at most the two subscriptions that CloudWatch Logs allows', () => {
  const filters = Map.groupBy(app.of('AWS::Logs::SubscriptionFilter'), ({ properties }) =>
    textOf(properties['LogGroupName']),
  );
  for (const [group, subscribed] of filters)
    expect([group, subscribed.length <= 2]).toEqual([group, true]);
});

describe('a function that nobody waits for', () => {
  const configs = app.of('AWS::Lambda::EventInvokeConfig');
  const invokedByServices = app
    .of('AWS::Lambda::Permission')
    .filter(({ properties }) => properties['Principal'] !== 'apigateway.amazonaws.com')
    .map(({ properties }) => textOf(properties['FunctionName']).replace('.Arn', ''));

  /** Functions that others start by Invoke with Event; Lambda itself asks no permission for that. */
  const started = ['CurateImport', 'CurateExport', 'CurateSnapshot'].map(
    (name) => `<delivery/${name}>`,
  );

  /** EventBridge Scheduler calls in a role, so no permission names it. */
  const scheduled = app
    .of('AWS::Scheduler::Schedule')
    .map(({ properties }) => textOf(objectOf(properties['Target'])['Arn']).replace('.Arn', ''));

  test('is every one that a service other than the API invokes, or a function starts', () => {
    expect(new Set(configs.map(({ properties }) => properties['FunctionName']))).toEqual(
      new Set([...invokedByServices, ...started, ...scheduled]),
    );
  });

  test('retries twice, and then its events wait in the queue of dead letters, or of whole deliveries', () => {
    for (const { name, properties } of configs)
      expect(properties).toEqual({
        FunctionName: properties['FunctionName'],
        Qualifier: '$LATEST',
        MaximumRetryAttempts: 2,
        MaximumEventAgeInSeconds: 21_600,
        DestinationConfig: {
          OnFailure: {
            Destination: name.startsWith('delivery/RecordLogged')
              ? '<delivery/RecordDeliveries.Arn>'
              : '<delivery/DeadLetters.Arn>',
          },
        },
      });
  });

  test('leaves dead letters encrypted, over TLS only, watched by an alarm', () => {
    expect(named('delivery/DeadLetters').properties).toMatchObject({
      KmsMasterKeyId: '<stateful/Key.Arn>',
      MessageRetentionPeriod: 14 * 86_400,
    });
    expect(named('delivery/DeadLettersPolicy').properties['PolicyDocument']).toMatchObject({
      Statement: [{ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }],
    });
    expect(named('operations/DeadLetters').properties).toMatchObject({
      Dimensions: [{ Name: 'QueueName', Value: '<delivery/DeadLetters.QueueName>' }],
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
    });
  });
});

describe('concurrency', () => {
  test('is reserved for the server of a model whose spec asks for it, and for no other', () => {
    expect(
      functions.flatMap(({ name, properties }) =>
        'ReservedConcurrentExecutions' in properties
          ? [[name, properties['ReservedConcurrentExecutions']]]
          : [],
      ),
    ).toEqual([['reserved/Server', 20]]);
  });

  test('is provisioned on an alias, to which the API sends the paths of the model', () => {
    const aliases = app.of('AWS::Lambda::Alias');
    expect(aliases.map(({ name, properties }) => [name, properties])).toEqual([
      [
        'warm/Live',
        {
          Name: 'live',
          FunctionName: '<warm/Server>',
          FunctionVersion: expect.stringContaining('<warm/ServerCurrentVersion'),
          ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 3 },
        },
      ],
    ]);
    const lambda = 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions';
    expect(['warm', 'plain'].map((model) => targetOf(model))).toEqual([
      `${lambda}/<warm/Live>/invocations`,
      `${lambda}/<plain/Server.Arn>/invocations`,
    ]);
    const admitted = app
      .of('AWS::Lambda::Permission')
      .filter(({ name }) => name.startsWith('warm/Live'));
    expect(admitted.map(({ properties }) => properties['FunctionName'])).toEqual(
      Array.from({ length: 3 }, () => '<warm/Live>'),
    );
  });

  function targetOf(model: string): string {
    const method = named(`delivery/ApiRestv1models${model}proxyANY`);
    return textOf(objectOf(method.properties['Integration'])['Uri']);
  }
});

describe('a model on arm64', () => {
  test('is served and shadowed there, with the layer of that architecture', () => {
    const settings = ({ properties }: Resource) => ({
      Architectures: properties['Architectures'],
      Layers: properties['Layers'],
    });
    const arm = { Architectures: ['arm64'], Layers: ['<delivery/OnnxRuntimeArm64>'] };
    const intel = { Architectures: ['x86_64'], Layers: ['<delivery/OnnxRuntimeX8664>'] };
    expect(
      ['arm/Server', 'arm/Shadow', 'plain/Server'].map((name) => settings(named(name))),
    ).toEqual([arm, arm, intel]);
  });

  test('has one layer an architecture, said to be for it and for Node 24', () => {
    expect(
      app.of('AWS::Lambda::LayerVersion').map(({ name, properties }) => ({
        name,
        architectures: listOf(properties['CompatibleArchitectures']),
        runtimes: listOf(properties['CompatibleRuntimes']),
      })),
    ).toEqual([
      {
        name: 'delivery/OnnxRuntimeX8664',
        architectures: ['x86_64'],
        runtimes: ['nodejs24.x'],
      },
      { name: 'delivery/OnnxRuntimeArm64', architectures: ['arm64'], runtimes: ['nodejs24.x'] },
    ]);
  });
});
