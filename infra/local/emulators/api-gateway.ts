import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';
import type { Outcome } from '../workers/environment.ts';
import { UsagePlans } from './api-gateway-plans.ts';
import { Refusals, type RefusalType } from './api-gateway-refusals.ts';
import { ApiRoutes, type Match } from './api-gateway-routes.ts';
import { readBounded } from './aws-json.ts';
import type { Credentials } from './credentials.ts';
import { type Place, type Resource, ServiceError } from './emulator.ts';
import { isRecord } from './json.ts';
import { type Authorizer, callerArn } from './policy.ts';
import { verifySignature } from './signature.ts';

export interface ApiGatewayOptions {
  readonly place: Place;
  readonly clock: Clock;
  readonly secret: string;
  readonly credentials: Credentials;
  readonly authorizer: Authorizer;
  readonly invoke: (functionArn: string, payload: string, sourceArn: string) => Promise<Outcome>;
  readonly onFault: (fault: unknown) => void;
}

/** API Gateway takes no larger request. */
const LARGEST_REQUEST_BYTES = 10 * 1024 * 1024;
/** Its default for the answer of an integration. */
const INTEGRATION_TIMEOUT_MS = 29_000;

/** API Gateway's own answer, by type. */
class Refused extends Error {
  override readonly name = 'Refused';
  readonly type: RefusalType;
  readonly words: string | undefined;
  constructor(type: RefusalType, words?: string) {
    super(words ?? type);
    this.type = type;
    this.words = words;
  }
}

interface Caller {
  readonly apiKeyId: string | null;
  readonly userArn: string | null;
}

/** One REST API on a port: paths, keys, signatures, limits and Lambda proxy integrations. */
export class ApiGateway {
  readonly plans: UsagePlans;
  readonly #options: ApiGatewayOptions;
  readonly #api: Resource;
  readonly stage: string;
  readonly #routes: ApiRoutes;
  readonly #refusals: Refusals;

  constructor(api: Resource, resources: readonly Resource[], options: ApiGatewayOptions) {
    this.#options = options;
    this.#api = api;
    this.stage = resources.find(({ type }) => type === 'AWS::ApiGateway::Stage')?.ref ?? '';
    this.#routes = new ApiRoutes(api, resources);
    this.#refusals = new Refusals(resources);
    this.plans = new UsagePlans(resources, options.secret, options.clock);
  }

  get name(): string {
    return String(this.#api.properties['Name']);
  }

  /** For `http.createServer`. Paths begin where the stage's would, as behind a custom domain. */
  readonly listener: RequestListener = (request, response) => {
    // A caller that hangs up is not a fault of anybody here.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    this.#answer(request, response).catch((fault: unknown) => {
      const refused = fault instanceof Refused ? fault : new Refused('INTEGRATION_FAILURE');
      if (refused !== fault) this.#options.onFault(fault);
      const { status, body } = this.#refusals.render(refused.type, refused.words);
      if (!response.headersSent)
        response.writeHead(status, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        });
      response.end(body);
      request.resume();
    });
  };

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = readUrl(request.url ?? '/');
    const body = await readBounded(request, LARGEST_REQUEST_BYTES).catch((error: unknown) => {
      throw error instanceof ServiceError ? new Refused('REQUEST_TOO_LARGE') : error;
    });
    const segments = url.pathname.split('/').filter((segment) => segment !== '');
    const match = this.#routes.find(request.method ?? 'GET', segments);
    if (!match) throw new Refused('MISSING_AUTHENTICATION_TOKEN');
    const caller = await this.#admit(request, url, body, match);
    const event = this.#event(request, url, body, match, caller);
    this.#render(await this.#integrate(match, event, request, url), response);
  }

  async #admit(
    request: IncomingMessage,
    url: URL,
    body: Buffer,
    { method }: Match,
  ): Promise<Caller> {
    const userArn = method.isSigned ? await this.#verify(request, url, body) : null;
    if (!method.isKeyRequired) return { apiKeyId: null, userArn };
    const value = request.headers['x-api-key'];
    const admission = this.plans.admit(Array.isArray(value) ? value[0] : value);
    switch (admission.kind) {
      case 'admitted':
        return { apiKeyId: admission.keyId, userArn };
      case 'unknown-key':
        throw new Refused('INVALID_API_KEY');
      case 'throttled':
        throw new Refused('THROTTLED');
      case 'quota-exceeded':
        throw new Refused('QUOTA_EXCEEDED');
    }
  }

  /** @returns the ARN of whoever signed. */
  async #verify(request: IncomingMessage, url: URL, body: Buffer): Promise<string> {
    const { credentials, authorizer, place } = this.#options;
    if (request.headers.authorization === undefined)
      throw new Refused('MISSING_AUTHENTICATION_TOKEN');
    try {
      const { principal, claim } = await verifySignature(
        {
          method: request.method ?? 'GET',
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers,
          bodySha256: createHash('sha256').update(body).digest('hex'),
        },
        credentials,
        place,
      );
      if (claim.service !== 'execute-api')
        throw new Refused(
          'INVALID_SIGNATURE',
          `Credential should be scoped to correct service: 'execute-api'.`,
        );
      const arn = this.#executeArn(`${request.method}${url.pathname}`);
      const decision = authorizer.decide(principal, 'execute-api:Invoke', arn);
      if (decision.kind === 'refused') throw new Refused('ACCESS_DENIED', decision.message);
      return callerArn(principal, place);
    } catch (error) {
      if (error instanceof ServiceError) throw new Refused('INVALID_SIGNATURE', error.message);
      throw error;
    }
  }

  async #integrate(
    { method }: Match,
    event: object,
    request: IncomingMessage,
    url: URL,
  ): Promise<Outcome> {
    const sourceArn = this.#executeArn(`${request.method}${url.pathname}`);
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => timeout.reject(new Refused('INTEGRATION_TIMEOUT')),
      INTEGRATION_TIMEOUT_MS,
    );
    try {
      return await Promise.race([
        this.#options.invoke(method.functionArn, JSON.stringify(event), sourceArn),
        timeout.promise,
      ]);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.status === 413) throw new Refused('REQUEST_TOO_LARGE');
      if (error.status === 429) throw new Refused('THROTTLED');
      this.#options.onFault(error);
      throw new Refused('API_CONFIGURATION_ERROR');
    } finally {
      clearTimeout(timer);
    }
  }

  #executeArn(resource: string): string {
    const { region, account } = this.#options.place;
    return `arn:aws:execute-api:${region}:${account}:${this.#api.ref}/${this.stage}/${resource}`;
  }

  /** https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html */
  #event(
    request: IncomingMessage,
    url: URL,
    body: Buffer,
    { method, pathParameters }: Match,
    caller: Caller,
  ): object {
    const requestId = randomUUID();
    const single = Object.entries(request.headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value] as const],
    );
    const query = [...new Set(url.searchParams.keys())];
    return {
      resource: method.resourcePath,
      path: url.pathname,
      httpMethod: request.method,
      headers: Object.fromEntries(single),
      multiValueHeaders: Object.fromEntries(single.map(([name, value]) => [name, [value]])),
      queryStringParameters:
        query.length === 0
          ? null
          : Object.fromEntries(query.map((name) => [name, url.searchParams.getAll(name).at(-1)])),
      multiValueQueryStringParameters:
        query.length === 0
          ? null
          : Object.fromEntries(query.map((name) => [name, url.searchParams.getAll(name)])),
      pathParameters,
      stageVariables: null,
      requestContext: {
        accountId: this.#options.place.account,
        apiId: this.#api.ref,
        httpMethod: request.method,
        identity: {
          ...caller,
          sourceIp: request.socket.remoteAddress ?? '',
          userAgent: request.headers['user-agent'] ?? null,
        },
        path: `/${this.stage}${url.pathname}`,
        protocol: `HTTP/${request.httpVersion}`,
        requestId,
        requestTimeEpoch: Math.floor(this.#options.clock.nowMs()),
        resourcePath: method.resourcePath,
        stage: this.stage,
      },
      body: body.length === 0 ? null : body.toString('base64'),
      // The API's binary media types are */*, so every body comes as bytes.
      isBase64Encoded: body.length > 0,
    };
  }

  #render(outcome: Outcome, response: ServerResponse): void {
    if (outcome.kind === 'failed') {
      this.#options.onFault(
        new Error(`${outcome.failure.errorType}: ${outcome.failure.errorMessage}`),
      );
      throw new Refused('INTEGRATION_FAILURE', 'Internal server error');
    }
    const reply: unknown = JSON.parse(outcome.payload);
    if (!isRecord(reply) || typeof reply['statusCode'] !== 'number')
      throw new Refused('INTEGRATION_FAILURE', 'Internal server error');
    const text = typeof reply['body'] === 'string' ? reply['body'] : '';
    const body = Buffer.from(text, reply['isBase64Encoded'] === true ? 'base64' : 'utf8');
    const headers = isRecord(reply['headers']) ? (reply['headers'] as Record<string, string>) : {};
    response.writeHead(reply['statusCode'], {
      'content-type': 'application/json',
      ...headers,
      'content-length': body.length,
    });
    response.end(body);
  }
}

/** @throws Refused for a target that is no path, such as `http://[`; `//` is the root and no host. */
function readUrl(target: string): URL {
  const url = URL.parse(`http://localhost${target.startsWith('/') ? target : `/${target}`}`);
  if (!url) throw new Refused('MISSING_AUTHENTICATION_TOKEN');
  return url;
}
