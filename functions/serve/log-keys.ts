import type { KeyObject } from 'node:crypto';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Sealed } from '../contracts/prediction-line.ts';
import type { Clock } from '../runtime/clock.ts';
import { describeError, type log } from '../runtime/log.ts';
import { type DataKey, keyedHash, seal } from '../runtime/sealing.ts';

export interface LogKeySource {
  newDataKey(): Promise<DataKey>;
  /** The same for every environment of the stage. */
  hashSecret(): Promise<KeyObject>;
}

/** What a request's log is made with; a member is absent when it is not needed, or there is no key. */
export interface LogKeys {
  readonly seal?: (text: string, boundTo: string) => Sealed;
  readonly hash?: (text: string) => string;
  /** Set when a key is needed and KMS gave none: what needs it stays out of the log. */
  readonly isMissing?: boolean;
}

export const NO_KEYS: LogKeys = {};

export const sealsLog = ({ features }: ModelSpec): boolean =>
  features.some(({ log: policy }) => policy === 'sealed');
export const hashesLog = ({ features, promotion }: ModelSpec): boolean =>
  promotion.unitLog === 'hash' || features.some(({ log: policy }) => policy === 'hash');

/** Keys of one environment. They are asked for on the request's path, as a frozen environment does nothing. */
export class LogKeyCache {
  readonly #source: LogKeySource;
  readonly #clock: Clock;
  readonly #log: typeof log;
  readonly #needs: { readonly seals: boolean; readonly hashes: boolean };
  #dataKey: DataKey | undefined;
  #dataKeyUntilMs = 0;
  #usesLeft = 0;
  #secret: KeyObject | undefined;
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(source: LogKeySource, spec: ModelSpec, clock: Clock, writeLog: typeof log) {
    this.#source = source;
    this.#log = writeLog;
    this.#clock = clock;
    this.#needs = { seals: sealsLog(spec), hashes: hashesLog(spec) };
  }

  /** Never fails: a prediction is worth more than its log. */
  async current(): Promise<LogKeys> {
    if (this.#isRefreshDue()) await this.#refresh();
    const dataKey = this.#needs.seals ? this.#dataKey : undefined;
    const secret = this.#needs.hashes ? this.#secret : undefined;
    this.#usesLeft -= 1;
    return {
      ...(dataKey && { seal: (text, boundTo) => seal(dataKey, text, boundTo) }),
      ...(secret && { hash: (text) => keyedHash(secret, text) }),
      ...(this.#isIncomplete() && { isMissing: true }),
    };
  }

  #isIncomplete(): boolean {
    return (this.#needs.seals && !this.#dataKey) || (this.#needs.hashes && !this.#secret);
  }

  #isRefreshDue(): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#retryAtMs) return false;
    const isOld = this.#needs.seals && (this.#usesLeft <= 0 || nowMs >= this.#dataKeyUntilMs);
    return isOld || this.#isIncomplete();
  }

  /** An old data key serves on while KMS gives no new one: it is as secret as it was. */
  async #refresh(): Promise<void> {
    const startedMs = this.#clock.nowMs();
    try {
      if (this.#needs.hashes) this.#secret ??= await this.#source.hashSecret();
      if (!this.#needs.seals) return;
      this.#dataKey = await this.#source.newDataKey();
      this.#dataKeyUntilMs = startedMs + LIMITS.dataKeyAgeMs;
      this.#usesLeft = LIMITS.dataKeyUses;
    } catch (error) {
      this.#retryAtMs = this.#clock.nowMs() + LIMITS.failedKeyRetryMs;
      this.#log({ kind: 'keys-missing', ...describeError(error) });
    }
  }
}
