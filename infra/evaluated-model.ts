import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { NestedStack } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import type { Config } from './config.ts';
import { ModelDashboard } from './model-dashboard.ts';
import { ModelMetrics } from './model-metrics.ts';
import { ObjectiveAlarms } from './objective-alarms.ts';
import type { ScheduledEvaluation } from './scheduled-evaluation.ts';

export interface EvaluatedModelProps {
  readonly config: Config;
  readonly spec: ModelSpec;
  /** Answers for the model; Lambda's own metrics are by its name. */
  readonly server: IFunction;
  readonly scheduled: ScheduledEvaluation;
}

/** What watches one model: alarms on its objectives, its dashboard and schedules, in a nested stack of their own. */
export class EvaluatedModel extends NestedStack {
  constructor(scope: Construct, id: string, props: EvaluatedModelProps) {
    super(scope, id, { description: `Slipway: evaluates ${id}` });
    const { config, spec, server, scheduled } = props;
    const { stage, prices } = config;
    const metrics = new ModelMetrics(spec, server, prices);
    const alarms = new ObjectiveAlarms(this, 'Objectives', { spec, stage, metrics });
    new ModelDashboard(this, 'Dashboard', { spec, stage, metrics, alarms });
    scheduled.schedule(this, spec.name);
  }
}
