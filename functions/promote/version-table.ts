import { type DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import { LIMITS } from '../contracts/limits.ts';
import { type Digest, Version, VersionNumber } from '../contracts/version.ts';
import { isLostRace } from '../runtime/transaction.ts';
import { NumberedItems } from './numbered-items.ts';

/** Sorts as numbers do. */
export const versionKey = (version: string): string => `version#${version.padStart(10, '0')}`;
const digestKey = (digest: Digest): string => `digest#${digest}`;

/** The only code that touches the version table: versions, one marker a digest, one counter a model. */
export class VersionTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #items: NumberedItems;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#items = new NumberedItems(client, table);
  }

  async find(model: string, version: string, signal?: AbortSignal): Promise<Version | undefined> {
    const item = await this.#items.get(model, versionKey(version), signal);
    return item && readVersion(item);
  }

  async findByDigest(model: string, digest: Digest): Promise<Version | undefined> {
    const marker = await this.#items.get(model, digestKey(digest));
    return marker && this.find(model, String(marker['version']));
  }

  /** Newest first. @param before the oldest version of the page before. */
  async list(model: string, before?: string): Promise<{ versions: Version[]; next?: string }> {
    const from = before && versionKey(before);
    const { items, isLast } = await this.#items.newest(model, 'version#', from);
    const versions = items.map(readVersion);
    const last = versions.at(-1);
    return { versions, ...(!isLast && last && { next: last.version }) };
  }

  /**
   * Gives the next number to a new version, or returns the version that has this digest already:
   * the same artifact registered twice is one version.
   */
  async register(draft: Omit<Version, 'version'>): Promise<Version> {
    for (let attempt = 0; attempt < LIMITS.registrationAttempts; attempt += 1) {
      const known = await this.findByDigest(draft.model, draft.digest);
      if (known) return known;
      const last = await this.#items.lastNumber(draft.model);
      const version = { ...draft, version: VersionNumber.parse(String(last + 1)) };
      if (await this.#insert(version, last)) return version;
    }
    throw new Error(
      `${LIMITS.registrationAttempts} registrations of ${draft.model} were overtaken by others`,
    );
  }

  /** False when the counter or the digest was taken in between. */
  async #insert(version: Version, last: number): Promise<boolean> {
    const { model, digest, version: number } = version;
    const items = this.#items;
    try {
      await this.#client.send(
        new TransactWriteCommand({
          TransactItems: [
            items.takeNumber(model, last),
            items.putNew({ ...version, sk: versionKey(number) }),
            items.putNew({ model, sk: digestKey(digest), version: number }),
          ],
        }),
      );
      return true;
    } catch (error) {
      if (isLostRace(error)) return false;
      throw error;
    }
  }
}

function readVersion({ sk: _sk, ...item }: Readonly<Record<string, unknown>>): Version {
  return Version.parse(item);
}
