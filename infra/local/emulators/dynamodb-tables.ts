import { isDeepStrictEqual } from 'node:util';
import {
  dynalite,
  type Item,
  type SecondaryIndex,
  type Store,
  type TableDescription,
} from './dynalite.ts';
import { declareTable, type Table, tableTypes } from './dynamodb-template.ts';
import { type Place, type Resource, ServiceError } from './emulator.ts';

/** Makes the template's tables exist in the store; those of an earlier run are kept. */
export async function openTables(
  store: Store,
  resources: readonly Resource[],
  place: Place,
): Promise<ReadonlyMap<string, Table>> {
  const tables = new Map<string, Table>();
  for (const resource of resources.filter(({ type }) => Object.hasOwn(tableTypes, type))) {
    const declared = declareTable(store, resource, place);
    tables.set(declared.name, {
      ...declared,
      description: await ensure(store, declared, resource),
    });
  }
  return tables;
}

/** Tables of the template only: what an earlier template left in the store is out of reach. */
export function findTable(tables: ReadonlyMap<string, Table>, nameOrArn: unknown): Table {
  if (typeof nameOrArn !== 'string') {
    const message = "The parameter 'TableName' is required but was not present in the request";
    throw new ServiceError(400, 'ValidationException', message);
  }
  const table = tables.get(nameOrArn.replace(/^arn:.*:table\//, ''));
  if (table !== undefined) return table;
  const message = `Requested resource not found: Table: ${nameOrArn} not found`;
  throw new ServiceError(400, 'ResourceNotFoundException', message);
}

async function ensure(
  store: Store,
  declared: Table,
  { path }: Resource,
): Promise<TableDescription> {
  const recordKey = `table~${declared.name}`;
  const kept = (await store.db.get(recordKey)) as TableDescription | undefined;
  if (kept !== undefined) await adoptIndexes(store, kept, declared, path);
  const description = {
    ...declared.description,
    CreationDateTime: kept?.['CreationDateTime'] ?? Date.now() / 1000,
  };
  await store.db.put(recordKey, description);
  return description;
}

/** Fits kept items to the template: a new index is filled, one that is gone is emptied. */
async function adoptIndexes(
  store: Store,
  kept: TableDescription,
  { name, description }: Table,
  path: string,
): Promise<void> {
  if (
    !isDeepStrictEqual(kept.KeySchema, description.KeySchema) ||
    !sameKeyTypes(kept, description)
  ) {
    throw keptDiffers(
      path,
      `the table ${name} was made with the key ${JSON.stringify(kept.KeySchema)}`,
    );
  }
  if (!isDeepStrictEqual(kept['LocalSecondaryIndexes'], description['LocalSecondaryIndexes'])) {
    throw keptDiffers(path, `the table ${name} was made with other local secondary indexes`);
  }
  const before = new Map(kept.GlobalSecondaryIndexes?.map((index) => [index.IndexName, index]));
  for (const index of description.GlobalSecondaryIndexes ?? []) {
    const existing = before.get(index.IndexName);
    before.delete(index.IndexName);
    if (existing === undefined) await fillIndex(store, description, index);
    else if (!isDeepStrictEqual(existing, index)) {
      throw keptDiffers(
        path,
        `the index ${index.IndexName} of ${name} was made with another key or projection`,
      );
    }
  }
  for (const gone of before.keys()) await emptyIndex(store, name, gone);
}

function sameKeyTypes(kept: TableDescription, declared: TableDescription): boolean {
  const typeOf = (table: TableDescription, name: string) =>
    table.AttributeDefinitions.find(({ AttributeName }) => AttributeName === name)?.AttributeType;
  return declared.KeySchema.every(
    ({ AttributeName }) => typeOf(kept, AttributeName) === typeOf(declared, AttributeName),
  );
}

function keptDiffers(path: string, what: string): Error {
  return new Error(
    `${path}: ${what}, which the template has changed. AWS would replace it; delete .slipway to start with an empty one, or change the template back.`,
  );
}

async function fillIndex(
  store: Store,
  table: TableDescription,
  index: SecondaryIndex,
): Promise<void> {
  const prefix = indexPrefix(table.TableName, index.IndexName);
  for await (const [, item] of items(store, table.TableName)) {
    const { puts } = dynalite.getIndexActions([index], null, item, table);
    await store.db.batch(
      puts.map((entry) => ({ type: 'put', key: prefix + entry.key, value: entry.item })),
    );
  }
}

async function emptyIndex(store: Store, tableName: string, indexName: string): Promise<void> {
  const prefix = indexPrefix(tableName, indexName);
  for await (const [key] of store.db.iterator({ gte: prefix, lt: `${prefix}\uffff` })) {
    await store.db.batch([{ type: 'del', key }]);
  }
}

/** Every item of a table with its encoded key. */
export async function* items(
  store: Store,
  tableName: string,
): AsyncGenerator<[key: string, item: Item]> {
  const prefix = `item-${tableName}~`;
  for await (const [key, item] of store.db.iterator({ gte: prefix, lt: `${prefix}\uffff` })) {
    yield [key.slice(prefix.length), item as Item];
  }
}

function indexPrefix(tableName: string, indexName: string): string {
  return `index-global~${tableName}~${indexName}~`;
}
