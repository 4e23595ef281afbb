import type { EmulatedType, Place, Resource } from './emulator.ts';
import { asList, asText, isRecord } from './json.ts';
import { keyArn } from './kms-keys.ts';
import { physicalName } from './physical-name.ts';
import type { Bucket, BucketEncryption } from './s3-request.ts';

/** Buckets and their policies; the authorizer reads the policies itself. */
export const bucketTypes: Readonly<Record<string, EmulatedType>> = {
  'AWS::S3::Bucket': {
    identify(resource, place) {
      const name = physicalName(resource, 'BucketName', 63).toLowerCase();
      return {
        ref: name,
        attributes: {
          Arn: `arn:aws:s3:::${name}`,
          DomainName: `${name}.s3.amazonaws.com`,
          RegionalDomainName: `${name}.s3.${place.region}.amazonaws.com`,
        },
      };
    },
    honoured: ['BucketName', 'VersioningConfiguration', 'BucketEncryption'],
    inert: {
      IntelligentTieringConfigurations: 'storage on this machine has one price',
      LifecycleConfiguration:
        'nothing expires while somebody may want to look at it; delete .slipway instead',
      LoggingConfiguration: 'the runner shows every call; access logs are written by AWS only',
      MetricsConfigurations: 'request metrics are made by AWS only',
      OwnershipControls: 'access control lists are refused anyway',
      PublicAccessBlockConfiguration: 'calls without a signature are refused anyway',
      Tags: 'no emulated policy looks at them',
    },
  },
  'AWS::S3::BucketPolicy': {
    identify: (resource) => ({ ref: physicalName(resource, 'Bucket', 63), attributes: {} }),
    honoured: ['Bucket', 'PolicyDocument'],
    inert: {},
  },
};

/** What the emulator needs to know of a bucket in the template. */
export function readBucket({ ref: name, path, properties }: Resource, place: Place): Bucket {
  const versioning = properties['VersioningConfiguration'];
  const encryption = readBucketEncryption(properties['BucketEncryption'], path, place);
  return {
    name,
    arn: `arn:aws:s3:::${name}`,
    isVersioned: isRecord(versioning) && versioning['Status'] === 'Enabled',
    ...(encryption && { encryption }),
  };
}

function readBucketEncryption(
  property: unknown,
  path: string,
  place: Place,
): BucketEncryption | undefined {
  const rules = isRecord(property) ? property['ServerSideEncryptionConfiguration'] : undefined;
  const [rule] = asList(rules).filter(isRecord);
  const byDefault = rule?.['ServerSideEncryptionByDefault'];
  if (!isRecord(byDefault) || byDefault['SSEAlgorithm'] === 'AES256') return undefined;
  const key = byDefault['KMSMasterKeyID'];
  if (byDefault['SSEAlgorithm'] !== 'aws:kms' || key === undefined) {
    throw new TypeError(
      `${path}: BucketEncryption must be AES256, or aws:kms with a key of the template; got ${JSON.stringify(byDefault)}`,
    );
  }
  return { keyArn: keyArn(asText(key), place), bucketKey: rule?.['BucketKeyEnabled'] === true };
}
