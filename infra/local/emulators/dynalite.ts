import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import { ServiceError } from './emulator.ts';
import { asText, type JsonObject } from './json.ts';

/**
 * The typed door to dynalite 4: its store, expression parsers, validations and actions, without its
 * HTTP server, which exits when a client aborts. Dynalite ships no types; these cover what is used.
 */

export type AttributeValue = JsonObject;
/** An item or a key, in the typed form of the wire: `{ pk: { S: 'a' } }`. */
export type Item = Readonly<Record<string, AttributeValue>>;
type Callback<T> = (error: unknown, value?: T) => void;

export interface KeyElement {
  readonly AttributeName: string;
  readonly KeyType: 'HASH' | 'RANGE';
}

/** A global or local secondary index as the template and DescribeTable write it. */
export interface SecondaryIndex {
  readonly IndexName: string;
  readonly KeySchema: readonly KeyElement[];
  readonly Projection: {
    readonly ProjectionType: string;
    readonly NonKeyAttributes?: readonly string[];
  };
}

/** A table as the store keeps it and DescribeTable gives it. */
export interface TableDescription {
  readonly TableName: string;
  readonly TableArn: string;
  readonly KeySchema: readonly KeyElement[];
  readonly AttributeDefinitions: readonly {
    readonly AttributeName: string;
    readonly AttributeType: string;
  }[];
  readonly GlobalSecondaryIndexes?: readonly SecondaryIndex[];
  readonly [member: string]: unknown;
}

/** One keyed collection of the store: the items of a table or the entries of an index. */
export interface SubDb<V> {
  get(key: string, callback: Callback<V>): void;
  put(key: string, value: V, callback: Callback<void>): void;
  del(key: string, callback: Callback<void>): void;
  lock(key: string, locked: (release: <F>(callback: F) => F) => void): void;
  createValueStream(options: object): Readable;
}

/** One of the changes that LevelDB makes together. */
export type BatchOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: unknown }
  | { readonly type: 'del'; readonly key: string };

/** What actions need of a store, so that a transaction can stand in for it. */
export interface ActionStore {
  readonly options: { readonly maxItemSize: number };
  getTable(
    name: string,
    checkStatus: boolean | Callback<TableDescription>,
    callback?: Callback<TableDescription>,
  ): void;
  getItemDb(table: string): SubDb<Item>;
  getIndexDb(type: string, table: string, index: string): SubDb<Item>;
}

/** Dynalite's store, and the LevelDB under it. */
export interface Store extends ActionStore {
  readonly db: {
    batch(operations: readonly BatchOperation[]): Promise<void>;
    get(key: string): Promise<unknown>;
    put(key: string, value: unknown): Promise<void>;
    iterator(range: { gte: string; lt: string }): AsyncIterable<[key: string, value: unknown]>;
    open(): Promise<void>;
    close(): Promise<void>;
  };
}

/** A validated request: dynalite adds parsed expressions under names with an underscore. */
export type ActionInput = JsonObject & { readonly TableName: string };

interface DynaliteDb {
  create(options: { path: string; createTableMs: number }): Store;
  createKey(item: Item, table: TableDescription): string;
  validateKey(key: Item, table: TableDescription): Error | null | undefined;
  validateItem(item: Item, table: TableDescription): Error | null | undefined;
  checkConditional(input: ActionInput, item: Item | undefined): Error | null | undefined;
  getIndexActions(
    indexes: readonly SecondaryIndex[],
    existing: Item | null,
    item: Item | null,
    table: TableDescription,
  ): { puts: readonly { index: string; key: string; item: Item }[] };
}

interface DynaliteValidations {
  checkTypes(input: JsonObject, types: object): ActionInput;
  checkValidations(input: ActionInput, types: object, custom: unknown, store: Store): void;
}

type Action = (store: ActionStore, input: ActionInput, callback: Callback<JsonObject>) => void;

/** The actions that are taken from dynalite; transactions are our own. */
export const ACTIONS = [
  'BatchGetItem',
  'BatchWriteItem',
  'DeleteItem',
  'GetItem',
  'PutItem',
  'Query',
  'Scan',
  'UpdateItem',
] as const;
export type ActionName = (typeof ACTIONS)[number];

const require = createRequire(import.meta.url);
export const dynalite: DynaliteDb = require('dynalite/db');
const validations: DynaliteValidations = require('dynalite/validations');
const actions = new Map<string, Action>();
const rules = new Map<string, { types: object; custom: unknown }>();
for (const name of [...ACTIONS, 'CreateTable']) {
  const file = name.charAt(0).toLowerCase() + name.slice(1);
  actions.set(name, require(`dynalite/actions/${file}`));
  rules.set(name, require(`dynalite/validations/${file}`));
}

/** Opens the database in a folder, making it where there is none. */
export async function openStore(path: string): Promise<Store> {
  const store = dynalite.create({ path, createTableMs: 0 });
  await store.db.open();
  return store;
}

/** Checks a request as DynamoDB does before it looks at any table. @throws ServiceError */
export function validate(
  store: Store,
  name: ActionName | 'CreateTable',
  input: JsonObject,
): ActionInput {
  const rule = rules.get(name) ?? { types: {}, custom: undefined };
  for (const member of Object.values(input)) refuseNulls(member);
  return withServiceErrors(() => {
    // Dynalite deletes members it does not know from what it is given.
    const checked = validations.checkTypes(structuredClone(input), rule.types);
    validations.checkValidations(checked, rule.types, rule.custom, store);
    return checked;
  });
}

/** Dynalite trips over a null where an attribute value belongs; a member that is null counts as absent. */
function refuseNulls(member: unknown): void {
  if (typeof member !== 'object' || member === null) return;
  for (const nested of Object.values(member)) {
    if (nested !== null) refuseNulls(nested);
    else {
      throw new ServiceError(
        400,
        'ValidationException',
        'Supplied AttributeValue is empty, must contain exactly one of the supported datatypes',
      );
    }
  }
}

/** Runs one of dynalite's actions over a store or over a batch that stands in for it. */
export function perform(
  store: ActionStore,
  name: ActionName,
  input: ActionInput,
): Promise<JsonObject> {
  return new Promise((resolve, reject) => {
    actions.get(name)?.(guarded(store, reject), input, (failure, output) => {
      if (failure) reject(asServiceError(failure));
      else resolve(output ?? {});
    });
  });
}

/**
 * Dynalite's actions run in callbacks of the database, where an exception would end the process; over
 * this store it fails the one request.
 */
function guarded(store: ActionStore, fail: (failure: unknown) => void): ActionStore {
  const guard =
    <A extends unknown[]>(callback: (...args: A) => void) =>
    (...args: A) => {
      try {
        callback(...args);
      } catch (failure) {
        fail(failure);
      }
    };
  const collection = <V>(subDb: SubDb<V>): SubDb<V> => ({
    get: (key, callback) => subDb.get(key, guard(callback)),
    put: (key, value, callback) => subDb.put(key, value, guard(callback)),
    del: (key, callback) => subDb.del(key, guard(callback)),
    lock: (key, locked) => subDb.lock(key, guard(locked)),
    createValueStream(options) {
      const stream = subDb.createValueStream(options);
      const on = stream.on.bind(stream);
      return Object.assign(stream, {
        on: (event: string, listener: (...args: unknown[]) => void) =>
          on(event, event === 'data' || event === 'end' ? guard(listener) : listener),
      });
    },
  });
  return {
    options: store.options,
    getTable: (table, checkStatus, callback) =>
      typeof checkStatus === 'function'
        ? store.getTable(table, guard(checkStatus))
        : store.getTable(table, checkStatus, callback && guard(callback)),
    getItemDb: (table) => collection(store.getItemDb(table)),
    getIndexDb: (type, table, index) => collection(store.getIndexDb(type, table, index)),
  };
}

/** An item under its encoded key. */
export function readItem(
  store: ActionStore,
  table: string,
  key: string,
): Promise<Item | undefined> {
  return new Promise((resolve, reject) => {
    store.getItemDb(table).get(key, (failure, item) => {
      if (failure) reject(failure);
      else resolve(item);
    });
  });
}

/** @throws ServiceError when the check gave an error. */
export function refuse(error: Error | null | undefined): void {
  if (error !== null && error !== undefined) throw asServiceError(error);
}

function withServiceErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (failure) {
    throw asServiceError(failure);
  }
}

/** Dynalite's errors carry the status and the JSON body of the answer; others pass unchanged. */
function asServiceError(failure: unknown): unknown {
  const { statusCode, body } = failure as { statusCode?: number; body?: Record<string, unknown> };
  if (statusCode === undefined || body === undefined) return failure;
  const { __type, message, Message, ...members } = body;
  const code = asText(__type).split('#').at(-1) ?? 'ValidationException';
  return new ServiceError(statusCode, code, asText(message ?? Message ?? code), members);
}
