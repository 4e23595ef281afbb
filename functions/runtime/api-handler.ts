import middy from '@middy/core';
import type {
  APIGatewayProxyEvent,
  APIGatewayProxyResult,
  Context,
  LambdaFunctionURLEventWithIAMAuthorizer,
} from 'aws-lambda';
import { ApiError, internalFailure } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import { describeError, log } from './log.ts';

/** A request as the handlers of one path see it, whatever its encoding on the way was. */
export interface ApiRequest {
  readonly method: string;
  /** Path segments after the stage, percent-decoded. */
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string | undefined>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** API key id of a caller, or ARN of an operator; what a prediction belongs to. */
  readonly caller: string;
}

export interface ApiReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string or Buffer goes out as it is, anything else as JSON. */
  readonly body: unknown;
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** Composes a handler of API events: every failure leaves as the error shape of the API. */
export const apiHandler = (answer: (request: ApiRequest, context: Context) => Promise<ApiReply>) =>
  middy<ApiEvent, APIGatewayProxyResult>()
    .onError((failure) => {
      failure.response = renderFailure(failure.error);
    })
    .handler(async (event: ApiEvent, context: Context) =>
      renderReply(await answer(readRequest(event), context)),
    );

/** What REST APIs (payload 1.0) and function URLs (payload 2.0) hand over. */
type ApiEvent = APIGatewayProxyEvent | LambdaFunctionURLEventWithIAMAuthorizer;

function readRequest(event: ApiEvent): ApiRequest {
  return {
    ...readEnvelope(event),
    query: event.queryStringParameters ?? {},
    headers: lowerCaseNames(event.headers ?? {}),
    body: event.body
      ? Buffer.from(event.body, event.isBase64Encoded ? 'base64' : 'utf8')
      : Buffer.alloc(0),
  };
}

function readEnvelope(event: ApiEvent): Pick<ApiRequest, 'method' | 'path' | 'caller'> {
  if ('httpMethod' in event) {
    const { apiKeyId, userArn } = event.requestContext.identity;
    return {
      method: event.httpMethod,
      path: readPath(event.path),
      caller: apiKeyId ?? userArn ?? 'unknown',
    };
  }
  const { http, authorizer } = event.requestContext;
  return {
    method: http.method,
    path: readPath(event.rawPath),
    caller: authorizer.iam.userArn,
  };
}

function readPath(path: string): string[] {
  try {
    return (
      path
        .split('/')
        .filter((segment) => segment !== '')
        // Decoding what has nothing to decode still costs a microsecond a segment.
        .map((segment) => (segment.includes('%') ? decodeURIComponent(segment) : segment))
    );
  } catch (cause) {
    // decodeURIComponent knows one failure only.
    throw new ApiError(400, 'BAD_PATH', `the path "${path}" holds a malformed % escape`, [
      String(cause),
    ]);
  }
}

function lowerCaseNames(headers: ApiEvent['headers']) {
  const lower: Record<string, string | undefined> = {};
  for (const name in headers) lower[name.toLowerCase()] = headers[name];
  return lower;
}

function renderReply({ status, headers, body }: ApiReply): APIGatewayProxyResult {
  if (Buffer.isBuffer(body))
    return {
      statusCode: status,
      headers: { ...headers },
      body: body.toString('base64'),
      isBase64Encoded: true,
    };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  refuseTooLarge(text);
  return {
    statusCode: status,
    headers: { ...JSON_TYPE, ...headers },
    body: text,
    isBase64Encoded: false,
  };
}

/** Lambda counts the bytes of the answer once it is JSON in JSON, where quotes are escaped again. */
function refuseTooLarge(text: string): void {
  if (text.length * SHORT_FACTOR <= LIMITS.escapedResponseBytes) return;
  const bytes = Buffer.byteLength(JSON.stringify(text));
  if (bytes <= LIMITS.escapedResponseBytes) return;
  const message = `the answer takes ${bytes} bytes, at most ${LIMITS.escapedResponseBytes} can be sent: ask for fewer rows`;
  throw new ApiError(413, 'REPLY_TOO_LARGE', message);
}

/** No character takes more bytes than this once it is escaped and in UTF-8. */
const SHORT_FACTOR = 6;

function renderFailure(error: unknown): APIGatewayProxyResult {
  if (error instanceof ApiError)
    return renderReply({ status: error.status, headers: error.headers, body: error.toBody() });
  log({ kind: 'failure', ...describeError(error) });
  return renderFailure(internalFailure());
}
