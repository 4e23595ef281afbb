import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type * as z from 'zod';
import type { Call, Reply } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import type { InjectedFaults } from './injected-faults.ts';
import { isRecord, type JsonObject } from './json.ts';

/** No JSON service takes more: DynamoDB's BatchWriteItem, at 16 MB, takes the most. */
const LARGEST_BODY_BYTES = 16 * 1024 * 1024;

/** One operation of an AWS JSON service: the parsed input in, the output to serialize out. */
export type Operation = (input: JsonObject, call: Call) => Promise<object>;

/** A service whose operations are named in the `x-amz-target` header. */
export interface JsonService {
  /** For messages: `DynamoDB`. */
  readonly name: string;
  /** What comes before the dot in `x-amz-target`: `DynamoDB_20120810`. */
  readonly targetPrefix: string;
  readonly version: '1.0' | '1.1';
  readonly operations: Readonly<Record<string, Operation>>;
  readonly faults?: InjectedFaults | undefined;
}

/** Answers a call of the awsJson 1.0 or 1.1 protocol with the operation its target names. */
export async function dispatch(service: JsonService, call: Call): Promise<Reply> {
  const target = call.headers['x-amz-target']?.toString();
  const operation = findOperation(service, target);
  const input = parseJson(await readBody(call));
  service.faults?.check(service.name, target?.split('.').at(-1) ?? '', input);
  return jsonReply(200, await operation(input, call), `application/x-amz-json-${service.version}`);
}

function findOperation(service: JsonService, target = ''): Operation {
  const [prefix, name = ''] = target.split('.');
  const operation = Object.hasOwn(service.operations, name) ? service.operations[name] : undefined;
  if (prefix === service.targetPrefix && operation !== undefined) return operation;
  throw notEmulated(service.name, target || '(no x-amz-target)', Object.keys(service.operations));
}

/** What an operation that no function of Slipway uses answers. */
export function notEmulated(
  service: string,
  operation: string,
  emulated: readonly string[],
): ServiceError {
  return new ServiceError(
    501,
    'NotImplemented',
    `${service}: ${operation} is not emulated locally, because nothing in Slipway calls it. Emulated: ${emulated.join(', ')}.`,
  );
}

/** The whole body of a call, unpacked when it came gzipped; over the limit it is 413. */
export async function readBody(
  { body, headers }: Pick<Call, 'body' | 'headers'>,
  limitBytes = LARGEST_BODY_BYTES,
): Promise<Buffer> {
  const received = await readBounded(body, limitBytes);
  if (headers['content-encoding'] !== 'gzip') return received;
  try {
    return await promisify(gunzip)(received, { maxOutputLength: limitBytes });
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLarge(limitBytes);
    throw new ServiceError(400, 'SerializationException', 'The gzipped body cannot be unpacked.');
  }
}

/** Collects a stream that must not grow beyond the limit. */
export async function readBounded(body: Readable, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > limitBytes) throw tooLarge(limitBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(limitBytes: number): ServiceError {
  return new ServiceError(
    413,
    'RequestEntityTooLargeException',
    `The request body is larger than ${limitBytes} bytes.`,
  );
}

function parseJson(body: Buffer): JsonObject {
  if (body.length === 0) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString());
  } catch {
    throw new ServiceError(400, 'SerializationException', 'The request body is not JSON.');
  }
  if (isRecord(parsed)) return parsed;
  throw new ServiceError(400, 'SerializationException', 'The request body is not a JSON object.');
}

/** Checks an operation's input; what is wrong is named by its path, as a ValidationException. */
export function parseInput<T>(schema: z.ZodType<T>, input: JsonObject): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'input'}: ${message}`,
  );
  throw new ServiceError(400, 'ValidationException', problems.join('; '));
}

/** A JSON answer; members that are undefined fall out of it. */
export function jsonReply(status: number, output: object, contentType: string): Reply {
  return { status, headers: { 'content-type': contentType }, body: JSON.stringify(output) };
}

/** An error that awsJson clients read from `__type` and restJson clients from the header. */
export function jsonError({ status, code, message, members }: ServiceError): Reply {
  const body = { __type: code, message, ...members };
  const reply = jsonReply(status, body, 'application/x-amz-json-1.0');
  return { ...reply, headers: { ...reply.headers, 'x-amzn-errortype': code } };
}
