import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface SmokeRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes go as they are, without a Content-Type; anything else goes as JSON, with one. */
  readonly body?: Buffer | object;
  /** Another key than the caller's own. */
  readonly key?: string;
}

export interface SmokeReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/** API Gateway answers within 29 s, or has given up. */
const PATIENCE_MS = 35_000;

/** Calls an API with exactly the headers that a step names: `fetch` would add some. */
export class SmokeClient {
  readonly #url: string;
  readonly #key: string;

  /** @param url of the API, with the stage where there is one. */
  constructor(url: string, key: string) {
    this.#url = url.replace(/\/+$/, '');
    this.#key = key;
  }

  /** @throws when nobody answers. */
  send({ method, path, headers, body, key = this.#key }: SmokeRequest): Promise<SmokeReply> {
    const isJson = body !== undefined && !Buffer.isBuffer(body);
    const bytes = isJson ? Buffer.from(JSON.stringify(body)) : body;
    const url = new URL(`${this.#url}${path}`);
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const { promise, resolve, reject } = Promise.withResolvers<SmokeReply>();
    const sent = request(
      url,
      {
        method,
        timeout: PATIENCE_MS,
        headers: {
          'x-api-key': key,
          ...(isJson && { 'content-type': 'application/json' }),
          ...(bytes && { 'content-length': bytes.length }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)));
    sent.on('error', reject);
    sent.end(bytes);
    return promise;
  }
}
