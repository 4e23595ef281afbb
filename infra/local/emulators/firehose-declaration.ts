import * as z from 'zod';
import type { EmulatedType, Place, Resource } from './emulator.ts';
import { typeOf } from './firehose-parquet.ts';
import { compilePrefix, type Prefix } from './firehose-prefix.ts';
import { physicalName } from './physical-name.ts';

/** Columns of a Glue table: Hive's names of types. */
const GlueTable = z.object({
  DatabaseName: z.string(),
  TableInput: z.object({
    Name: z.string(),
    StorageDescriptor: z.object({
      Columns: z.array(z.object({ Name: z.string(), Type: z.string() })),
    }),
  }),
});

/** What of a destination is honoured; whatever else a template sets stops the start. */
const Destination = z.strictObject({
  BucketARN: z.string(),
  RoleARN: z.string(),
  Prefix: z.string(),
  ErrorOutputPrefix: z.string(),
  BufferingHints: z.strictObject({
    SizeInMBs: z.int().min(64).max(128),
    IntervalInSeconds: z.int().min(0).max(900),
  }),
  // The bucket's own encryption is what S3 applies here; the key is the same in the template.
  EncryptionConfiguration: z.unknown().optional(),
  DynamicPartitioningConfiguration: z.strictObject({ Enabled: z.literal(true) }),
  ProcessingConfiguration: z.strictObject({
    Enabled: z.literal(true),
    Processors: z.tuple([
      z.strictObject({
        Type: z.literal('MetadataExtraction'),
        Parameters: z.array(
          z.strictObject({ ParameterName: z.string(), ParameterValue: z.string() }),
        ),
      }),
    ]),
  }),
  DataFormatConversionConfiguration: z.strictObject({
    Enabled: z.literal(true),
    InputFormatConfiguration: z.strictObject({
      Deserializer: z.strictObject({ OpenXJsonSerDe: z.strictObject({}) }),
    }),
    OutputFormatConfiguration: z.strictObject({
      Serializer: z.strictObject({
        ParquetSerDe: z.strictObject({ Compression: z.literal('SNAPPY') }),
      }),
    }),
    SchemaConfiguration: z.strictObject({
      DatabaseName: z.string(),
      TableName: z.string(),
      Region: z.string(),
      RoleARN: z.string(),
      VersionId: z.literal('LATEST'),
    }),
  }),
  // Failures are told to the runner, which prints them.
  CloudWatchLoggingOptions: z.unknown().optional(),
});

export interface GlueColumn {
  readonly name: string;
  readonly type: string;
}

/** A stream of the template that turns JSON into Parquet by partition. */
export interface StreamSettings {
  readonly name: string;
  readonly arn: string;
  readonly bucketName: string;
  readonly roleArn: string;
  readonly prefix: Prefix;
  readonly errorPrefix: Prefix;
  readonly bufferBytes: number;
  readonly bufferMs: number;
  /** Name of a partition key → member of the record. */
  readonly partitionKeys: ReadonlyMap<string, string>;
  readonly columns: readonly GlueColumn[];
  /** Whether a key of its own seals the buffer, which answers mention. */
  readonly isEncrypted: boolean;
  readonly database: string;
  readonly table: string;
}

const streamArn = (name: string, { account, region }: Place): string =>
  `arn:aws:firehose:${region}:${account}:deliverystream/${name}`;

export const firehoseTypes: Readonly<Record<string, EmulatedType>> = {
  'AWS::KinesisFirehose::DeliveryStream': {
    identify(resource, place) {
      const name = physicalName(resource, 'DeliveryStreamName', 64);
      return { ref: name, attributes: { Arn: streamArn(name, place) } };
    },
    honoured: ['DeliveryStreamName', 'DeliveryStreamType', 'ExtendedS3DestinationConfiguration'],
    inert: {
      DeliveryStreamEncryptionConfigurationInput: 'the buffer is on the disk of its owner',
      Tags: 'no emulated policy looks at them',
    },
  },
  'AWS::Glue::Database': {
    identify: ({ properties }) => ({ ref: nameIn(properties['DatabaseInput']), attributes: {} }),
    honoured: ['DatabaseInput'],
    inert: { CatalogId: 'there is one account' },
  },
  'AWS::Glue::Table': {
    identify: ({ properties }) => ({ ref: nameIn(properties['TableInput']), attributes: {} }),
    honoured: ['DatabaseName', 'TableInput'],
    inert: { CatalogId: 'there is one account' },
  },
  'AWS::Athena::WorkGroup': {
    identify: (resource) => ({ ref: physicalName(resource, 'Name', 128), attributes: {} }),
    honoured: [],
    inert: {
      Name: 'nobody asks Athena here',
      Description: 'nobody asks Athena here',
      WorkGroupConfiguration: 'nobody asks Athena here',
    },
  },
  'AWS::Athena::NamedQuery': {
    identify: (resource) => ({ ref: physicalName(resource, 'Name', 128), attributes: {} }),
    honoured: [],
    inert: {
      Name: 'nobody asks Athena here',
      Description: 'nobody asks Athena here',
      Database: 'nobody asks Athena here',
      QueryString: 'nobody asks Athena here',
      WorkGroup: 'nobody asks Athena here',
    },
  },
};

function nameIn(input: unknown): string {
  return z.object({ Name: z.string() }).parse(input).Name;
}

/** @throws TypeError where a stream is not of the one kind that is emulated. */
export function readStreams(resources: readonly Resource[], place: Place): StreamSettings[] {
  const tables = resources
    .filter(({ type }) => type === 'AWS::Glue::Table')
    .map(({ properties }) => GlueTable.parse(properties));
  return resources
    .filter(({ type }) => type === 'AWS::KinesisFirehose::DeliveryStream')
    .map((resource) => readStream(resource, tables, place));
}

function readStream(
  { path, ref, properties }: Resource,
  tables: readonly z.infer<typeof GlueTable>[],
  place: Place,
): StreamSettings {
  const parsed = Destination.safeParse(properties['ExtendedS3DestinationConfiguration']);
  if (properties['DeliveryStreamType'] !== 'DirectPut' || !parsed.success)
    throw new TypeError(
      `${path}: only DirectPut streams to S3 with Parquet and dynamic partitioning are emulated: ${parsed.error?.message ?? ''}`,
    );
  const destination = parsed.data;
  const { SchemaConfiguration } = destination.DataFormatConversionConfiguration;
  const { DatabaseName, TableName } = SchemaConfiguration;
  const table = tables.find(
    (each) => each.DatabaseName === DatabaseName && each.TableInput.Name === TableName,
  );
  if (!table) throw new TypeError(`${path}: the template has no Glue table ${TableName}`);
  const [{ Parameters }] = destination.ProcessingConfiguration.Processors;
  const partitionKeys = readQuery(path, Parameters);
  const names = new Set(partitionKeys.keys());
  for (const { Type } of table.TableInput.StorageDescriptor.Columns) typeOf(Type);
  return {
    name: ref,
    arn: streamArn(ref, place),
    bucketName: destination.BucketARN.split(':').at(-1) ?? '',
    roleArn: destination.RoleARN,
    prefix: compilePrefix(destination.Prefix, names),
    errorPrefix: compilePrefix(destination.ErrorOutputPrefix, new Set()),
    bufferBytes: destination.BufferingHints.SizeInMBs * 1024 * 1024,
    bufferMs: destination.BufferingHints.IntervalInSeconds * 1000,
    partitionKeys,
    columns: table.TableInput.StorageDescriptor.Columns.map(({ Name, Type }) => ({
      name: Name,
      type: Type,
    })),
    isEncrypted: properties['DeliveryStreamEncryptionConfigurationInput'] !== undefined,
    database: DatabaseName,
    table: TableName,
  };
}

/** Of jq, objects of plain members: `{model:.model,day:.day}`. */
function readQuery(
  path: string,
  parameters: readonly { readonly ParameterName: string; readonly ParameterValue: string }[],
): ReadonlyMap<string, string> {
  const query = parameters.find(({ ParameterName }) => ParameterName === 'MetadataExtractionQuery');
  const text = (query?.ParameterValue ?? '').replaceAll(/\s/g, '');
  if (!/^\{\w+:\.\w+(,\w+:\.\w+)*\}$/.test(text))
    throw new TypeError(`${path}: the query ${text} is not one that is emulated: {a:.b,c:.d}`);
  const pairs = text.slice(1, -1).split(',');
  return new Map(pairs.map((pair) => pair.split(':.') as [string, string]));
}
