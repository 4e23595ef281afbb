import { createReadStream, statSync } from 'node:fs';
import type { DatasetDigest, Pointer, PointerName } from '../../functions/contracts/dataset.ts';
import { type OperatorClient, OperatorRefused } from './operator-client.ts';

interface PartTicket {
  readonly partNumber: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface FileTicket {
  readonly uploadId: string;
  readonly partBytes: number;
  readonly parts: readonly PartTicket[];
}

/** An import as the API shows it. */
export interface ShownImport {
  readonly importId: string;
  readonly state:
    | { readonly kind: 'running' }
    | { readonly kind: 'imported'; readonly digest: DatasetDigest }
    | {
        readonly kind: 'refused';
        readonly reason: string;
        readonly faultyRows: number;
        readonly listed: readonly {
          readonly row: number;
          readonly faults: readonly { readonly column?: string; readonly problem: string }[];
        }[];
      };
}

const POLL_MS = 500;

/** What operators do with datasets, over the API. */
export class DatasetClient {
  readonly #client: Pick<OperatorClient, 'request'>;

  constructor(client: Pick<OperatorClient, 'request'>) {
    this.#client = client;
  }

  /** Uploads a file part by part. @returns the id to import it by. */
  async upload(model: string, path: string): Promise<string> {
    const { size: sizeBytes } = statSync(path);
    const ticket = await this.#client.request<FileTicket>('POST', `/v1/datasets/${model}/uploads`, {
      sizeBytes,
    });
    const { uploadId, partBytes, parts } = ticket;
    for (const part of parts) await putPart(part, path, partBytes);
    await this.#client.request('POST', `/v1/datasets/${model}/uploads/${uploadId}/complete`);
    return uploadId;
  }

  /** Waits until an import has ended, however it did. */
  async import(
    model: string,
    uploadId: string,
    options: {
      readonly description?: string;
      readonly columns?: Readonly<Record<string, string | null>>;
    } = {},
  ): Promise<ShownImport> {
    let shown = await this.#client.request<ShownImport>('POST', `/v1/datasets/${model}`, {
      uploadId,
      ...options,
    });
    while (shown.state.kind === 'running') {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      shown = await this.#client.request('GET', `/v1/datasets/${model}/imports/${shown.importId}`);
    }
    return shown;
  }

  /** Undefined before its first move. */
  async pointer(model: string, name: PointerName): Promise<Pointer | undefined> {
    try {
      return await this.#client.request('GET', `/v1/datasets/${model}/pointers/${name}`);
    } catch (error) {
      if (error instanceof OperatorRefused && error.code === 'POINTER_NOT_SET') return undefined;
      throw error;
    }
  }

  move(
    model: string,
    name: PointerName,
    move: {
      readonly digest: string;
      readonly expectedEpoch: number;
      readonly reason: string;
      readonly override?: { readonly reason: string };
    },
  ): Promise<Pointer> {
    return this.#client.request('PUT', `/v1/datasets/${model}/pointers/${name}`, move);
  }
}

async function putPart(
  { partNumber, url, headers }: PartTicket,
  path: string,
  partBytes: number,
): Promise<void> {
  const start = (partNumber - 1) * partBytes;
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(path, { start, end: start + partBytes - 1 }))
    chunks.push(chunk as Buffer);
  const put = await fetch(url, {
    method: 'PUT',
    headers: { ...headers },
    body: Buffer.concat(chunks),
  });
  if (!put.ok)
    throw new Error(`part ${partNumber} was refused: HTTP ${put.status} ${await put.text()}`);
}
