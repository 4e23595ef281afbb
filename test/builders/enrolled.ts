import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { LIMITS } from '../../functions/contracts/limits.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { hourOf } from '../../functions/record/join-keys.ts';
import { type Contribution, type Exposure, UnitTable } from '../../functions/record/unit-table.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { linearGraph } from './linear-graph.ts';
import type { RunningStack } from './running-stack.ts';

/** The tables of a stack, as an operator reads and writes them. */
export function tablesOf({ endpoint, place, operator }: RunningStack): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(
    new DynamoDBClient({ endpoint, region: place.region, credentials: operator }),
    { marshallOptions: { removeUndefinedValues: true } },
  );
}

export function tableName({ graph }: RunningStack, table: string): string {
  const found = graph.resources.find(
    ({ type, logicalId }) =>
      type === 'AWS::DynamoDB::GlobalTable' && logicalId.replace(/[0-9A-F]{8}$/, '') === table,
  );
  if (!found) throw new Error(`there is no table ${table}`);
  return found.ref;
}

/** Half of all units get a second version, until a test is long over. */
export async function enrolEverybody(
  stack: RunningStack,
  spec: ModelSpec,
  promotion: string,
  challengerGraph: Parameters<typeof linearGraph>[1],
): Promise<void> {
  const graph = linearGraph(spec, challengerGraph);
  const { version, digest } = await stack.client.register(spec.name, graph, 'the challenger');
  const route = await stack.client.route(spec.name);
  const challenger = {
    version,
    digest,
    promotion,
    exposureBasisPoints: 10_000,
    isShadowed: false,
    expiresAt: instantOf(stack.clock.nowMs() + 86_400_000),
  };
  const Item = { ...route, challenger, epoch: (route?.epoch ?? 0) + 1 };
  await tablesOf(stack).send(new PutCommand({ TableName: tableName(stack, 'Routes'), Item }));
  stack.clock.advance(6_000);
}

/** Of the last three hours. */
export async function contributionsTo(
  stack: RunningStack,
  promotion: string,
): Promise<Contribution[]> {
  const units = new UnitTable(tablesOf(stack), tableName(stack, 'Units'));
  const found: Contribution[] = [];
  const hours = [-2, -1, 0].map((ago) => hourOf(instantOf(stack.clock.nowMs() + ago * 3_600_000)));
  for (const hour of hours)
    for (let shard = 0; shard < LIMITS.keyShards; shard++)
      for await (const each of units.contributions(promotion, hour, shard)) found.push(each);
  return found;
}

export async function exposuresTo(stack: RunningStack, promotion: string): Promise<Exposure[]> {
  const units = new UnitTable(tablesOf(stack), tableName(stack, 'Units'));
  const found: Exposure[] = [];
  for (let shard = 0; shard < LIMITS.keyShards; shard++)
    for await (const each of units.exposures(promotion, shard)) found.push(each);
  return found;
}
