import { type Store, type TableDescription, validate } from './dynalite.ts';
import { type EmulatedType, type Place, type Resource, ServiceError } from './emulator.ts';
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

/** Both types make the same kind of table; CDK's TableV2 synthesizes the second. */
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

/** What the template says of a table. @throws TypeError when DynamoDB would refuse it. */
export function declareTable(store: Store, resource: Resource, place: Place): Table {
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
    DeletionProtectionEnabled: localReplica(resource, place)['DeletionProtectionEnabled'] === true,
  };
}

function indexDefinitions(indexes: unknown) {
  const definitions = asList(indexes)
    .filter(isRecord)
    .map(({ IndexName, KeySchema, Projection }) => ({ IndexName, KeySchema, Projection }));
  return definitions.length === 0 ? undefined : definitions;
}

function tableArn(name: string, { account, region }: Place): string {
  return `arn:aws:dynamodb:${region}:${account}:table/${name}`;
}
