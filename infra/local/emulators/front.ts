import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { jsonError, readBounded } from './aws-json.ts';
import type { Credentials } from './credentials.ts';
import type { Call, Emulator, Place, Reply } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import type { Authorizer } from './policy.ts';
import { readSignature, type SignedRequest, verifySignature } from './signature.ts';

/** The most that is held in memory to hash a body whose digest the client did not send. */
const LARGEST_UNDECLARED_BYTES = 16 * 1024 * 1024;

/** What the front needs of the rest of the runner. */
export interface FrontOptions {
  readonly emulators: readonly Emulator[];
  readonly credentials: Credentials;
  readonly authorizer: Authorizer;
  readonly place: Place;
  /** Told of every failure that is not the caller's; the caller sees only InternalFailure. */
  readonly onFault: (fault: unknown) => void;
}

/**
 * The one HTTP entrance to the emulated services: it authenticates every call by SigV4, finds the
 * service by the credential scope, and answers in that service's protocol. Clients may go away at
 * any moment, as functions that run into their time-out do.
 */
export function createFront(
  options: FrontOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const emulators = new Map(options.emulators.map((emulator) => [emulator.signingName, emulator]));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    const signed = readRequest(request);
    let emulator: Emulator | undefined;
    let reply: Reply;
    try {
      emulator = findEmulator(emulators, signed, request);
      reply = await emulator.handle(await openCall(request, signed, options));
    } catch (failure) {
      if (request.destroyed && !request.complete) return;
      const error = asServiceError(failure, options.onFault);
      reply = emulator?.renderError?.(error, { path: signed.path, requestId }) ?? jsonError(error);
    }
    await send(reply, response, { method: request.method, requestId });
    // What a refused upload still sends has to go somewhere before the connection is used again.
    if (!request.complete) request.resume();
  }

  return (request, response) => {
    // An aborted upload fails where its body is read; without this it would be an uncaught error.
    request.on('error', () => {});
    answer(request, response).catch((failure: unknown) => {
      response.destroy();
      if (!isDisconnect(failure)) options.onFault(failure);
    });
  };
}

function readRequest({ method = '', url = '/', headers }: IncomingMessage): SignedRequest {
  const [path = '/', search = ''] = url.split(/\?(.*)/s);
  return { method, path, query: new URLSearchParams(search), headers };
}

function findEmulator(
  emulators: ReadonlyMap<string, Emulator>,
  signed: SignedRequest,
  request: IncomingMessage,
): Emulator {
  // Only S3 is called without credentials in earnest, and there it must be refused in XML.
  const isAnonymous =
    !request.headers.authorization?.startsWith('AWS4') && !signed.query.has('X-Amz-Signature');
  const looksLikeS3 = isAnonymous && request.headers['x-amz-target'] === undefined;
  const service = looksLikeS3 ? 's3' : readSignature(signed).service;
  const emulator = emulators.get(service);
  if (emulator !== undefined) return emulator;
  throw new ServiceError(
    501,
    'NotImplemented',
    `The service ${service} is not emulated locally. Emulated: ${[...emulators.keys()].join(', ')}.`,
  );
}

/** Authenticates the request; its body is checked against the signed digest while it is read. */
async function openCall(
  request: IncomingMessage,
  signed: SignedRequest,
  { credentials, authorizer, place }: FrontOptions,
): Promise<Call> {
  const { body, bodySha256 } = await openBody(request, signed);
  const { principal } = await verifySignature({ ...signed, bodySha256 }, credentials, place);
  return {
    principal,
    method: signed.method,
    path: signed.path,
    query: signed.query,
    headers: request.headers,
    body,
    authorize: (action, resourceArn, context) =>
      authorizer.authorize(principal, action, resourceArn, context),
  };
}

async function openBody(
  request: IncomingMessage,
  { headers, query }: SignedRequest,
): Promise<{ body: Readable; bodySha256?: string }> {
  const declared = headers['x-amz-content-sha256']?.toString();
  const isDigest = declared !== undefined && /^[0-9a-f]{64}$/.test(declared);
  // Presigned requests and streaming uploads leave the payload out of the signature.
  if (declared !== undefined || query.has('X-Amz-Signature')) {
    const bytes = receive(request, isDigest ? declared : undefined);
    return { body: Readable.from(bytes, { objectMode: false }) };
  }
  const content = await readBounded(request, LARGEST_UNDECLARED_BYTES);
  const bodySha256 = createHash('sha256').update(content).digest('hex');
  return { body: Readable.from([content]), bodySha256 };
}

/** The bytes of a request; giving up on them leaves the connection whole, so that the error arrives. */
async function* receive(
  request: IncomingMessage,
  declaredSha256: string | undefined,
): AsyncGenerator<Buffer> {
  const digest = createHash('sha256');
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (declaredSha256 !== undefined) digest.update(chunk);
    yield chunk;
  }
  if (declaredSha256 === undefined || digest.digest('hex') === declaredSha256) return;
  throw new ServiceError(
    400,
    'XAmzContentSHA256Mismatch',
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  );
}

async function send(
  { status, headers, body }: Reply,
  response: ServerResponse,
  { method, requestId }: { method: string | undefined; requestId: string },
): Promise<void> {
  const ids = { 'x-amzn-requestid': requestId, 'x-amz-request-id': requestId };
  response.writeHead(status, {
    ...ids,
    ...headers,
    ...(!(body instanceof Readable) &&
      !('content-length' in headers) && {
        'content-length': Buffer.byteLength(body),
      }),
  });
  if (body instanceof Readable) await pipeline(body, response);
  else response.end(method === 'HEAD' ? undefined : body);
}

function asServiceError(failure: unknown, onFault: (fault: unknown) => void): ServiceError {
  if (failure instanceof ServiceError) return failure;
  onFault(failure);
  return new ServiceError(500, 'InternalFailure', 'The local emulator failed; its log says why.');
}

function isDisconnect(failure: unknown): boolean {
  const code = failure instanceof Error && 'code' in failure ? failure.code : undefined;
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'EPIPE';
}
