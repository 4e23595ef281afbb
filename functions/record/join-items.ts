import type { Instant } from '../contracts/instant.ts';
import type { LinePart } from '../contracts/prediction-line.ts';
import type { Components, QualityComponent } from '../contracts/quality-metric.ts';
import type { KeptRegister } from './join.ts';
import { shortHash, slotKey } from './join-keys.ts';
import type { RecordedPrediction } from './recorded-prediction.ts';
import { joinRows } from './row-chunks.ts';

/** What is kept of one row's score. */
export interface KeptScore {
  readonly row: number;
  readonly revision: number;
  readonly basis: string;
  readonly components: Components;
  readonly published: readonly QualityComponent[];
  readonly outcome?: string;
  /** Chance that the outcome was seen; absent where it was certain. */
  readonly propensity?: number;
}

/** A register as it lies in the table. */
export interface StoredRegister extends KeptRegister {
  /** Written before its prediction was known. */
  readonly hasWaited: boolean;
  /** It waited for a prediction whose truth it cannot be, and was counted. */
  readonly isRefused: boolean;
}

/** `outranked`: nothing was written, as the later report holds. */
export type RegisterWrite = 'created' | 'replaced' | 'outranked';

/** All that is kept under a prediction's id. */
export interface JoinState {
  readonly prediction?: RecordedPrediction;
  readonly registers: readonly StoredRegister[];
  readonly scores: readonly KeptScore[];
  readonly parts: readonly LinePart[];
  readonly isMatured: boolean;
}

/** One of the join table. */
export type Item = Readonly<Record<string, unknown>>;

const PREDICTION = 'prediction#';
export const chunkKey = (at: number): string => `${PREDICTION}${String(at).padStart(4, '0')}`;
export const MATURED = 'matured';

/** @param isWaiting whether the prediction is not known yet: then each value has its own register. */
export function registerItem(
  predictionId: string,
  { slot, caller, outcome, observedAt }: KeptRegister,
  isWaiting: boolean,
  expiresAtEpochSeconds: number,
) {
  const outcomeJson = JSON.stringify(outcome);
  const value = isWaiting ? `#${shortHash(outcomeJson)}` : '';
  return {
    predictionId,
    sk: `outcome#${slotKey(slot)}#${caller}${value}`,
    slot,
    caller,
    observedAt,
    outcomeJson,
    ...(isWaiting && { hasWaited: true }),
    expiresAtEpochSeconds,
  };
}

/** All items under one id. */
export function readState(items: readonly Item[]): JoinState {
  const startingWith = (prefix: string) => items.filter(({ sk }) => String(sk).startsWith(prefix));
  const chunks = startingWith(PREDICTION);
  const head = chunks.find(({ sk }) => sk === chunkKey(0));
  return {
    ...(head && { prediction: readPrediction(head, chunks) }),
    registers: startingWith('outcome#').map(readRegister),
    scores: startingWith('score#').map(readScore),
    parts: startingWith('part#').map(({ sk: _sk, predictionId: _id, ...part }) => part as LinePart),
    isMatured: items.some(({ sk }) => sk === MATURED),
  };
}

function readPrediction(head: Item, chunks: readonly Item[]): RecordedPrediction {
  const { sk: _sk, chunks: _chunks, body: _body, cohort: _cohort, ...rest } = head;
  const { expiresAtEpochSeconds: _expires, hiddenRows: _hidden, ...prediction } = rest;
  const bodies = chunks.map(({ body }) => String(body));
  return { ...prediction, ...joinRows(bodies) } as RecordedPrediction;
}

const readRegister = ({
  slot,
  caller,
  outcomeJson,
  observedAt,
  ...marks
}: Item): StoredRegister => ({
  slot: String(slot),
  caller: String(caller),
  outcome: JSON.parse(String(outcomeJson)),
  observedAt: observedAt as Instant,
  hasWaited: marks['hasWaited'] === true,
  isRefused: marks['isRefused'] === true,
});

const readScore = ({ sk, revision, basis, components, published, ...rest }: Item): KeptScore => ({
  row: Number(String(sk).slice('score#'.length)),
  revision: Number(revision),
  basis: String(basis),
  components: JSON.parse(String(components)),
  published: published as QualityComponent[],
  ...(typeof rest['outcome'] === 'string' && { outcome: rest['outcome'] }),
  ...(typeof rest['propensity'] === 'number' && { propensity: rest['propensity'] }),
});
