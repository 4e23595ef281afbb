import { METRIC_NAMESPACE } from '../contracts/serving-metric.ts';

interface MetricDefinition {
  readonly name: string;
  readonly unit: string;
}

export interface MetricDimensions {
  readonly Model: string;
  readonly Arm?: string;
}

/** By model for the whole, by model and arm for comparison: dimensions are known when alarms are made. */
const BY_MODEL = [['Model']];
const BY_MODEL_AND_ARM = [['Model'], ['Model', 'Arm']];

/**
 * A writer of the text of a JSON object that makes a log line carry metrics: the embedded metric format.
 * Written by hand, because it is two thirds of a line and differs in a few numbers.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function metricWriter<Metric extends string>(
  definitions: Readonly<Partial<Record<Metric, MetricDefinition>>>,
) {
  /** Directives by what they declare: there are a handful, and each is in every line. */
  const directives = new Map<string, string>();
  const nameOf = (metric: Metric): string => definitions[metric]?.name ?? metric;

  function directiveOf(names: readonly Metric[], hasArm: boolean, resolution: 1 | 60): string {
    const key = `${resolution} ${hasArm} ${names.join()}`;
    const known = directives.get(key);
    if (known !== undefined) return known;
    const directive = JSON.stringify({
      Namespace: METRIC_NAMESPACE,
      Dimensions: hasArm ? BY_MODEL_AND_ARM : BY_MODEL,
      Metrics: names.map((metric) => ({
        Name: nameOf(metric),
        Unit: definitions[metric]?.unit ?? 'None',
        StorageResolution: resolution,
      })),
    });
    directives.set(key, directive);
    return directive;
  }

  /** @param resolutionSeconds 1 where the model's cadence is a second, else 60. */
  return (
    nowMs: number,
    { Model, Arm }: MetricDimensions,
    measured: Readonly<Partial<Record<Metric, number | readonly number[]>>>,
    resolutionSeconds: 1 | 60,
  ): string => {
    const names = Object.keys(measured) as Metric[];
    const directive = directiveOf(names, Arm !== undefined, resolutionSeconds);
    let text = `{"_aws":{"Timestamp":${Math.floor(nowMs)},"CloudWatchMetrics":[${directive}]},"Model":"${Model}"`;
    if (Arm !== undefined) text += `,"Arm":"${Arm}"`;
    for (const metric of names) text += `,"${nameOf(metric)}":${textOf(measured[metric] ?? 0)}`;
    return `${text}}`;
  };
}

const textOf = (value: number | readonly number[]): string =>
  typeof value === 'number' ? String(value) : `[${value.join()}]`;

/** Two JSON objects as one. @param first with at least one member. */
export const joinObjects = (first: string, second: string): string =>
  second === '{}' ? first : `${first.slice(0, -1)},${second.slice(1)}`;
