import * as z from 'zod';
import { type AlarmRule, COMPARISON_NAMES, type MissingData } from './alarm-evaluation.ts';
import { type CompositeRule, parseCompositeRule } from './composite-rule.ts';
import type { EmulatedType, Resource } from './emulator.ts';
import { DimensionList, MetricDataQuery, MetricQueries, Period } from './metric-queries.ts';
import { MetricStore } from './metrics.ts';
import { physicalName, physicalUuid } from './physical-name.ts';

const ACTIONS = ['ActionsEnabled', 'AlarmActions', 'OKActions', 'InsufficientDataActions'];

const alarmType = (honoured: readonly string[]): EmulatedType => ({
  identify(declared, { account, region }) {
    const name = physicalName(declared, 'AlarmName', 255);
    return {
      ref: name,
      attributes: { Arn: `arn:aws:cloudwatch:${region}:${account}:alarm:${name}` },
    };
  },
  honoured: ['AlarmName', 'AlarmDescription', ...ACTIONS, ...honoured],
  inert: { Tags: 'nothing reads them' },
});

export const ALARM_TYPES: Readonly<Record<string, EmulatedType>> = {
  'AWS::CloudWatch::Alarm': alarmType([
    'ComparisonOperator',
    'DatapointsToAlarm',
    'Dimensions',
    'EvaluationPeriods',
    'ExtendedStatistic',
    'MetricName',
    'Metrics',
    'Namespace',
    'Period',
    'Statistic',
    'Threshold',
    'TreatMissingData',
    'Unit',
  ]),
  'AWS::CloudWatch::CompositeAlarm': alarmType(['AlarmRule']),
  'AWS::CloudWatch::Dashboard': {
    identify: (declared) => ({ ref: physicalName(declared, 'DashboardName', 255), attributes: {} }),
    honoured: [],
    inert: {
      DashboardBody: 'the console of AWS draws it; nothing on this machine does',
      DashboardName: 'there is no console to list it in',
    },
  },
};

/** Values of a template may be texts where CloudFormation takes them so. */
const Properties = z.object({
  ActionsEnabled: z.boolean().default(true),
  AlarmDescription: z.string().optional(),
  AlarmActions: z.array(z.string()).default([]),
  OKActions: z.array(z.string()).default([]),
  InsufficientDataActions: z.array(z.string()).default([]),
});
const MetricProperties = z.object({
  ComparisonOperator: z.enum(COMPARISON_NAMES as [AlarmRule['comparison']]),
  DatapointsToAlarm: z.coerce.number().int().positive().optional(),
  Dimensions: DimensionList.optional(),
  EvaluationPeriods: z.coerce.number().int().positive(),
  ExtendedStatistic: z.string().optional(),
  MetricName: z.string().optional(),
  Metrics: z.array(MetricDataQuery).optional(),
  Namespace: z.string().optional(),
  Period: Period.optional(),
  Statistic: z.string().optional(),
  Threshold: z.coerce.number(),
  TreatMissingData: z.enum(['missing', 'ignore', 'breaching', 'notBreaching']).default('missing'),
  Unit: z.string().optional(),
});

interface Declared {
  readonly name: string;
  readonly arn: string;
  readonly description: string | undefined;
  readonly actionsEnabled: boolean;
  readonly actions: {
    readonly ALARM: readonly string[];
    readonly OK: readonly string[];
    readonly INSUFFICIENT_DATA: readonly string[];
  };
}

export interface MetricAlarm extends Declared {
  readonly kind: 'metric';
  readonly rule: AlarmRule;
  readonly queries: MetricQueries;
  /** As the events of the alarm show them. */
  readonly declaredQueries: readonly MetricDataQuery[];
  readonly periodSeconds: number;
  /** Between two evaluations. */
  readonly everySeconds: number;
}

export interface CompositeAlarm extends Declared {
  readonly kind: 'composite';
  readonly ruleText: string;
  readonly rule: CompositeRule;
}

export type Alarm = MetricAlarm | CompositeAlarm;

const DAY_SECONDS = 86_400;

/** Reads the alarms of a template. @throws TypeError for one that CloudWatch would refuse. */
export function readAlarms(resources: readonly Resource[]): readonly Alarm[] {
  return resources.flatMap((resource): Alarm[] => {
    try {
      if (resource.type === 'AWS::CloudWatch::Alarm') return [readMetricAlarm(resource)];
      if (resource.type === 'AWS::CloudWatch::CompositeAlarm') return [readComposite(resource)];
      return [];
    } catch (cause) {
      const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
      throw new TypeError(`${resource.path}: CloudWatch would refuse this alarm: ${reason}`, {
        cause,
      });
    }
  });
}

function readDeclared({ ref, attributes, properties }: Resource): Declared {
  const given = Properties.parse(properties);
  return {
    name: ref,
    arn: attributes['Arn'] ?? '',
    description: given.AlarmDescription,
    actionsEnabled: given.ActionsEnabled,
    actions: {
      ALARM: given.AlarmActions,
      OK: given.OKActions,
      INSUFFICIENT_DATA: given.InsufficientDataActions,
    },
  };
}

function readComposite(resource: Resource): CompositeAlarm {
  const ruleText = z.string().parse(resource.properties['AlarmRule']);
  const rule = parseCompositeRule(ruleText);
  return { ...readDeclared(resource), kind: 'composite', ruleText, rule };
}

function readMetricAlarm(resource: Resource): MetricAlarm {
  const given = MetricProperties.parse(resource.properties);
  const declaredQueries = given.Metrics ?? [ownQuery(resource, given)];
  const queries = new MetricQueries(declaredQueries);
  if (queries.returned.length !== 1)
    throw new TypeError(`exactly one query returns data, not ${queries.returned.length}`);
  const rule: AlarmRule = {
    comparison: given.ComparisonOperator,
    threshold: given.Threshold,
    evaluationPeriods: given.EvaluationPeriods,
    datapointsToAlarm: given.DatapointsToAlarm ?? given.EvaluationPeriods,
    missingData: missingDataOf(given.TreatMissingData, declaredQueries),
  };
  if (rule.datapointsToAlarm > rule.evaluationPeriods)
    throw new TypeError('DatapointsToAlarm is above EvaluationPeriods');
  const { periodSeconds } = queries;
  checkSpan(periodSeconds, rule);
  // Shows unknown functions and ids now, not at the first evaluation.
  queries.answer(new MetricStore(), { startMs: 0, endMs: periodSeconds * 1000 });
  return {
    ...readDeclared(resource),
    kind: 'metric',
    rule,
    queries,
    declaredQueries,
    periodSeconds,
    everySeconds: intervalOf(periodSeconds, rule),
  };
}

function ownQuery(resource: Resource, given: z.output<typeof MetricProperties>): MetricDataQuery {
  return MetricDataQuery.parse({
    // CloudWatch gives such a query a UUID; ids of queries begin with a letter.
    Id: `m${physicalUuid(resource).replaceAll('-', '')}`,
    MetricStat: {
      Metric: {
        Namespace: given.Namespace,
        MetricName: given.MetricName,
        Dimensions: given.Dimensions,
      },
      Period: given.Period,
      Stat: given.Statistic ?? given.ExtendedStatistic,
      Unit: given.Unit,
    },
  });
}

/** CloudWatch ignores what DynamoDB does not report, whatever the alarm says. */
function missingDataOf(given: MissingData, queries: readonly MetricDataQuery[]): MissingData {
  const isOfDynamoDb = queries.some(
    ({ MetricStat: stat }) => stat?.Metric.Namespace === 'AWS/DynamoDB',
  );
  return isOfDynamoDb ? 'ignore' : given;
}

function checkSpan(periodSeconds: number, rule: AlarmRule): void {
  if (![10, 20, 30].includes(periodSeconds) && periodSeconds % 60 !== 0)
    throw new TypeError(
      `an alarm's period is 10, 20, 30 or a multiple of 60, not ${periodSeconds}`,
    );
  const limit = periodSeconds < 3600 ? DAY_SECONDS : 7 * DAY_SECONDS;
  if (periodSeconds * rule.evaluationPeriods > limit)
    throw new TypeError(
      `${rule.evaluationPeriods} periods of ${periodSeconds} s are more than ${limit} s`,
    );
}

function intervalOf(periodSeconds: number, rule: AlarmRule): number {
  if (periodSeconds < 60) return 10;
  return periodSeconds * rule.evaluationPeriods > DAY_SECONDS ? 3600 : 60;
}
