/**
 * List prices of us-east-1 in USD without free tier or plan, collected on 2026-11-23 from the pages named; no
 * live price list was asked, so look there before a decision hangs on one.
 */
export const PRICES = {
  /** https://aws.amazon.com/api-gateway/pricing/ REST API, first 333 million a month. */
  apiRequest: 3.5e-6,
  /** https://aws.amazon.com/lambda/pricing/ x86. */
  lambdaRequest: 0.2e-6,
  lambdaGbSecond: 1.66667e-5,
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
} as const;
