import type { Operation } from './aws-json.ts';
import {
  type ActionInput,
  type ActionName,
  type ActionStore,
  dynalite,
  type Item,
  perform,
  readItem,
  type Store,
  validate,
} from './dynalite.ts';
import { authorizeTable, leadingKeysOf, leadingKeysOfQuery } from './dynamodb-authorization.ts';
import { findTable } from './dynamodb-tables.ts';
import type { Table } from './dynamodb-template.ts';
import {
  readTransactGets,
  readTransactWrites,
  TRANSACT_ACTION,
  transactWrite,
} from './dynamodb-transactions.ts';
import { keyOf, type Writer } from './dynamodb-writes.ts';
import type { Call, Place } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { asList, isRecord, type JsonObject } from './json.ts';

type Operations = Readonly<Record<string, Operation>>;

/** What operations work on between start and stop. */
export interface Database {
  readonly place: Place;
  readonly store: Store;
  readonly writer: Writer;
  readonly tables: ReadonlyMap<string, Table>;
}

/** DynamoDB's data plane, by the names in `x-amz-target`. */
export function dynamoDbOperations(database: Database): Operations {
  return {
    ...itemOperations(database),
    ...batchOperations(database),
    ...transactionOperations(database),
    async DescribeTable({ TableName }, call) {
      const table = findTable(database.tables, TableName);
      call.authorize('dynamodb:DescribeTable', table.arn);
      return { Table: table.description };
    },
  };
}

/** Operations on one table. */
function itemOperations(database: Database): Operations {
  const { store, writer } = database;

  function admit(name: ActionName, request: JsonObject, call: Call) {
    const table = findTable(database.tables, request['TableName']);
    const input = validate(store, name, { ...request, TableName: table.name });
    authorizeTable(call, database.place, name, table, {
      index: input['IndexName']?.toString(),
      ...(name !== 'Scan' && { leadingKeys: leadingKeys(table, input) }),
    });
    return { table, input };
  }

  const read =
    (name: ActionName): Operation =>
    async (request, call) =>
      perform(store, name, admit(name, request, call).input);

  const write =
    (name: ActionName): Operation =>
    async (request, call) => {
      const { table, input } = admit(name, request, call);
      const returnsOldItem = request['ReturnValuesOnConditionCheckFailure'] === 'ALL_OLD';
      return writer.write(async (batch) => {
        const existing = returnsOldItem ? await existingItem(batch, table, input) : undefined;
        return perform(batch, name, input).catch((failure: unknown) => {
          throw withOldItem(failure, existing);
        });
      });
    };

  return {
    GetItem: read('GetItem'),
    Query: read('Query'),
    Scan: read('Scan'),
    PutItem: write('PutItem'),
    UpdateItem: write('UpdateItem'),
    DeleteItem: write('DeleteItem'),
  };
}

/** Operations on many items of several tables that may succeed in part. */
function batchOperations(database: Database): Operations {
  const { store, writer } = database;

  function admit(name: 'BatchGetItem' | 'BatchWriteItem', request: JsonObject, call: Call) {
    const requested = isRecord(request['RequestItems']) ? request['RequestItems'] : {};
    const byTable = Object.entries(requested).map(
      ([tableName, requests]) => [findTable(database.tables, tableName), requests] as const,
    );
    const RequestItems = Object.fromEntries(
      byTable.map(([table, requests]) => [table.name, requests]),
    );
    const input = validate(store, name, { ...request, RequestItems });
    for (const [table, requests] of byTable) {
      const items = asList(isRecord(requests) ? requests['Keys'] : requests).map(itemOrKey);
      const leading = leadingKeysOf(table, items);
      authorizeTable(call, database.place, name, table, { leadingKeys: leading });
    }
    return input;
  }

  return {
    async BatchGetItem(request, call) {
      return perform(store, 'BatchGetItem', admit('BatchGetItem', request, call));
    },
    async BatchWriteItem(request, call) {
      const input = admit('BatchWriteItem', request, call);
      return writer.write((batch) => perform(batch, 'BatchWriteItem', input));
    },
  };
}

/** Operations on many items of several tables that happen together or not at all. */
function transactionOperations({ place, store, writer, tables }: Database): Operations {
  const tableNamed = (name: unknown) => findTable(tables, name);
  return {
    async TransactWriteItems(request, call) {
      const writes = readTransactWrites(store, request, tableNamed);
      for (const { kind, table, key } of writes) {
        const leading = leadingKeysOf(table, [key]);
        authorizeTable(call, place, TRANSACT_ACTION[kind], table, { leadingKeys: leading });
      }
      const name = request['ClientRequestToken'];
      const token = typeof name === 'string' ? { name, request } : undefined;
      await transactWrite(writer, store, writes, token);
      return {};
    },
    async TransactGetItems(request, call) {
      const gets = readTransactGets(store, request, tableNamed);
      for (const { table, input } of gets) {
        const leading = leadingKeysOf(table, [input['Key']]);
        authorizeTable(call, place, 'GetItem', table, { leadingKeys: leading });
      }
      // In the writers' queue, so that no transaction is seen half done.
      const outputs = await writer.write((batch) =>
        Promise.all(gets.map(({ input }) => perform(batch, 'GetItem', input))),
      );
      return {
        Responses: outputs.map((output) => ('Item' in output ? { Item: output['Item'] } : {})),
      };
    },
  };
}

function leadingKeys(table: Table, input: ActionInput): readonly string[] {
  const item = input['Key'] ?? input['Item'];
  return item === undefined ? leadingKeysOfQuery(table, input) : leadingKeysOf(table, [item]);
}

/** What an entry of a batch is about: a key to get, an item to put, a key to delete. */
function itemOrKey(entry: unknown): unknown {
  if (!isRecord(entry)) return undefined;
  const { PutRequest: put, DeleteRequest: remove } = entry;
  if (isRecord(put)) return put['Item'];
  if (isRecord(remove)) return remove['Key'];
  return entry;
}

async function existingItem(
  store: ActionStore,
  { name, description }: Table,
  input: ActionInput,
): Promise<Item | undefined> {
  const key = (input['Key'] ?? keyOf(input['Item'] as Item, description)) as Item;
  if (dynalite.validateKey(key, description)) return undefined;
  return readItem(store, name, dynalite.createKey(key, description));
}

function withOldItem(failure: unknown, existing: Item | undefined): unknown {
  const isConditional =
    failure instanceof ServiceError && failure.code === 'ConditionalCheckFailedException';
  if (!isConditional || existing === undefined) return failure;
  return new ServiceError(failure.status, failure.code, failure.message, { Item: existing });
}
