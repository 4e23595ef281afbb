import { EventField, Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Duration, NestedStack } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import type { ServiceFunction } from './service-function.ts';

/** Takes the snapshots that specs ask for: two resources a model, which the delivery stack has no room for. */
export class SnapshotSchedules extends NestedStack {
  constructor(
    scope: Construct,
    id: string,
    specs: readonly ModelSpec[],
    snapshooter: ServiceFunction,
  ) {
    super(scope, id);
    for (const { name, snapshots } of specs) {
      if (!snapshots) continue;
      const event = RuleTargetInput.fromObject({ model: name, scheduledAt: EventField.time });
      new Rule(this, name, {
        description: `A ${snapshots.purpose} set of ${name} from what was recorded`,
        schedule: Schedule.rate(Duration.days(snapshots.everyDays)),
        targets: [new LambdaFunction(snapshooter, { event })],
      });
    }
  }
}
