/**
 * What a look of an A/B test costs: a day's requests of enrolled units, read as DynamoDB answers them and added
 * up by unit, on one CPU. Prints a table and writes dist/bench/promote.json. Run by
 * `node test/bench/promote.bench.ts`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { HttpResponse } from '@smithy/core/protocols';
import { LIMITS } from '../../functions/contracts/limits.ts';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { cohortOf } from '../../functions/promote/cohorts.ts';
import { measuredBy } from '../../functions/promote/look-judgement.ts';
import { UnitReader } from '../../functions/promote/unit-reader.ts';
import { cohortTotals } from '../../functions/promote/unit-totals.ts';
import { shardOf } from '../../functions/record/join-keys.ts';
import { UnitTable } from '../../functions/record/unit-table.ts';
import { instantOf } from '../../functions/runtime/clock.ts';

/** A Lambda may take so long. */
const LOOK_SECONDS = 15 * 60;
const DAY_MS = 86_400_000;
/** A cohort is read in the hours of its day and of the next, in which its windows end. */
const HOURS_READ = 48;
/** DynamoDB answers a query with so much at once. */
const PAGE_BYTES = 1024 * 1024;
const REQUESTS_A_UNIT = 3;
const REQUESTS = [100_000, 1_000_000];
const MIDNIGHT_MS = Date.parse('2026-11-23T00:00:00Z');

/** As in DynamoDB's JSON. */
const attribute = (value: unknown): object => {
  if (typeof value === 'number') return { N: String(value) };
  if (value instanceof Set) return { SS: [...value] };
  if (typeof value === 'object' && value !== null) return { M: attributes(value) };
  return { S: String(value) };
};
const attributes = (item: object): object =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, attribute(value)]));

const armOf = (unit: number) => (unit % 2 === 0 ? 'champion' : 'challenger');
const momentOf = (unit: number) => instantOf(MIDNIGHT_MS + ((unit * 7_919) % DAY_MS));
const exposure = (unit: number) => ({
  promotion: 'p',
  unit: `customer-${unit}`,
  arm: armOf(unit),
  firstExposedAt: momentOf(unit),
  predictionId: `prediction-${unit}`,
  arms: new Set([armOf(unit)]),
  expiresAtEpochSeconds: 1,
});
const contribution = (unit: number, request: number) => ({
  pk: `p#2026-11-23T00#${shardOf(`customer-${unit}`)}`,
  sk: `customer-${unit}#prediction-${unit}-${request}#0`,
  promotion: 'p',
  unit: `customer-${unit}`,
  predictionId: `prediction-${unit}-${request}`,
  row: 0,
  arm: armOf(unit),
  at: momentOf(unit),
  requests: 1,
  latencyMs: 12.5,
  failed: 0,
  fellBack: 0,
  revision: 3,
  components: {
    labels: 1,
    absoluteError: unit % 17,
    squaredError: (unit % 17) ** 2,
    withinTolerance: 1,
  },
  expiresAtEpochSeconds: 1,
});

/** Pages of one partition, made beforehand; all partitions of requests answer alike. */
function pagesOf(items: readonly object[]): string[] {
  const pages: string[][] = [[]];
  let bytes = 0;
  for (const item of items) {
    const text = JSON.stringify(attributes(item));
    bytes += text.length;
    if (bytes > PAGE_BYTES) {
      pages.push([]);
      bytes = text.length;
    }
    pages.at(-1)?.push(text);
  }
  return pages.map(
    (page, at) =>
      `{"Items":[${page.join(',')}]${at < pages.length - 1 ? `,"LastEvaluatedKey":{"page":{"N":"${at + 1}"}}` : ''}}`,
  );
}

/** A table whose partitions hold what was made of so many requests, spread evenly over hours and shards. */
function tableOf(requests: number): UnitTable {
  const units = Array.from({ length: requests / REQUESTS_A_UNIT }, (_, unit) => unit);
  const byShard = Map.groupBy(units, (unit) => shardOf(`customer-${unit}`));
  const exposures = new Map<string, string[]>();
  const rows = new Map<string, string[]>();
  for (const [shard, own] of byShard) {
    exposures.set(`p#exposures#${shard}`, pagesOf(own.map(exposure)));
    const asked = own.flatMap((unit) =>
      Array.from({ length: REQUESTS_A_UNIT }, (_, request) => contribution(unit, request)),
    );
    for (let hour = 0; hour < HOURS_READ; hour += 1) {
      const ofHour = asked.filter((_, at) => at % HOURS_READ === hour);
      const time = instantOf(MIDNIGHT_MS + hour * 3_600_000).slice(0, 13);
      rows.set(`p#${time}#${shard}`, pagesOf(ofHour));
    }
  }
  const client = new DynamoDBClient({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    requestHandler: {
      handle: async ({ body }: { body: Uint8Array }) => {
        const asked = JSON.parse(new TextDecoder().decode(body));
        const { ExpressionAttributeValues, ExclusiveStartKey } = asked;
        const pk = ExpressionAttributeValues[':pk'].S;
        const page = Number(ExclusiveStartKey?.page.N ?? 0);
        const answer = (exposures.get(pk) ?? rows.get(pk))?.[page] ?? '{"Items":[]}';
        const response = new HttpResponse({
          statusCode: 200,
          headers: { 'content-type': 'application/x-amz-json-1.0' },
          body: Readable.from([Buffer.from(answer)]),
        });
        return { response };
      },
    },
  });
  return new UnitTable(DynamoDBDocumentClient.from(client), 'units');
}

async function measure(requests: number) {
  const step = deliveryTime.promotion.steps.find((each) => each.kind === 'ab');
  if (step?.kind !== 'ab') throw new Error('the plan of delivery-time has an A/B test');
  const metrics = measuredBy(step, deliveryTime);
  const placeSince = instantOf(MIDNIGHT_MS);
  const promotion = {
    id: 'p',
    model: deliveryTime.name,
    place: { step: 0 },
    placeSince,
  } as unknown as Promotion;
  const units = new UnitReader(tableOf(requests));
  const cpu = process.cpuUsage();
  const totals = await cohortTotals(
    cohortOf(placeSince),
    { promotion, spec: deliveryTime, nowMs: MIDNIGHT_MS + 3 * DAY_MS },
    metrics,
    { units, frozen: (_, __, make) => make() },
  );
  const { user, system } = process.cpuUsage(cpu);
  const judged = Object.values(totals)[0];
  const seen = (judged?.champion.unknown.n ?? 0) + (judged?.challenger.unknown.n ?? 0);
  if (seen !== Math.floor(requests / REQUESTS_A_UNIT)) throw new Error(`${seen} units were judged`);
  const cpuUsARequest = (user + system) / requests;
  return {
    requests,
    units: seen,
    metrics: metrics.length,
    cpuUsARequest: Number(cpuUsARequest.toFixed(1)),
    millionRequestsALook: Math.round(LOOK_SECONDS / cpuUsARequest),
  };
}

console.log(
  `${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}, ${process.version}; ${LIMITS.keyShards} shards`,
);
// The compiler has seen the code when it counts.
await measure(30_000);
const measured = [];
for (const requests of REQUESTS) measured.push(await measure(requests));
console.table(measured);
const folder = join(import.meta.dirname, '../../dist/bench');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'promote.json'), JSON.stringify({ measured }, null, 2));
