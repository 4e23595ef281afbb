import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { NestedStack } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import type { Config } from './config.ts';
import { ModelDashboard } from './model-dashboard.ts';
import { ModelMetrics } from './model-metrics.ts';
import { ObjectiveAlarms } from './objective-alarms.ts';

export interface EvaluatedModelProps {
  readonly config: Config;
  readonly spec: ModelSpec;
  /** Answers for the model; Lambda's own metrics are by its name. */
  readonly server: IFunction;
}

/** What watches one model: alarms on its objectives and its dashboard, in a nested stack of their own. */
export class EvaluatedModel extends NestedStack {
  constructor(scope: Construct, id: string, { config, spec, server }: EvaluatedModelProps) {
    super(scope, id, { description: `Slipway: evaluates ${id}` });
    const { stage } = config;
    const metrics = new ModelMetrics(spec, server);
    const alarms = new ObjectiveAlarms(this, 'Objectives', { spec, stage, metrics });
    new ModelDashboard(this, 'Dashboard', { spec, stage, metrics, alarms });
  }
}
