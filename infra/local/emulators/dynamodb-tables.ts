import { isDeepStrictEqual } from 'node:util';
import {
  dynalite,
  type Item,
  type SecondaryIndex,
  type Store,
  type TableDescription,
  validate,
} from './dynalite.ts';
import type { EmulatedType, Place, Resource } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { asList, asText, isRecord, type JsonObject } from './json.ts';
import { keyArn } from './kms-keys.ts';
import { physicalName, physicalUuid } from './physical-name.ts';

/** A table of the template. */
export interface Table {
  readonly name: string;
  readonly arn: string;
  readonly description: TableDescription;
  /** The attribute that holds an item's time of expiry in epoch seconds. */
  readonly ttlAttribute?: string;
  /** The customer's key whose use each caller needs; absent where DynamoDB uses its own. */
  readonly keyArn?: string;
}

const INERT = {
  BillingMode: 'nothing is billed and nothing is throttled',
  ContributorInsightsSpecification: 'there is no traffic worth ranking',
  OnDemandThroughput: 'nothing is throttled',
  PointInTimeRecoverySpecification: 'the state folder can be copied while the runner is stopped',
  ProvisionedThroughput: 'nothing is throttled',
  TableClass: 'it changes the price only',
  Tags: 'no emulated policy looks at them',
  WarmThroughput: 'nothing is throttled',
};

const KEYS = ['TableName', 'KeySchema', 'AttributeDefinitions', 'GlobalSecondaryIndexes'];

const tableType: Omit<EmulatedType, 'honoured'> = {
  identify(resource, place) {
    const name = physicalName(resource, 'TableName', 255);
    return {
      ref: name,
      attributes: { Arn: tableArn(name, place), TableId: physicalUuid(resource) },
    };
  },
  inert: INERT,
};

export const tableTypes: Readonly<Record<string, EmulatedType>> = {
  'AWS::DynamoDB::Table': {
    ...tableType,
    honoured: [
      ...KEYS,
      'LocalSecondaryIndexes',
      'TimeToLiveSpecification',
      'SSESpecification',
      'DeletionProtectionEnabled',
    ],
  },
  'AWS::DynamoDB::GlobalTable': {
    ...tableType,
    honoured: [
      ...KEYS,
      'LocalSecondaryIndexes',
      'TimeToLiveSpecification',
      'SSESpecification',
      'Replicas',
    ],
    inert: {
      ...INERT,
      WriteProvisionedThroughputSettings: 'nothing is throttled',
      WriteOnDemandThroughputSettings: 'nothing is throttled',
    },
  },
};

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

function declareTable(store: Store, resource: Resource, place: Place): Table {
  const { properties, ref: name } = resource;
  const replica = localReplica(resource, place);
  const encryption = keyArnOf(resource, replica, place);
  const ttl = properties['TimeToLiveSpecification'];
  return {
    name,
    arn: tableArn(name, place),
    description: describe(store, resource, place),
    ...(isRecord(ttl) && ttl['Enabled'] === true && { ttlAttribute: asText(ttl['AttributeName']) }),
    ...(encryption !== undefined && { keyArn: encryption }),
  };
}

/** A global table keeps what belongs to one region under that region's replica. */
function localReplica({ path, type, properties }: Resource, { region }: Place): JsonObject {
  if (type !== 'AWS::DynamoDB::GlobalTable') return properties;
  const replicas = asList(properties['Replicas']).filter(isRecord);
  const [local, ...others] = replicas;
  if (others.length > 0 || local?.['Region'] !== region) {
    throw new TypeError(
      `${path}: a global table needs one replica here, in ${region}; other regions are not emulated`,
    );
  }
  return local;
}

function keyArnOf({ properties }: Resource, replica: JsonObject, place: Place): string | undefined {
  const table = properties['SSESpecification'];
  const own = replica['SSESpecification'];
  if (!isRecord(table) || table['SSEEnabled'] !== true) return undefined;
  const key = (isRecord(own) ? own['KMSMasterKeyId'] : undefined) ?? table['KMSMasterKeyId'];
  return key === undefined ? undefined : keyArn(asText(key), place);
}

/** Checks the template's definition as CreateTable would and gives the table's description. */
function describe(store: Store, resource: Resource, place: Place): TableDescription {
  const { properties, ref: TableName } = resource;
  const definition = {
    TableName,
    AttributeDefinitions: properties['AttributeDefinitions'],
    KeySchema: properties['KeySchema'],
    GlobalSecondaryIndexes: indexDefinitions(properties['GlobalSecondaryIndexes']),
    LocalSecondaryIndexes: indexDefinitions(properties['LocalSecondaryIndexes']),
    BillingMode: 'PAY_PER_REQUEST',
  };
  try {
    validate(store, 'CreateTable', definition);
  } catch (cause) {
    if (!(cause instanceof ServiceError)) throw cause;
    throw new TypeError(`${resource.path}: DynamoDB would refuse this table: ${cause.message}`, {
      cause,
    });
  }
  const { BillingMode, ...schema } = definition;
  const arn = tableArn(TableName, place);
  return {
    ...(JSON.parse(JSON.stringify(schema)) as TableDescription),
    TableArn: arn,
    TableId: physicalUuid(resource),
    TableStatus: 'ACTIVE',
    ItemCount: 0,
    TableSizeBytes: 0,
    BillingModeSummary: { BillingMode },
    DeletionProtectionEnabled: properties['DeletionProtectionEnabled'] === true,
  };
}

function indexDefinitions(indexes: unknown) {
  const definitions = asList(indexes)
    .filter(isRecord)
    .map(({ IndexName, KeySchema, Projection }) => ({ IndexName, KeySchema, Projection }));
  return definitions.length === 0 ? undefined : definitions;
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

function tableArn(name: string, { account, region }: Place): string {
  return `arn:aws:dynamodb:${region}:${account}:table/${name}`;
}
