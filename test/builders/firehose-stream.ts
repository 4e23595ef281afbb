import { type Declaration, PLACE, roleArn } from './emulated-account.ts';

const COLUMNS = { prediction_id: 'string', row: 'int', latency_ms: 'double', late: 'boolean' };
export const SCORES_TABLE: Declaration = [
  'AWS::Glue::Table',
  'Table',
  {
    DatabaseName: 'slipway',
    TableInput: {
      Name: 'scores',
      StorageDescriptor: {
        Columns: Object.entries(COLUMNS).map(([Name, Type]) => ({ Name, Type })),
      },
    },
  },
];
/** A stream of scores into a bucket, in the role `firehose`. */
export const scoresStream = (bucketName: string, more: object = {}): Declaration => [
  'AWS::KinesisFirehose::DeliveryStream',
  'Stream',
  {
    DeliveryStreamName: 'scores',
    DeliveryStreamType: 'DirectPut',
    ExtendedS3DestinationConfiguration: {
      BucketARN: `arn:aws:s3:::${bucketName}`,
      RoleARN: roleArn('firehose'),
      Prefix: 'scores/model=!{partitionKeyFromQuery:model}/day=!{partitionKeyFromQuery:day}/',
      ErrorOutputPrefix: 'errors/!{firehose:error-output-type}/',
      BufferingHints: { SizeInMBs: 64, IntervalInSeconds: 60 },
      DynamicPartitioningConfiguration: { Enabled: true },
      ProcessingConfiguration: {
        Enabled: true,
        Processors: [
          {
            Type: 'MetadataExtraction',
            Parameters: [
              {
                ParameterName: 'MetadataExtractionQuery',
                ParameterValue: '{model: .model, day: .day}',
              },
              { ParameterName: 'JsonParsingEngine', ParameterValue: 'JQ-1.6' },
            ],
          },
        ],
      },
      DataFormatConversionConfiguration: {
        Enabled: true,
        InputFormatConfiguration: { Deserializer: { OpenXJsonSerDe: {} } },
        OutputFormatConfiguration: { Serializer: { ParquetSerDe: { Compression: 'SNAPPY' } } },
        SchemaConfiguration: {
          DatabaseName: 'slipway',
          TableName: 'scores',
          Region: PLACE.region,
          RoleARN: roleArn('firehose'),
          VersionId: 'LATEST',
        },
      },
      ...more,
    },
  },
];
