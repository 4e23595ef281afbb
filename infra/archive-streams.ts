import { CfnNamedQuery, CfnWorkGroup } from 'aws-cdk-lib/aws-athena';
import { CfnDatabase, CfnTable } from 'aws-cdk-lib/aws-glue';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnDeliveryStream } from 'aws-cdk-lib/aws-kinesisfirehose';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, LogStream } from 'aws-cdk-lib/aws-logs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { RemovalPolicy, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import {
  ARCHIVE_COLUMNS,
  type ArchiveTable,
  ATHENA_RESULTS_PREFIX,
} from '../functions/contracts/archive.ts';
import { acknowledge, importedPatternFinding } from './acknowledgements.ts';
import { SAVED_QUERIES } from './archive-queries.ts';
import { type Config, DEFAULTS } from './config.ts';
import type { ServiceFunction } from './service-function.ts';

export interface ArchiveStreamsProps {
  readonly config: Config;
  readonly models: readonly string[];
  readonly key: IKey;
  readonly bucket: Bucket;
}

const TABLES = Object.keys(ARCHIVE_COLUMNS) as ArchiveTable[];
const PARTITIONS = ['model', 'day'] as const;
const SERDE = 'org.apache.hadoop.hive.ql.io.parquet';

/** Streams that turn what is recorded into Parquet by model and day, and what makes that a database. */
export class ArchiveStreams extends Construct {
  /** By table. */
  readonly streams: ReadonlyMap<ArchiveTable, CfnDeliveryStream>;
  readonly #props: ArchiveStreamsProps;
  readonly #database: string;

  constructor(scope: Construct, id: string, props: ArchiveStreamsProps) {
    super(scope, id);
    this.#props = props;
    this.#database = `slipway_${props.config.stage}`;
    const database = new CfnDatabase(this, 'Database', {
      catalogId: Stack.of(this).account,
      databaseInput: {
        name: this.#database,
        description: 'Slipway: predictions, their outcomes and their scores',
      },
    });
    const logs = new LogGroup(this, 'Logs', {
      logGroupName: `/slipway/${props.config.stage}/archive`,
      retention: DEFAULTS.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
      encryptionKey: props.key,
    });
    this.streams = new Map(
      TABLES.map((table) => {
        const schema = this.#table(table);
        schema.addResourceDependency(database);
        return [table, this.#stream(table, schema, logs)];
      }),
    );
    this.#queries();
  }

  /** Lets a function put records into every stream. */
  grantPut(writer: ServiceFunction): void {
    writer.addToRolePolicy(
      new PolicyStatement({
        actions: ['firehose:PutRecordBatch'],
        resources: [...this.streams.values()].map(({ attrArn }) => attrArn),
      }),
    );
  }

  streamName(table: ArchiveTable): string {
    return this.streams.get(table)?.ref ?? '';
  }

  /** Partitions follow from the names of the models and the days since the first: nothing has to be crawled. */
  #table(table: ArchiveTable): CfnTable {
    const { bucket, models } = this.#props;
    const location = `s3://${bucket.bucketName}/${table}`;
    const column = ([name, type]: readonly [string, string]) => ({ name, type });
    return new CfnTable(this, `${table}Table`, {
      catalogId: Stack.of(this).account,
      databaseName: this.#database,
      tableInput: {
        name: table,
        tableType: 'EXTERNAL_TABLE',
        partitionKeys: PARTITIONS.map((name) => ({ name, type: 'string' })),
        parameters: {
          EXTERNAL: 'TRUE',
          classification: 'parquet',
          'projection.enabled': 'true',
          'projection.model.type': 'enum',
          'projection.model.values': models.join(),
          'projection.day.type': 'date',
          'projection.day.range': '2026-01-01,NOW',
          'projection.day.format': 'yyyy-MM-dd',
          'storage.location.template': `${location}/model=\${model}/day=\${day}/`,
        },
        storageDescriptor: {
          location: `${location}/`,
          columns: Object.entries(ARCHIVE_COLUMNS[table]).map(column),
          inputFormat: `${SERDE}.MapredParquetInputFormat`,
          outputFormat: `${SERDE}.MapredParquetOutputFormat`,
          serdeInfo: { serializationLibrary: `${SERDE}.serde.ParquetHiveSerDe` },
        },
      },
    });
  }

  #stream(table: ArchiveTable, schema: CfnTable, logs: LogGroup): CfnDeliveryStream {
    const { config, key, bucket } = this.#props;
    const errors = new LogStream(this, `${table}Errors`, {
      logGroup: logs,
      logStreamName: table,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = this.#role(table, logs, errors);
    const stream = new CfnDeliveryStream(this, `${table}Stream`, {
      deliveryStreamName: `slipway-${config.stage}-${table}`,
      deliveryStreamType: 'DirectPut',
      deliveryStreamEncryptionConfigurationInput: {
        keyType: 'CUSTOMER_MANAGED_CMK',
        keyArn: key.keyArn,
      },
      extendedS3DestinationConfiguration: {
        bucketArn: bucket.bucketArn,
        roleArn: role.roleArn,
        prefix: `${table}/model=!{partitionKeyFromQuery:model}/day=!{partitionKeyFromQuery:day}/`,
        errorOutputPrefix: `errors/${table}/!{firehose:error-output-type}/`,
        bufferingHints: {
          sizeInMBs: DEFAULTS.archiveBuffer.sizeMb,
          intervalInSeconds: DEFAULTS.archiveBuffer.seconds,
        },
        encryptionConfiguration: { kmsEncryptionConfig: { awskmsKeyArn: key.keyArn } },
        dynamicPartitioningConfiguration: { enabled: true },
        processingConfiguration: partitionsFromRecords,
        dataFormatConversionConfiguration: {
          enabled: true,
          inputFormatConfiguration: { deserializer: { openXJsonSerDe: {} } },
          outputFormatConfiguration: { serializer: { parquetSerDe: { compression: 'SNAPPY' } } },
          schemaConfiguration: {
            databaseName: this.#database,
            tableName: schema.ref,
            region: Stack.of(this).region,
            roleArn: role.roleArn,
            versionId: 'LATEST',
          },
        },
        cloudWatchLoggingOptions: {
          enabled: true,
          logGroupName: logs.logGroupName,
          logStreamName: errors.logStreamName,
        },
      },
    });
    // Firehose tries its role when the stream is made.
    stream.node.addDependency(role);
    return stream;
  }

  /** Writes below the table's own prefix and its errors, reads the table's schema. */
  #role(table: ArchiveTable, logs: LogGroup, errors: LogStream): Role {
    const { bucket, key } = this.#props;
    const role = new Role(this, `${table}Role`, {
      assumedBy: new ServicePrincipal('firehose.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    const prefixes = [`${table}/*`, `errors/${table}/*`];
    const glue = (resource: string, resourceName?: string) =>
      Stack.of(this).formatArn({
        service: 'glue',
        resource,
        ...(resourceName && { resourceName }),
      });
    const allow = (actions: string[], resources: string[]) =>
      role.addToPolicy(new PolicyStatement({ actions, resources }));
    allow(
      ['s3:PutObject', 's3:AbortMultipartUpload'],
      prefixes.map((prefix) => bucket.arnForObjects(prefix)),
    );
    allow(
      ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
      [bucket.bucketArn],
    );
    allow(['kms:GenerateDataKey', 'kms:Decrypt'], [key.keyArn]);
    allow(
      ['glue:GetTable', 'glue:GetTableVersion', 'glue:GetTableVersions'],
      [
        glue('catalog'),
        glue('database', this.#database),
        glue('table', `${this.#database}/${table}`),
      ],
    );
    allow(['logs:PutLogEvents'], [`${logs.logGroupArn}:log-stream:${errors.logStreamName}`]);
    for (const prefix of prefixes)
      acknowledge(
        role,
        importedPatternFinding(Stack.of(bucket), bucket.bucketArn, `/${prefix}`),
        'Firehose names objects by partition and time.',
      );
    return role;
  }

  #queries(): void {
    const { config, key, bucket } = this.#props;
    const group = new CfnWorkGroup(this, 'WorkGroup', {
      name: `slipway-${config.stage}`,
      description: 'Questions to the archive of Slipway',
      workGroupConfiguration: {
        enforceWorkGroupConfiguration: true,
        publishCloudWatchMetricsEnabled: true,
        resultConfiguration: {
          outputLocation: `s3://${bucket.bucketName}/${ATHENA_RESULTS_PREFIX}`,
          encryptionConfiguration: { encryptionOption: 'SSE_KMS', kmsKey: key.keyArn },
        },
      },
    });
    for (const { id, name, description, sql } of SAVED_QUERIES) {
      const query = new CfnNamedQuery(this, id, {
        database: this.#database,
        workGroup: group.name,
        name,
        description,
        queryString: sql,
      });
      query.addResourceDependency(group);
    }
  }
}

/** `model` and `day` of each record say where it goes. */
const partitionsFromRecords = {
  enabled: true,
  processors: [
    {
      type: 'MetadataExtraction',
      parameters: [
        { parameterName: 'MetadataExtractionQuery', parameterValue: '{model:.model,day:.day}' },
        { parameterName: 'JsonParsingEngine', parameterValue: 'JQ-1.6' },
      ],
    },
  ],
};
