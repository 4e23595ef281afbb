import {
  AttributeType,
  Billing,
  ProjectionType,
  TableEncryptionV2,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { ATHENA_RESULTS_PREFIX } from '../../functions/contracts/archive.ts';
import { COHORT_INDEX } from '../../functions/contracts/cohort-index.ts';
import { EVENT_SOURCE } from '../../functions/contracts/event-bus.ts';
import { type Config, DEFAULTS } from '../config.ts';

/** What must survive everything else: keys, tables and buckets. */
export class StatefulStack extends Stack {
  /** Encrypts everything that Slipway keeps. */
  readonly key: Key;
  /** Wraps the data keys of sealed log values; its own key, so that reading a table opens none of them. */
  readonly sealingKey: Key;
  /** Gives the secret of hashed log values; it never leaves KMS. */
  readonly hashKey: Key;
  /** Uploads and artifacts. */
  readonly artifacts: Bucket;
  readonly versions: TableV2;
  readonly routes: TableV2;
  /** Predictions, their outcomes and scores, under each prediction's id; forgets beyond the horizon. */
  readonly joins: TableV2;
  /** Exposures of units to promotions, and what their requests were worth. */
  readonly units: TableV2;
  /** Predictions, outcomes and scores for good, as Parquet. */
  readonly archive: Bucket;
  /** Encrypts datasets and nothing else: sealed features lie there opened. */
  readonly datasetsKey: Key;
  /** Dataset versions, and files on their way to become some. */
  readonly datasets: Bucket;
  /** Dataset versions, imports, pointers and their moves. */
  readonly datasetTable: TableV2;
  /** Promotions, their looks, and what was counted for them once and for all. */
  readonly promotions: TableV2;
  /** Results of versions on datasets, and the champion's on each validation set. */
  readonly evaluations: TableV2;
  /** Every fact that somebody else may act on. */
  readonly bus: EventBus;

  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id, {
      env: { region: config.region },
      description: 'Slipway: what must survive everything else',
    });
    this.key = this.#key(config);
    this.sealingKey = new Key(this, 'SealingKey', {
      description: `Slipway ${config.stage}: sealed values of the prediction log`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    // KMS rotates no HMAC keys; a new one would give everybody a new hash.
    this.hashKey = new Key(this, 'HashKey', {
      description: `Slipway ${config.stage}: hashed values of the prediction log`,
      keySpec: KeySpec.HMAC_256,
      keyUsage: KeyUsage.GENERATE_VERIFY_MAC,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const accessLogs = this.#accessLogs();
    this.artifacts = this.#bucket('Artifacts', this.key, accessLogs, [
      {
        prefix: 'uploads/',
        expiration: Duration.days(DEFAULTS.uploadExpiryDays),
        noncurrentVersionExpiration: Duration.days(1),
        abortIncompleteMultipartUploadAfter: Duration.days(1),
      },
    ]);
    this.versions = this.#table('Versions', { sortKey: 'sk' });
    this.routes = this.#table('Routes');
    this.joins = this.#joinTable();
    this.units = this.#table('Units', {
      partitionKey: 'pk',
      sortKey: 'sk',
      timeToLiveAttribute: 'expiresAtEpochSeconds',
    });
    this.archive = this.#bucket('Archive', this.key, accessLogs, [
      { abortIncompleteMultipartUploadAfter: Duration.days(1) },
      { prefix: ATHENA_RESULTS_PREFIX, expiration: Duration.days(DEFAULTS.queryResultDays) },
    ]);
    this.datasetsKey = this.#datasetsKey(config);
    this.datasets = this.#bucket('Datasets', this.datasetsKey, accessLogs, [
      { abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ...['uploads/', 'exports/'].map((prefix) => ({
        prefix,
        expiration: Duration.days(DEFAULTS.uploadExpiryDays),
        noncurrentVersionExpiration: Duration.days(1),
      })),
    ]);
    this.datasetTable = this.#table('DatasetTable', {
      sortKey: 'sk',
      key: this.datasetsKey,
      timeToLiveAttribute: 'expiresAtEpochSeconds',
    });
    this.promotions = this.#table('Promotions', { sortKey: 'sk' });
    this.evaluations = this.#table('Evaluations', { sortKey: 'sk' });
    this.bus = this.#bus(config);
  }

  #datasetsKey({ stage }: Config): Key {
    return new Key(this, 'DatasetsKey', {
      description: `Slipway ${stage}: datasets`,
      alias: `alias/slipway-${stage}-datasets`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  /** Jobs that judge cohorts look by model and hour; the rows themselves stay out of that index. */
  #joinTable(): TableV2 {
    const joins = this.#table('Joins', {
      partitionKey: 'predictionId',
      sortKey: 'sk',
      timeToLiveAttribute: 'expiresAtEpochSeconds',
    });
    joins.addGlobalSecondaryIndex({
      indexName: COHORT_INDEX.name,
      partitionKey: { name: COHORT_INDEX.partitionKey, type: AttributeType.STRING },
      sortKey: { name: 'predictionId', type: AttributeType.STRING },
      projectionType: ProjectionType.INCLUDE,
      nonKeyAttributes: [...COHORT_INDEX.attributes],
    });
    return joins;
  }

  #bus({ stage }: Config): EventBus {
    const bus = new EventBus(this, 'Bus', {
      eventBusName: `slipway-${stage}`,
      description: 'Facts of Slipway, for Jira, Slack, PagerDuty or whoever follows',
    });
    bus.archive('BusArchive', {
      archiveName: `slipway-${stage}`,
      description: 'Replayed where a follower missed something',
      eventPattern: { source: [EVENT_SOURCE] },
      retention: DEFAULTS.eventRetention,
    });
    return bus;
  }

  #key({ stage }: Config): Key {
    const key = new Key(this, 'Key', {
      description: `Slipway ${stage}`,
      alias: `alias/slipway-${stage}`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal(`logs.${this.region}.amazonaws.com`)],
        actions: [
          'kms:Encrypt',
          'kms:Decrypt',
          'kms:ReEncrypt*',
          'kms:GenerateDataKey*',
          'kms:DescribeKey',
        ],
        resources: ['*'],
        conditions: {
          ArnLike: {
            'kms:EncryptionContext:aws:logs:arn': this.formatArn({
              service: 'logs',
              resource: 'log-group',
              resourceName: `/slipway/${stage}/*`,
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );
    return key;
  }

  #accessLogs(): Bucket {
    return new Bucket(this, 'AccessLogs', {
      // S3 writes access logs to buckets with its own encryption only.
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: true,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [
        { expiration: Duration.days(365), noncurrentVersionExpiration: Duration.days(30) },
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  #bucket(id: string, key: Key, accessLogs: Bucket, lifecycleRules: LifecycleRule[]): Bucket {
    return new Bucket(this, id, {
      encryption: BucketEncryption.KMS,
      encryptionKey: key,
      bucketKeyEnabled: true,
      versioned: true,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      serverAccessLogsBucket: accessLogs,
      lifecycleRules,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  #table(
    id: string,
    options: {
      partitionKey?: string;
      sortKey?: string;
      key?: Key;
      timeToLiveAttribute?: string;
    } = {},
  ): TableV2 {
    const { partitionKey = 'model', sortKey, key = this.key, timeToLiveAttribute } = options;
    return new TableV2(this, id, {
      partitionKey: { name: partitionKey, type: AttributeType.STRING },
      ...(sortKey && { sortKey: { name: sortKey, type: AttributeType.STRING } }),
      ...(timeToLiveAttribute && { timeToLiveAttribute }),
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.customerManagedKey(key),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}
