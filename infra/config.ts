import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Duration } from 'aws-cdk-lib/core';
import type { Node } from 'constructs';
import * as z from 'zod';

/** One caller of the API: a key of its own, so that it can be throttled and told apart. */
const Caller = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/),
  requestsPerSecond: z.number().positive(),
  burst: z.int().positive(),
  requestsPerDay: z.int().positive(),
});

/**
 * List prices of us-east-1 in USD without free tier, tier or plan, collected on 2026-11-23 from the pages
 * named; no live price list was asked. Another region or contract has others:
 * `-c prices='{"apiRequest":3.7e-6}'` replaces those it names.
 */
const PRICES = {
  /** https://aws.amazon.com/api-gateway/pricing/ REST API, first 333 million a month. */
  apiRequest: 3.5e-6,
  /** https://aws.amazon.com/lambda/pricing/ */
  lambdaRequest: 0.2e-6,
  lambdaX86GbSecond: 1.66667e-5,
  lambdaArmGbSecond: 1.33334e-5,
  /** Of an environment that is kept warm: while it answers, and for being there. */
  warmX86GbSecond: 9.7222e-6,
  warmArmGbSecond: 7.7778e-6,
  keptWarmX86GbSecond: 4.1667e-6,
  keptWarmArmGbSecond: 3.3334e-6,
  /** https://aws.amazon.com/cloudwatch/pricing/ Logs of Lambda, first 10 TB a month. */
  logsGb: 0.5,
  metricMonth: 0.3,
  /** By metric in the alarm. */
  alarmMetricMonth: 0.1,
  fastAlarmMetricMonth: 0.3,
  dashboardMonth: 3,
  /** https://aws.amazon.com/dynamodb/pricing/on-demand/ Units of 1 KB written and 4 KB read. */
  writeUnit: 0.625e-6,
  readUnit: 0.125e-6,
  /** https://aws.amazon.com/firehose/pricing/ Direct PUT, each record rounded up to 5 KB. */
  firehoseGb: 0.029,
  parquetGb: 0.018,
  partitioningGb: 0.02,
  /** https://aws.amazon.com/kms/pricing/ */
  keyMonth: 1,
};
export type Prices = Readonly<Record<keyof typeof PRICES, number>>;
const PRICE_NAMES = Object.keys(PRICES) as (keyof Prices)[];

const Config = z.strictObject({
  /** Part of every name, so that stages live side by side in one account. */
  stage: z.string().regex(/^[a-z][a-z0-9]{0,19}$/),
  region: z.string(),
  callers: z.array(Caller).min(1),
  prices: z.record(z.enum(PRICE_NAMES), z.number().nonnegative()),
});

export type Config = z.infer<typeof Config>;

/** API Gateway's own default for an account is 10,000 requests/s; one caller gets a tenth of it. */
const FIRST_CALLER: z.infer<typeof Caller> = {
  name: 'first-caller',
  requestsPerSecond: 1000,
  burst: 500,
  requestsPerDay: 10_000_000,
};

/**
 * The only reader of context and environment: `cdk deploy -c stage=prod -c region=eu-central-1`, callers
 * and prices as JSON. A region is needed because replicas of tables are named by it.
 */
export function readConfig(node: Node): Config {
  const given = (name: string): unknown => {
    const value: unknown = node.tryGetContext(name);
    return typeof value === 'string' ? JSON.parse(value) : value;
  };
  return Config.parse({
    stage: node.tryGetContext('stage') ?? 'main',
    region: node.tryGetContext('region') ?? process.env['CDK_DEFAULT_REGION'] ?? 'us-east-1',
    callers: given('callers') ?? [FIRST_CALLER],
    prices: { ...DEFAULTS.prices, ...z.looseObject({}).parse(given('prices') ?? {}) },
  });
}

/** Deployment-wide settings that are nobody's choice yet, each with its reason. */
export const DEFAULTS = {
  /** Long enough to look into an incident of last month; the archive in S3 keeps the rest. */
  logRetention: RetentionDays.ONE_MONTH,
  /** A failed asynchronous event may wait this long for somebody to redrive it (SQS allows no more). */
  deadLetterRetention: Duration.days(14),
  /** 1,769 MB is one whole vCPU; functions that only call AWS need a fraction of it. */
  smallMemoryMb: 512,
  /** A graph of 200 MB, its working memory, and the components of millions of rows. */
  evaluationMemoryMb: 3008,
  /** One whole vCPU, for functions that compute. */
  oneCpuMemoryMb: 1769,
  /** Hours that matured are closed within this; runs that find nothing cost a query. */
  hoursDueEvery: Duration.minutes(15),
  /** A window of a day moves little within an hour. */
  driftDueEvery: Duration.hours(1),
  /** API Gateway answers 504 after 29 s; a function that runs longer works for nobody. */
  apiTimeout: Duration.seconds(28),
  /** Their role ARNs share the operator function's 4 kB of environment variables. */
  sageMakerModels: 18,
  /** Uploads that were never registered. */
  uploadExpiryDays: 7,
  /** Events that a follower missed can be replayed for this long; the ledger keeps what must stay. */
  eventRetention: Duration.days(90),
  /** Facts are told at once; only those whose writer died, or that the bus did not take, wait this long. */
  announcementInterval: Duration.minutes(5),
  /** Results of Athena are copies; whoever needs one longer saves it. */
  queryResultDays: 7,
  /** A delivery holds up to a few hundred lines, each a few writes; Firehose may need several attempts. */
  recordTimeout: Duration.minutes(1),
  /** Deserializing a delivery is most of the work: one whole vCPU. */
  recordMemoryMb: 1769,
  /** SQS asks for six times the function's time-out. */
  recordVisibility: Duration.minutes(6),
  /** Each item is tried this often before it is parked. */
  recordAttempts: 5,
  /** Share of answered rows that are not in the join table, two quarters of an hour in a row: far above what is on its way at the ends of them. */
  unrecordedShare: 0.01,
  /** What the dashboards and `npm run cost` reckon with. */
  prices: PRICES,
  /** Firehose converts to Parquet from buffers of 64 MB on; small models fill none, so time decides. */
  archiveBuffer: { sizeMb: 64, seconds: 300 },
} as const;
