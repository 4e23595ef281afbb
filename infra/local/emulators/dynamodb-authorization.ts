import type { Table } from './dynamodb-template.ts';
import type { Call, Place } from './emulator.ts';
import { isRecord, type JsonObject } from './json.ts';
import { authorizeKeyUse } from './kms-keys.ts';

/**
 * Asks for an action on a table and, where the table is under a customer's key, for the use of that
 * key: DynamoDB opens the table's data key on behalf of each caller, for reads and writes alike.
 */
export function authorizeTable(
  call: Call,
  place: Place,
  action: string,
  table: Table,
  { index, leadingKeys }: { index?: string | undefined; leadingKeys?: readonly string[] } = {},
): void {
  const resourceArn = index === undefined ? table.arn : `${table.arn}/index/${index}`;
  const context = leadingKeys && { 'dynamodb:LeadingKeys': leadingKeys };
  call.authorize(`dynamodb:${action}`, resourceArn, context);
  if (table.keyArn === undefined) return;
  authorizeKeyUse(call, place, {
    action: 'kms:Decrypt',
    keyArn: table.keyArn,
    via: 'dynamodb',
    encryptionContext: {
      'aws:dynamodb:tableName': table.name,
      'aws:dynamodb:subscriberId': place.account,
    },
  });
}

/** The partition key values of items or keys, which `dynamodb:LeadingKeys` holds. */
export function leadingKeysOf(
  { description }: Table,
  items: readonly unknown[],
): readonly string[] {
  const partition = description.KeySchema[0]?.AttributeName ?? '';
  return items.flatMap((item) => scalars(isRecord(item) ? item[partition] : undefined));
}

/** The one partition key value that a Query asks for, of the table or of an index. */
export function leadingKeysOfQuery({ description }: Table, query: JsonObject): readonly string[] {
  const index = description.GlobalSecondaryIndexes?.find(
    ({ IndexName }) => IndexName === query['IndexName'],
  );
  const partition = (index ?? description).KeySchema[0]?.AttributeName ?? '';
  const conditions = query['KeyConditions'];
  const condition = isRecord(conditions) ? conditions[partition] : undefined;
  const values = isRecord(condition) ? condition['AttributeValueList'] : undefined;
  return Array.isArray(values) ? scalars(values[0]) : [];
}

function scalars(value: unknown): readonly string[] {
  return isRecord(value) ? Object.values(value).map(String) : [];
}
