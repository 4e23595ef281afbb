import { ApiError } from '../contracts/api-error.ts';
import type { DatasetProfile } from '../contracts/dataset-profile.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Digest, Version } from '../contracts/version.ts';
import type { Clock } from '../runtime/clock.ts';
import type { GraphInspector } from './graph-inspector.ts';
import { profileFaults } from './profile-check.ts';
import { signatureFaults } from './signature-check.ts';
import type { UploadStore } from './upload-store.ts';
import type { VersionTable } from './version-table.ts';

export interface Registrar {
  readonly uploads: UploadStore;
  readonly inspector: GraphInspector;
  readonly versions: VersionTable;
  readonly clock: Clock;
}

export interface RegistrationRequest {
  readonly uploadId: string;
  readonly digest: Digest;
  readonly description: string;
  readonly profile?: DatasetProfile | undefined;
  readonly by: string;
}

/**
 * An upload becomes a version: opened, checked against the spec, copied to its place by digest, numbered.
 * Repeating it after any failure is safe.
 * @throws ApiError 404 when nothing was uploaded, 422 with every reason when the file is refused.
 */
export async function registerVersion(
  spec: ModelSpec,
  request: RegistrationRequest,
  registrar: Registrar,
): Promise<Version> {
  const { uploads, inspector, versions, clock } = registrar;
  const known = await versions.findByDigest(spec.name, request.digest);
  if (known) return known;
  const upload = await uploads.findUpload(spec.name, request.uploadId);
  if (!upload)
    throw new ApiError(
      404,
      'UPLOAD_NOT_FOUND',
      `nothing was uploaded as "${request.uploadId}": PUT the file to the URL you were given first`,
    );
  if (upload.sizeBytes > LIMITS.artifactBytes)
    throw new ApiError(
      413,
      'ARTIFACT_TOO_LARGE',
      `the file has ${upload.sizeBytes} bytes; the limit is ${LIMITS.artifactBytes}`,
    );
  const graph = await inspector.inspect(await uploads.readUrl(upload));
  if (graph.kind === 'refused') throw refusal(graph.reasons);
  const faults = [
    ...(graph.digest === request.digest
      ? []
      : [`the digest of the upload is ${graph.digest}, not ${request.digest}`]),
    ...signatureFaults(spec, graph),
    ...profileFaults(spec, request.profile),
  ];
  if (faults.length > 0) throw refusal(faults);
  await uploads.keepArtifact(spec.name, request.digest, upload);
  if (request.profile) await uploads.keepProfile(request.digest, request.profile);
  return versions.register({
    model: spec.name,
    digest: request.digest,
    sizeBytes: graph.sizeBytes,
    stage: 'registered',
    description: request.description,
    metadata: graph.metadata,
    opsets: graph.opsets,
    registeredAt: clock.now(),
    registeredBy: request.by,
  });
}

const refusal = (reasons: readonly string[]): ApiError =>
  new ApiError(422, 'ARTIFACT_REFUSED', 'the file cannot serve this model', reasons);
