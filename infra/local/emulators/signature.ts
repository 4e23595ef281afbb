import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Credentials, IssuedKey, SigningPrincipal } from './credentials.ts';
import { ServiceError } from './emulator.ts';

const ALGORITHM = 'AWS4-HMAC-SHA256';
const ALLOWED_SKEW_MS = 15 * 60_000;
const LONGEST_PRESIGN_SECONDS = 7 * 24 * 3600;
const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** A request as it came in, its signature still to be looked at. */
export interface SignedRequest {
  readonly method: string;
  /** Percent-encoded as received, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Lower-case hex digest of the body; needed where the client sent no `x-amz-content-sha256`. */
  readonly bodySha256?: string;
}

/** What the request claims about its signature, before anything is verified. */
export interface SignatureClaim {
  readonly accessKeyId: string;
  readonly signature: string;
  readonly signedHeaders: readonly string[];
  readonly signedAtMs: number;
  readonly region: string;
  /** The service in the credential scope: `dynamodb`, `s3`, `execute-api`. */
  readonly service: string;
  /** Set on a presigned URL. */
  readonly expiresInSeconds?: number;
}

/** Who signed, and how. */
export interface VerifiedSignature {
  readonly principal: SigningPrincipal;
  readonly claim: SignatureClaim;
}

/**
 * Reads the signature of a header-signed or presigned request.
 * @throws ServiceError when there is none or it is malformed.
 */
export function readSignature({ headers, query }: SignedRequest): SignatureClaim {
  if (headers.authorization !== undefined) return readAuthorization(headers.authorization, headers);
  if (query.has('X-Amz-Signature')) return readPresigned(query);
  throw new ServiceError(403, 'MissingAuthenticationToken', 'Missing Authentication Token');
}

/**
 * Verifies an AWS Signature Version 4 by signing the request once more with the key that was issued.
 * Times are real, not virtual: a signature proves that somebody holds the key now.
 * @throws ServiceError 400 or 403 in the words of AWS.
 */
export async function verifySignature(
  request: SignedRequest,
  credentials: Credentials,
  { region, nowMs = Date.now() }: { region: string; nowMs?: number },
): Promise<VerifiedSignature> {
  const claim = readSignature(request);
  checkScope(claim, region);
  checkTime(claim, nowMs);
  const issued = credentials.find(claim.accessKeyId);
  if (issued === undefined) {
    throw new ServiceError(
      403,
      'InvalidClientTokenId',
      `The security token included in the request is invalid: no principal holds the access key ${claim.accessKeyId}.`,
    );
  }
  checkSessionToken(request, issued);
  checkUnsignedHeaders(request, claim);
  const expected = await signAgain(request, claim, issued);
  if (!sameText(expected, claim.signature)) throw mismatch();
  return { principal: issued.principal, claim };
}

function readAuthorization(authorization: string, headers: IncomingHttpHeaders): SignatureClaim {
  const [algorithm = '', rest = ''] = authorization.split(/ (.*)/s);
  if (algorithm !== ALGORITHM) {
    throw incomplete(`Authorization uses ${algorithm || 'no algorithm'}; expected ${ALGORITHM}.`);
  }
  const fields = new Map(
    rest.split(',').map((field): [string, string] => {
      const [name = '', value = ''] = field.trim().split(/=(.*)/s);
      return [name, value];
    }),
  );
  return {
    ...readCredential(fields.get('Credential')),
    signature: fields.get('Signature') ?? '',
    signedHeaders: readSignedHeaders(fields.get('SignedHeaders')),
    signedAtMs: readDate(headers['x-amz-date']?.toString()),
  };
}

function readPresigned(query: URLSearchParams): SignatureClaim {
  const algorithm = query.get('X-Amz-Algorithm');
  if (algorithm !== ALGORITHM) throw incomplete(`X-Amz-Algorithm must be ${ALGORITHM}.`);
  const expiresInSeconds = Number(query.get('X-Amz-Expires') ?? Number.NaN);
  if (!(expiresInSeconds > 0 && expiresInSeconds <= LONGEST_PRESIGN_SECONDS)) {
    throw incomplete(`X-Amz-Expires must be between 1 and ${LONGEST_PRESIGN_SECONDS} seconds.`);
  }
  return {
    ...readCredential(query.get('X-Amz-Credential') ?? undefined),
    signature: query.get('X-Amz-Signature') ?? '',
    signedHeaders: readSignedHeaders(query.get('X-Amz-SignedHeaders') ?? undefined),
    signedAtMs: readDate(query.get('X-Amz-Date') ?? undefined),
    expiresInSeconds,
  };
}

function readCredential(credential = '') {
  const [accessKeyId = '', day, region, service, terminator, ...more] = credential.split('/');
  if (!day || !region || !service || terminator !== 'aws4_request' || more.length > 0) {
    throw incomplete(
      `Credential "${credential}" is not <key>/<yyyymmdd>/<region>/<service>/aws4_request.`,
    );
  }
  return { accessKeyId, region, service };
}

function readSignedHeaders(list = ''): readonly string[] {
  const names = list.split(';');
  if (!names.includes('host')) throw incomplete("'host' must be a signed header.");
  return names;
}

function readDate(basicIso = ''): number {
  const iso = basicIso.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const timeMs = iso === basicIso ? Number.NaN : Date.parse(iso);
  if (Number.isNaN(timeMs)) throw incomplete(`X-Amz-Date "${basicIso}" is not yyyymmddThhmmssZ.`);
  return timeMs;
}

function checkScope(claim: SignatureClaim, region: string): void {
  if (claim.region === region) return;
  throw new ServiceError(
    403,
    'SignatureDoesNotMatch',
    `Credential should be scoped to a valid region: this account is in ${region}, the request was signed for ${claim.region}.`,
  );
}

function checkTime({ signedAtMs, expiresInSeconds }: SignatureClaim, nowMs: number): void {
  if (expiresInSeconds === undefined) {
    if (Math.abs(nowMs - signedAtMs) <= ALLOWED_SKEW_MS) return;
    throw new ServiceError(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
    );
  }
  if (signedAtMs - nowMs > ALLOWED_SKEW_MS) {
    throw new ServiceError(403, 'AccessDenied', 'Request is not valid yet');
  }
  if (nowMs > signedAtMs + expiresInSeconds * 1000) {
    throw new ServiceError(403, 'AccessDenied', 'Request has expired');
  }
}

function checkSessionToken({ headers, query }: SignedRequest, { accessKey }: IssuedKey): void {
  const given = headers['x-amz-security-token'] ?? query.get('X-Amz-Security-Token') ?? undefined;
  if (given === accessKey.sessionToken) return;
  throw new ServiceError(
    403,
    'InvalidClientTokenId',
    'The security token included in the request is invalid.',
  );
}

/** S3 alone refuses headers of its own that the signature does not cover. */
function checkUnsignedHeaders({ headers }: SignedRequest, claim: SignatureClaim): void {
  if (claim.service !== 's3') return;
  const covered = new Set([...claim.signedHeaders, 'x-amz-content-sha256']);
  const unsigned = Object.keys(headers).filter(
    (name) => name.startsWith('x-amz-') && !covered.has(name),
  );
  if (unsigned.length === 0) return;
  throw new ServiceError(
    403,
    'AccessDenied',
    `There were headers present in the request which were not signed: ${unsigned.join(', ')}`,
  );
}

/** Also canonicalises the request, so no rule of SigV4 is written a second time here. */
async function signAgain(
  request: SignedRequest,
  claim: SignatureClaim,
  { accessKey }: IssuedKey,
): Promise<string> {
  const signer = new SignatureV4({
    service: claim.service,
    region: claim.region,
    credentials: accessKey,
    sha256: Hash.bind(null, 'sha256'),
    // S3 signs the path as sent; every other service encodes it once more.
    uriEscapePath: claim.service !== 's3',
    applyChecksum: false,
  });
  const signedHeaders = new Set(claim.signedHeaders);
  const unsigned = asHttpRequest(request, claim);
  const options = {
    signingDate: new Date(claim.signedAtMs),
    signableHeaders: signedHeaders,
    unsignableHeaders: new Set(Object.keys(unsigned.headers).filter((h) => !signedHeaders.has(h))),
  };
  if (claim.expiresInSeconds === undefined) {
    const signed = await signer.sign(unsigned, options);
    return /Signature=(\w+)$/.exec(signed.headers['authorization'] ?? '')?.[1] ?? '';
  }
  const presigned = await signer.presign(unsigned, {
    ...options,
    expiresIn: claim.expiresInSeconds,
    unhoistableHeaders: new Set(Object.keys(unsigned.headers)),
  });
  return String(presigned.query?.['X-Amz-Signature']);
}

function asHttpRequest(request: SignedRequest, claim: SignatureClaim) {
  const query: Record<string, string[]> = {};
  for (const name of new Set(request.query.keys())) query[name] = request.query.getAll(name);
  return {
    method: request.method,
    protocol: 'http:',
    hostname: '127.0.0.1',
    path: request.path,
    query,
    // The signer takes the digest of the body from this header, whether or not it was signed.
    headers: { ...pickSigned(request, claim), 'x-amz-content-sha256': payloadHash(request, claim) },
  };
}

function pickSigned({ headers }: SignedRequest, claim: SignatureClaim): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of claim.signedHeaders) {
    const value = headers[name];
    if (value === undefined) throw mismatch(`The signed header ${name} was not sent.`);
    picked[name] = value.toString();
  }
  return picked;
}

function payloadHash(request: SignedRequest, claim: SignatureClaim): string {
  const declared =
    request.headers['x-amz-content-sha256']?.toString() ??
    request.query.get('X-Amz-Content-Sha256') ??
    request.bodySha256;
  if (declared !== undefined) return declared;
  const presignedObject = claim.service === 's3' && claim.expiresInSeconds !== undefined;
  return presignedObject ? UNSIGNED_PAYLOAD : EMPTY_SHA256;
}

function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function mismatch(detail = ''): ServiceError {
  const message =
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.';
  return new ServiceError(403, 'SignatureDoesNotMatch', `${message} ${detail}`.trim());
}

function incomplete(message: string): ServiceError {
  return new ServiceError(400, 'IncompleteSignature', message);
}
