import { MathExpression, type Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Duration } from 'aws-cdk-lib/core';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import type { Prices } from './config.ts';

/** Sums over a period that the cost of answering is made of. */
export interface BilledMetrics {
  /** Of the serving function, in ms. */
  readonly duration: Metric;
  readonly invocations: Metric;
  /** Answered instances: an item of a ranking is one. */
  readonly predictions: Metric;
  /** Of the invocations, those past API Gateway. */
  readonly functionUrlRequests?: Metric;
}

const MILLION = 1e6;

/** Metric math reads plain decimals; a billionth of a dollar a million predictions is nothing. */
const decimal = (dollars: number): string => dollars.toFixed(9).replace(/\.?0+$/, '');

const memoryGb = ({ runtime }: ModelSpec): number => runtime.memoryMb / 1024;

/** A SageMaker-backed model is answered for by a function as well, which runs on x86. */
function computePrices({ runtime }: ModelSpec, prices: Prices) {
  const isArm = runtime.kind === 'lambda' && runtime.architecture === 'arm64';
  return isArm
    ? {
        onDemand: prices.lambdaArmGbSecond,
        warm: prices.warmArmGbSecond,
        keptWarm: prices.keptWarmArmGbSecond,
      }
    : {
        onDemand: prices.lambdaX86GbSecond,
        warm: prices.warmX86GbSecond,
        keptWarm: prices.keptWarmX86GbSecond,
      };
}

/**
 * What a million predictions cost to answer, in USD: the time and the requests of the serving function, and
 * the API's requests, refused ones too. Absent while nothing is predicted. Approximate, since what Lambda
 * bills is no metric: each invocation is rounded up to a millisecond, which is half of one on average, and an
 * initialization is billed and not measured. Recording, a shadow and an endpoint of SageMaker are not in it.
 */
export function servingCost(
  spec: ModelSpec,
  prices: Prices,
  billed: BilledMetrics,
  period: Duration,
): MathExpression {
  const { onDemand, warm } = computePrices(spec, prices);
  const gbSecond = spec.runtime.provisionedConcurrency > 0 ? warm : onDemand;
  const aMs = decimal((memoryGb(spec) * gbSecond * MILLION) / 1000);
  const { functionUrlRequests, duration, invocations, predictions } = billed;
  const throughApi = functionUrlRequests
    ? '(invocations - FILL(functionUrlRequests, 0))'
    : 'invocations';
  const dollars = [
    `${aMs} * (duration + 0.5 * invocations)`,
    `${decimal(prices.lambdaRequest * MILLION)} * invocations`,
    `${decimal(prices.apiRequest * MILLION)} * ${throughApi}`,
  ];
  return new MathExpression({
    expression: `IF(predictions > 0, (${dollars.join(' + ')}) / predictions)`,
    usingMetrics: {
      duration,
      invocations,
      predictions,
      ...(functionUrlRequests && { functionUrlRequests }),
    },
    period,
    label: 'USD a million predictions',
  });
}

/** What the cost of answering leaves out, in words. */
export function costBeside(spec: ModelSpec, prices: Prices): string {
  const { kind, provisionedConcurrency } = spec.runtime;
  const anHour =
    memoryGb(spec) * provisionedConcurrency * computePrices(spec, prices).keptWarm * 3600;
  const beside = [
    ...(provisionedConcurrency > 0 ? [`$${anHour.toFixed(2)} an hour for being kept warm`] : []),
    ...(kind === 'sagemaker' ? ['the endpoint'] : []),
  ];
  return beside.length > 0 ? `, beside ${beside.join(' and ')}` : '';
}
