import type { Resource } from './emulator.ts';
import { isRecord } from './json.ts';

/** What API Gateway answers by itself, and its words where the template has none. */
const DEFAULTS = {
  ACCESS_DENIED: [403, 'User is not authorized to access this resource'],
  INVALID_API_KEY: [403, 'Forbidden'],
  INVALID_SIGNATURE: [
    403,
    'The request signature we calculated does not match the signature you provided.',
  ],
  MISSING_AUTHENTICATION_TOKEN: [403, 'Missing Authentication Token'],
  EXPIRED_TOKEN: [403, 'The security token included in the request is expired'],
  THROTTLED: [429, 'Too Many Requests'],
  QUOTA_EXCEEDED: [429, 'Limit Exceeded'],
  REQUEST_TOO_LARGE: [413, 'Request Too Long'],
  INTEGRATION_FAILURE: [504, 'Internal server error'],
  INTEGRATION_TIMEOUT: [504, 'Endpoint request timed out'],
  API_CONFIGURATION_ERROR: [500, 'Internal server error'],
} as const satisfies Record<string, readonly [number, string]>;

export type RefusalType = keyof typeof DEFAULTS;

export interface Refusal {
  readonly status: number;
  readonly body: string;
}

/** The template's gateway responses: API Gateway's own refusals, rewritten. */
export class Refusals {
  readonly #responses: ReadonlyMap<string, Resource['properties']>;

  constructor(resources: readonly Resource[]) {
    this.#responses = new Map(
      resources
        .filter(({ type }) => type === 'AWS::ApiGateway::GatewayResponse')
        .map(({ properties }) => [String(properties['ResponseType']), properties]),
    );
  }

  /** @param words what API Gateway would say; its own default where absent. */
  render(type: RefusalType, words?: string): Refusal {
    const [defaultStatus, defaultWords] = DEFAULTS[type];
    const fallback = defaultStatus < 500 ? 'DEFAULT_4XX' : 'DEFAULT_5XX';
    const response = this.#responses.get(type) ?? this.#responses.get(fallback);
    const status = Number(response?.['StatusCode'] ?? defaultStatus);
    const templates = response?.['ResponseTemplates'];
    const template =
      isRecord(templates) && typeof templates['application/json'] === 'string'
        ? templates['application/json']
        : '{"message":$context.error.messageString}';
    const body = template
      .replaceAll('$context.error.messageString', () => JSON.stringify(words ?? defaultWords))
      .replaceAll('$context.error.responseType', () => type);
    return { status, body };
  }
}
