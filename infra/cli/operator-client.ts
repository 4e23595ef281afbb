import { createHash } from 'node:crypto';
import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import type { DatasetProfile } from '../../functions/contracts/dataset-profile.ts';
import type { Route } from '../../functions/contracts/route.ts';
import type { Version } from '../../functions/contracts/version.ts';

export interface OperatorClientOptions {
  /** Of the API, with the stage where there is one. */
  readonly url: string;
  readonly region: string;
  /** Keys, or a provider of keys. */
  readonly credentials: ConstructorParameters<typeof SignatureV4>[0]['credentials'];
}

/** An answer that is no success, in the API's words. */
export class OperatorRefused extends Error {
  override readonly name = 'OperatorRefused';
  readonly status: number;
  readonly code: string;
  readonly details: readonly string[];

  constructor(
    status: number,
    { error, code, details = [] }: { error?: string; code?: string; details?: readonly string[] },
  ) {
    super([error ?? `HTTP ${status}`, ...details].join('\n  '));
    this.status = status;
    this.code = code ?? '';
    this.details = details;
  }
}

interface UploadTicket {
  readonly uploadId: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What operators do, over the API, signed with SigV4. */
export class OperatorClient {
  readonly #options: OperatorClientOptions;
  readonly #signer: SignatureV4;

  constructor(options: OperatorClientOptions) {
    this.#options = options;
    const { credentials, region } = options;
    this.#signer = new SignatureV4({
      service: 'execute-api',
      region,
      credentials,
      sha256: Hash.bind(null, 'sha256'),
    });
  }

  /** Uploads an artifact and makes it a version. @param profile of what it was trained on. @throws OperatorRefused with every reason. */
  async register(
    model: string,
    artifact: Uint8Array,
    description: string,
    profile?: DatasetProfile,
  ): Promise<Version> {
    const digest = createHash('sha256').update(artifact).digest('hex');
    const ticket = await this.request<UploadTicket>('POST', `/v1/versions/${model}/uploads`, {
      digest,
      sizeBytes: artifact.length,
    });
    const put = await fetch(ticket.url, {
      method: 'PUT',
      headers: { ...ticket.headers },
      body: Buffer.from(artifact),
    });
    if (!put.ok) throw new Error(`the upload was refused: HTTP ${put.status} ${await put.text()}`);
    return this.request('POST', `/v1/versions/${model}`, {
      uploadId: ticket.uploadId,
      digest,
      description,
      profile,
    });
  }

  async versions(model: string): Promise<Version[]> {
    const versions: Version[] = [];
    for (let cursor: string | null | undefined = ''; typeof cursor === 'string'; ) {
      const page: { versions: Version[]; cursor: string | null } = await this.request(
        'GET',
        `/v1/versions/${model}`,
        undefined,
        cursor ? { cursor } : {},
      );
      versions.push(...page.versions);
      cursor = page.cursor;
    }
    return versions;
  }

  /** Undefined while the model has no champion. */
  async route(model: string): Promise<Route | undefined> {
    try {
      return await this.request('GET', `/v1/routes/${model}`);
    } catch (error) {
      if (error instanceof OperatorRefused && error.code === 'NO_ROUTE') return undefined;
      throw error;
    }
  }

  /** @returns the route, or undefined while the version's endpoint is being made: ask again. */
  async setChampion(
    model: string,
    champion: string,
    expectedEpoch: number,
    reason: string,
  ): Promise<Route | undefined> {
    const answer = await this.request<Route | { state: string }>('PUT', `/v1/routes/${model}`, {
      champion,
      expectedEpoch,
      reason,
    });
    return 'epoch' in answer ? answer : undefined;
  }

  async request<Answer>(
    method: string,
    path: string,
    body?: unknown,
    query: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const response = await this.#send(method, path, body, query, headers);
    return (await response.json()) as Answer;
  }

  /** An answer that is no JSON, such as a page. */
  async text(path: string, accept: string): Promise<string> {
    return (await this.#send('GET', path, undefined, {}, { accept })).text();
  }

  /** @throws OperatorRefused */
  async #send(
    method: string,
    path: string,
    body: unknown,
    query: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>>,
  ): Promise<Response> {
    const base = new URL(this.#options.url);
    const url = new URL(`${base.pathname.replace(/\/$/, '')}${path}`, base);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const signed = await this.#signer.sign({
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: { ...query },
      headers: {
        host: url.host,
        ...headers,
        ...(text !== undefined && { 'content-type': 'application/json' }),
      },
      ...(text !== undefined && { body: text }),
    });
    const response = await fetch(url, {
      method,
      headers: signed.headers,
      ...(text !== undefined && { body: text }),
    });
    if (!response.ok) throw new OperatorRefused(response.status, (await response.json()) as object);
    return response;
  }
}
