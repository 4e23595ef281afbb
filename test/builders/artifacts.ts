import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { artifactKey, Digest } from '../../functions/contracts/version.ts';
import type { RunningStack } from './running-stack.ts';

/** Deletes what a version is made of, as somebody who cleans the bucket up by hand would. */
export async function deleteArtifact(
  stack: RunningStack,
  model: string,
  number: string,
): Promise<void> {
  const versions = await stack.client.versions(model);
  const digest = versions.find(({ version }) => version === number)?.digest;
  const bucket = stack.graph.resources.find(
    ({ type, logicalId }) => type === 'AWS::S3::Bucket' && logicalId.startsWith('Artifacts'),
  );
  const { endpoint, operator: credentials } = stack;
  const { region } = stack.place;
  const s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const Key = artifactKey(model, Digest.parse(digest));
  await s3.send(new DeleteObjectCommand({ Bucket: bucket?.ref, Key }));
}
