import { createHash } from 'node:crypto';
import {
  type ActionInput,
  type ActionName,
  dynalite,
  type Item,
  perform,
  readItem,
  refuse,
  type Store,
  validate,
} from './dynalite.ts';
import type { Table } from './dynamodb-template.ts';
import { keyOf, type WriteBatch, type Writer } from './dynamodb-writes.ts';
import { ServiceError } from './emulator.ts';
import { asList, isRecord, type JsonObject } from './json.ts';

const MOST_ITEMS = 100;
const TOKEN_LIFETIME_MS = 10 * 60_000;

const ACTION_OF = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  // Dynalite has no condition checks; a Delete has the same parameters and validations.
  ConditionCheck: 'DeleteItem',
} as const satisfies Record<string, ActionName>;
type WriteKind = keyof typeof ACTION_OF;

/** The IAM action that each part of a transaction needs on its table. */
export const TRANSACT_ACTION: Readonly<Record<WriteKind, string>> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
};

/** One part of a TransactWriteItems request, checked. */
export interface TransactWrite {
  readonly kind: WriteKind;
  readonly table: Table;
  readonly input: ActionInput;
  readonly key: Item;
  readonly returnsOldItem: boolean;
}

interface CancellationReason {
  readonly Code: string;
  readonly Message?: string;
  readonly Item?: Item;
}

/** Checks a TransactWriteItems request before anything is read or authorised. */
export function readTransactWrites(
  store: Store,
  request: JsonObject,
  findTable: (name: unknown) => Table,
): readonly TransactWrite[] {
  const writes = transactItems(request).map((entry) => {
    const [[kind, write] = ['', undefined], ...others] = Object.entries(entry);
    if (!isWriteKind(kind) || !isRecord(write) || others.length > 0) {
      throw invalid('TransactItems can only contain one of Check, Put, Update or Delete');
    }
    const table = findTable(write['TableName']);
    const input = validate(store, ACTION_OF[kind], { ...write, TableName: table.name });
    if (kind === 'ConditionCheck' && write['ConditionExpression'] === undefined) {
      throw invalid('The expression can not be empty; ConditionExpression');
    }
    const key = (input['Key'] ?? keyOf(input['Item'] as Item, table.description)) as Item;
    refuse(dynalite.validateKey(key, table.description));
    const returnsOldItem = write['ReturnValuesOnConditionCheckFailure'] === 'ALL_OLD';
    return { kind, table, input, key, returnsOldItem };
  });
  const distinct = new Set(writes.map(({ table, key }) => `${table.name}/${storeKey(table, key)}`));
  if (distinct.size < writes.length) {
    throw invalid('Transaction request cannot include multiple operations on one item');
  }
  return writes;
}

/** Performs all writes or none. @throws ServiceError TransactionCanceledException with reasons. */
export async function transactWrite(
  writer: Writer,
  store: Store,
  writes: readonly TransactWrite[],
  token: { readonly name: string; readonly request: JsonObject } | undefined,
): Promise<void> {
  await writer.write(async (batch) => {
    if (token !== undefined && (await isRepeated(store, batch, token))) return;
    const reasons: CancellationReason[] = [];
    for (const write of writes) reasons.push(await attempt(batch, write));
    if (reasons.every(({ Code }) => Code === 'None')) return;
    const codes = reasons.map(({ Code }) => Code).join(', ');
    throw new ServiceError(
      400,
      'TransactionCanceledException',
      `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
      { CancellationReasons: reasons },
    );
  });
}

async function attempt(batch: WriteBatch, write: TransactWrite): Promise<CancellationReason> {
  const { kind, input, table, key } = write;
  const existing = await readItem(batch, table.name, storeKey(table, key));
  try {
    if (kind === 'ConditionCheck') refuse(dynalite.checkConditional(input, existing));
    else await perform(batch, ACTION_OF[kind], input);
    return { Code: 'None' };
  } catch (failure) {
    if (!(failure instanceof ServiceError)) throw failure;
    const isConditional = failure.code === 'ConditionalCheckFailedException';
    return {
      Code: isConditional ? 'ConditionalCheckFailed' : 'ValidationError',
      Message: failure.message,
      ...(isConditional && write.returnsOldItem && existing && { Item: existing }),
    };
  }
}

/**
 * Whether a request with this client token was already performed. The token commits with the writes,
 * so that a retry after a crash is recognised too.
 */
async function isRepeated(
  store: Store,
  batch: WriteBatch,
  { name, request }: { readonly name: string; readonly request: JsonObject },
): Promise<boolean> {
  const recordKey = `transaction-token~${name}`;
  const digest = createHash('sha256')
    .update(JSON.stringify(request['TransactItems']))
    .digest('hex');
  const earlier = await store.db.get(recordKey);
  if (isRecord(earlier) && Number(earlier['atMs']) > Date.now() - TOKEN_LIFETIME_MS) {
    if (earlier['digest'] === digest) return true;
    throw new ServiceError(
      400,
      'IdempotentParameterMismatchException',
      'The ClientRequestToken was used with other parameters in the last 10 minutes.',
    );
  }
  batch.put(recordKey, { digest, atMs: Date.now() });
  return false;
}

/** Forgets client tokens that are past their ten minutes. */
export async function forgetTokens(store: Store): Promise<void> {
  const range = { gte: 'transaction-token~', lt: 'transaction-token~\uffff' };
  for await (const [key, record] of store.db.iterator(range)) {
    if (isRecord(record) && Number(record['atMs']) <= Date.now() - TOKEN_LIFETIME_MS) {
      await store.db.batch([{ type: 'del', key }]);
    }
  }
}

/** Checks a TransactGetItems request. */
export function readTransactGets(
  store: Store,
  request: JsonObject,
  findTable: (name: unknown) => Table,
): readonly { readonly table: Table; readonly input: ActionInput }[] {
  return transactItems(request).map(({ Get: get }) => {
    if (!isRecord(get)) throw invalid('TransactItems of TransactGetItems can only contain Get');
    const table = findTable(get['TableName']);
    return { table, input: validate(store, 'GetItem', { ...get, TableName: table.name }) };
  });
}

function transactItems(request: JsonObject): readonly JsonObject[] {
  const entries = asList(request['TransactItems']).filter(isRecord);
  if (entries.length >= 1 && entries.length <= MOST_ITEMS) return entries;
  throw invalid(
    `1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length between 1 and ${MOST_ITEMS}`,
  );
}

function storeKey(table: Table, key: Item): string {
  return dynalite.createKey(key, table.description);
}

function isWriteKind(kind: string): kind is WriteKind {
  return Object.hasOwn(ACTION_OF, kind);
}

function invalid(message: string): ServiceError {
  return new ServiceError(400, 'ValidationException', message);
}
