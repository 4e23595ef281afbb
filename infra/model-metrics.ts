import { type IMetric, MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Duration } from 'aws-cdk-lib/core';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import {
  componentName,
  evidenceOf,
  METRIC_DEFINITIONS,
  type MetricId,
  type QualityComponent,
  type RatioOfSums,
} from '../functions/contracts/quality-metric.ts';
import { METRIC_NAMESPACE, SERVING_METRICS } from '../functions/contracts/serving-metric.ts';
import { WINDOW_METRICS } from '../functions/contracts/window-metric.ts';
import type { Prices } from './config.ts';
import { costBeside, servingCost } from './serving-cost.ts';

export type Arm = 'champion' | 'challenger';

/** How soon a missed objective must be seen. CloudWatch alarms on nothing finer than 10 s. */
export const CADENCE_PERIODS = {
  second: Duration.seconds(10),
  minute: Duration.minutes(1),
  hour: Duration.hours(1),
} as const satisfies Record<ModelSpec['monitoring']['cadence'], Duration>;

export interface MetricOptions {
  readonly period: Duration;
  /** Of one arm; of the model as a whole without. */
  readonly arm?: Arm;
  /** Absent while fewer rows than this stand behind a value. */
  readonly minimumEvidence?: number;
  readonly label?: string;
}

/** Failures and throttles happen before an arm is known, and what is computed of a window is of all arms. */
export const isKnownByArm = (metric: MetricId): boolean => {
  const definition = METRIC_DEFINITIONS[metric];
  return definition.kind === 'ratio' || definition.kind === 'latency' || metric === 'fallbackShare';
};

/** The metrics of one model, from the names and formulas that evaluate and record use too. */
export class ModelMetrics {
  readonly #spec: ModelSpec;
  readonly #server: IFunction;
  readonly #prices: Prices;

  constructor(spec: ModelSpec, server: IFunction, prices: Prices) {
    this.#spec = spec;
    this.#server = server;
    this.#prices = prices;
  }

  /** Under a name of Slipway's namespace, for what is published as it is. */
  named(metricName: string, statistic: string, { period, arm }: MetricOptions): Metric {
    return new Metric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: { Model: this.#spec.name, ...(arm && { Arm: arm }) },
      statistic,
      period,
    });
  }

  serving(metric: keyof typeof SERVING_METRICS, statistic: string, options: MetricOptions): Metric {
    return this.named(SERVING_METRICS[metric].name, statistic, options);
  }

  component(component: QualityComponent, options: MetricOptions): Metric {
    return this.named(componentName(component, this.#spec.task), Stats.SUM, options);
  }

  /** A metric that an objective, gate or guardrail names. */
  value(metric: MetricId, options: MetricOptions): IMetric {
    const definition = METRIC_DEFINITIONS[metric];
    switch (definition.kind) {
      case 'ratio':
        return this.#ratio(metric, definition, options);
      case 'windowed':
        return this.#enough(metric, this.named(definition.name, Stats.AVERAGE, options), options);
      case 'latency': {
        const latency = this.serving('latency', Stats.p(definition.percentile), options);
        return this.#enough(metric, latency, options);
      }
      case 'share': {
        const top = this.serving(definition.numerator, Stats.SUM, options);
        const bottom = this.serving(definition.denominator, Stats.SUM, options);
        return share(metric, top, bottom, options);
      }
      case 'throttled':
        return this.#throttled(metric, options);
    }
  }

  /** What `value` rests on: labelled rows, requests, or published values. One number a period. */
  evidence(metric: MetricId, options: MetricOptions): IMetric {
    const definition = METRIC_DEFINITIONS[metric];
    switch (definition.kind) {
      case 'ratio':
        return sumOf(this.#components(evidenceOf(metric), options), options);
      case 'windowed':
        return this.named(WINDOW_METRICS.positives.name, Stats.MAXIMUM, options);
      case 'throttled':
        return this.#server.metricInvocations({ period: atLeastAMinute(options.period) });
      case 'latency':
      case 'share':
        return this.serving('requests', Stats.SUM, options);
    }
  }

  /** USD a million predictions, by what Lambda measures of the function that answers. */
  cost(options: MetricOptions): IMetric {
    const period = atLeastAMinute(options.period);
    const billed = {
      duration: this.#server.metricDuration({ period, statistic: Stats.SUM }),
      invocations: this.#server.metricInvocations({ period }),
      predictions: this.serving('rows', Stats.SUM, { period }),
      ...(this.#spec.runtime.functionUrl && {
        functionUrlRequests: this.#server.metric('UrlRequestCount', {
          period,
          statistic: Stats.SUM,
        }),
      }),
    };
    return servingCost(this.#spec, this.#prices, billed, period);
  }

  /** What `cost` leaves out, in words for the title of its graph. */
  get costBeside(): string {
    return costBeside(this.#spec, this.#prices);
  }

  #components(names: readonly QualityComponent[], options: MetricOptions) {
    return Object.fromEntries(
      names.map((name) => [idOf(name, options), this.component(name, options)]),
    );
  }

  #ratio(metric: MetricId, definition: RatioOfSums, options: MetricOptions): IMetric {
    const { numerator, denominator, scale = 1, root } = definition;
    const evidence = evidenceOf(metric);
    const sumOfIds = (names: readonly string[]) =>
      names.map((name) => idOf(name, options)).join(' + ');
    const divisor = sumOfIds(denominator);
    const quotient = `${scale === 1 ? '' : `${scale} * `}${idOf(numerator, options)} / (${divisor})`;
    const minimum = options.minimumEvidence ?? 0;
    const isEnough = minimum > 0 ? ` AND (${sumOfIds(evidence)}) >= ${minimum}` : '';
    return new MathExpression({
      expression: `IF((${divisor}) > 0${isEnough}, ${root ? `(${quotient})^0.5` : quotient})`,
      usingMetrics: this.#components(
        [...new Set([numerator, ...denominator, ...(minimum > 0 ? evidence : [])])],
        options,
      ),
      period: options.period,
      label: options.label ?? metric,
    });
  }

  #enough(metric: MetricId, value: Metric, options: MetricOptions): IMetric {
    const { minimumEvidence = 0, period, label = metric } = options;
    if (minimumEvidence === 0) return value.with({ label });
    const [evidence, valueId] = [idOf('evidence', options), idOf('value', options)];
    return new MathExpression({
      expression: `IF(${evidence} >= ${minimumEvidence}, ${valueId})`,
      usingMetrics: { [evidence]: this.evidence(metric, options), [valueId]: value },
      period,
      label,
    });
  }

  #throttled(metric: MetricId, options: MetricOptions): IMetric {
    // Lambda reports by the minute.
    const period = atLeastAMinute(options.period);
    return new MathExpression({
      expression: `IF((throttles + invocations) >= ${Math.max(options.minimumEvidence ?? 0, 1)}, throttles / (throttles + invocations))`,
      usingMetrics: {
        throttles: this.#server.metricThrottles({ period }),
        invocations: this.#server.metricInvocations({ period }),
      },
      period,
      label: options.label ?? metric,
    });
  }
}

const atLeastAMinute = (period: Duration): Duration =>
  period.toSeconds() < 60 ? Duration.minutes(1) : period;

/** Ids are of a graph, in which the arms stand side by side. */
const idOf = (name: string, { arm }: MetricOptions): string =>
  arm === undefined ? name : `${name}_${arm}`;

function share(metric: MetricId, top: Metric, bottom: Metric, options: MetricOptions): IMetric {
  const ids = { top: idOf('top', options), bottom: idOf('bottom', options) };
  return new MathExpression({
    expression: `IF(${ids.bottom} >= ${Math.max(options.minimumEvidence ?? 0, 1)}, ${ids.top} / ${ids.bottom})`,
    usingMetrics: { [ids.top]: top, [ids.bottom]: bottom },
    period: options.period,
    label: options.label ?? metric,
  });
}

function sumOf(
  metrics: Readonly<Record<string, Metric>>,
  { period, label = 'evidence' }: MetricOptions,
): IMetric {
  const [first, ...others] = Object.values(metrics);
  if (first && others.length === 0) return first;
  return new MathExpression({
    expression: Object.keys(metrics).join(' + '),
    usingMetrics: metrics,
    period,
    label,
  });
}
