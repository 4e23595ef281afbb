import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Duration, Size, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { hashedEntityKeys } from '../../functions/contracts/dataset-columns.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import {
  AnnouncementEnv,
  DatasetApiEnv,
  ExportEnv,
  ImportEnv,
  SnapshotEnv,
} from '../../functions/curate/env.ts';
import { acknowledge, importedPatternFinding } from '../acknowledgements.ts';
import { Announcer } from '../announcer.ts';
import type { Api } from '../api.ts';
import { type Config, DEFAULTS } from '../config.ts';
import { grantKeyUse } from '../key-use.ts';
import { ServiceFunction } from '../service-function.ts';
import { SnapshotSchedules } from '../snapshot-schedules.ts';

export interface CurateProps {
  readonly config: Config;
  readonly specs: readonly ModelSpec[];
  readonly api: Api;
  readonly key: IKey;
  readonly datasetsKey: IKey;
  readonly datasets: Bucket;
  readonly datasetTable: TableV2;
  readonly evaluations: TableV2;
  readonly archive: Bucket;
  readonly sealingKey: IKey;
  readonly hashKey: IKey;
  readonly bus: EventBus;
  readonly deadLetters: Queue;
}

/** What the operators' API starts and does not wait for. */
type Started = Readonly<
  Record<'importer' | 'exporter' | 'snapshooter' | 'announcer', ServiceFunction>
>;

interface ObjectGrant {
  /** The datasets' without. */
  readonly bucket?: Bucket;
  readonly actions: string[];
  readonly prefixes: readonly string[];
  readonly why: string;
}

/** Files become dataset versions, and pointers say which one everyone uses. */
export class Curate extends Construct {
  readonly functions: readonly ServiceFunction[];
  readonly #props: CurateProps;

  constructor(scope: Construct, id: string, props: CurateProps) {
    super(scope, id);
    this.#props = props;
    const importer = this.#importer();
    const exporter = this.#exporter();
    const snapshooter = this.#snapshooter();
    const announcer = this.#announcer();
    const operatorApi = this.#operatorApi({ importer, exporter, snapshooter, announcer });
    this.functions = [operatorApi, importer, exporter, snapshooter, announcer];
    new SnapshotSchedules(this, 'Snapshots', props.specs, snapshooter);
    props.api.route('v1/datasets/{proxy+}', ['ANY'], operatorApi, 'operators');
    props.api.admitTo(operatorApi, 'Admit-datasets', 'v1/datasets/*');
  }

  #importer(): ServiceFunction {
    const { specs, datasets, datasetTable, hashKey, bus } = this.#props;
    const importer = new ServiceFunction(this, 'Import', {
      handler: 'curate/import-requested',
      description: 'An uploaded file is checked, digested, profiled and stored',
      env: ImportEnv,
      environment: {
        DATASET_BUCKET: datasets.bucketName,
        DATASET_TABLE: datasetTable.tableName,
        EVENT_BUS: bus.eventBusName,
        HASH_KEY: hashKey.keyArn,
      },
      ...this.#batch(),
      // Two million rows of thirty columns take 500 MB; the rest is for the vCPU that comes with it.
      memoryMb: DEFAULTS.oneCpuMemoryMb,
    });
    this.#grant(importer, {
      actions: ['s3:GetObject'],
      prefixes: ['uploads'],
      why: 'Uploads have ids that are not known before they are made.',
    });
    this.#grant(importer, {
      actions: ['s3:PutObject'],
      prefixes: ['datasets'],
      why: 'Keys below datasets/ are digests that are not known before they are written.',
    });
    datasetTable.grant(importer, 'dynamodb:GetItem', 'dynamodb:PutItem');
    grantKeyUse(importer, this.#props.datasetsKey);
    // Files name entities in plain, sets of the log by their hash: to compare them takes serving's secret.
    if (specs.some((spec) => hashedEntityKeys(spec).length > 0))
      importer.addToRolePolicy(
        new PolicyStatement({ actions: ['kms:GenerateMac'], resources: [hashKey.keyArn] }),
      );
    this.#grantEvents(importer);
    return importer;
  }

  #exporter(): ServiceFunction {
    const { datasets, datasetTable } = this.#props;
    const exporter = new ServiceFunction(this, 'Export', {
      handler: 'curate/export-requested',
      description: 'The rows of a dataset version are written as text',
      env: ExportEnv,
      environment: {
        DATASET_BUCKET: datasets.bucketName,
        DATASET_TABLE: datasetTable.tableName,
      },
      ...this.#batch(),
      memoryMb: DEFAULTS.oneCpuMemoryMb,
    });
    this.#grant(exporter, {
      actions: ['s3:GetObject'],
      prefixes: ['datasets'],
      why: 'Keys below datasets/ are digests that are not known before they are written.',
    });
    this.#grant(exporter, {
      actions: ['s3:PutObject'],
      prefixes: ['exports'],
      why: 'Exports are named by the digests of what they export.',
    });
    grantKeyUse(exporter, this.#props.datasetsKey);
    return exporter;
  }

  /** The one function that opens what the log keeps sealed into something that stays. */
  #snapshooter(): ServiceFunction {
    const { key, datasets, datasetTable, archive, sealingKey, bus } = this.#props;
    const snapshooter = new ServiceFunction(this, 'Snapshot', {
      handler: 'curate/snapshot-requested',
      description: 'Recorded predictions with matured outcomes become a dataset version',
      env: SnapshotEnv,
      environment: {
        DATASET_BUCKET: datasets.bucketName,
        DATASET_TABLE: datasetTable.tableName,
        EVENT_BUS: bus.eventBusName,
        ARCHIVE_BUCKET: archive.bucketName,
        SEALING_KEY: sealingKey.keyArn,
      },
      ...this.#batch(),
      // A sample of 200,000 rows twice over, and the outcomes of one day.
      memoryMb: DEFAULTS.evaluationMemoryMb,
    });
    this.#grant(snapshooter, {
      actions: ['s3:PutObject'],
      prefixes: ['datasets'],
      why: 'Keys below datasets/ are digests that are not known before they are written.',
    });
    this.#grant(snapshooter, {
      bucket: archive,
      actions: ['s3:GetObject'],
      prefixes: ['predictions', 'outcomes', 'lines'],
      why: 'The archive is read by day, and Firehose names its files.',
    });
    snapshooter.addToRolePolicy(
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [archive.bucketArn] }),
    );
    snapshooter.addToRolePolicy(
      new PolicyStatement({
        actions: ['kms:Decrypt'],
        resources: [sealingKey.keyArn],
        conditions: { StringEquals: { 'kms:EncryptionContext:purpose': 'prediction-log' } },
      }),
    );
    key.grantDecrypt(snapshooter);
    datasetTable.grant(snapshooter, 'dynamodb:GetItem', 'dynamodb:PutItem');
    grantKeyUse(snapshooter, this.#props.datasetsKey);
    this.#grantEvents(snapshooter);
    return snapshooter;
  }

  #announcer(): Announcer<typeof AnnouncementEnv> {
    const { datasetTable, datasetsKey, bus } = this.#props;
    return new Announcer(this, 'Announce', {
      ...this.#props,
      handler: 'curate/moves-unannounced',
      description: 'Tells the bus of pointer moves',
      env: AnnouncementEnv,
      environment: { DATASET_TABLE: datasetTable.tableName, EVENT_BUS: bus.eventBusName },
      table: datasetTable,
      tableKey: datasetsKey,
    });
  }

  #operatorApi({ importer, exporter, snapshooter, announcer }: Started): ServiceFunction {
    const { config, specs, key, datasets, datasetTable, evaluations } = this.#props;
    const operatorApi = new ServiceFunction(this, 'DatasetApi', {
      handler: 'curate/operator-api',
      description: 'Dataset versions and pointers, for operators',
      env: DatasetApiEnv,
      environment: {
        DATASET_BUCKET: datasets.bucketName,
        DATASET_TABLE: datasetTable.tableName,
        EVALUATION_TABLE: evaluations.tableName,
        IMPORT_FUNCTION: importer.functionName,
        EXPORT_FUNCTION: exporter.functionName,
        SNAPSHOT_FUNCTION: snapshooter.functionName,
        ANNOUNCE_FUNCTION: announcer.functionName,
      },
      files: { id: 'all', content: { 'specs.json': specs } },
      invocation: { kind: 'synchronous' },
      stage: config.stage,
      key,
      // Digests of two sets of ten million rows are compared in memory while the caller waits.
      memoryMb: DEFAULTS.oneCpuMemoryMb,
    });
    this.#grant(operatorApi, {
      actions: ['s3:PutObject', 's3:GetObject', 's3:ListMultipartUploadParts'],
      prefixes: ['uploads'],
      why: 'Uploads have ids that are not known before they are made.',
    });
    this.#grant(operatorApi, {
      actions: ['s3:GetObject'],
      prefixes: ['datasets', 'exports'],
      why: 'Datasets and exports are named by digests.',
    });
    // Without it S3 answers 403 instead of 404 for an export or an upload that is not there.
    operatorApi.addToRolePolicy(
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [datasets.bucketArn] }),
    );
    const started = [importer, exporter, snapshooter, announcer];
    operatorApi.addToRolePolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: started.map(({ functionArn }) => functionArn),
      }),
    );
    datasetTable.grant(
      operatorApi,
      'dynamodb:GetItem',
      'dynamodb:Query',
      'dynamodb:PutItem',
      'dynamodb:ConditionCheckItem',
    );
    evaluations.grant(operatorApi, 'dynamodb:Query');
    key.grantDecrypt(operatorApi);
    grantKeyUse(operatorApi, this.#props.datasetsKey);
    return operatorApi;
  }

  /** What the functions that work through whole sets have in common. */
  #batch() {
    const { config, specs, key, deadLetters } = this.#props;
    return {
      files: { id: 'all', content: { 'specs.json': specs } },
      invocation: { kind: 'asynchronous', deadLetters },
      stage: config.stage,
      key,
      timeout: Duration.minutes(15),
      diskSize: Size.gibibytes(2),
    } as const;
  }

  #grant(
    target: ServiceFunction,
    { bucket = this.#props.datasets, actions, prefixes, why }: ObjectGrant,
  ): void {
    for (const prefix of prefixes) {
      target.addToRolePolicy(
        new PolicyStatement({ actions, resources: [bucket.arnForObjects(`${prefix}/*`)] }),
      );
      const finding = importedPatternFinding(Stack.of(bucket), bucket.bucketArn, `/${prefix}/*`);
      acknowledge(target.role, finding, why);
    }
  }

  #grantEvents(target: ServiceFunction): void {
    target.addToRolePolicy(
      new PolicyStatement({
        actions: ['events:PutEvents'],
        resources: [this.#props.bus.eventBusArn],
      }),
    );
  }
}
