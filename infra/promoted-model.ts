import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import {
  CustomerManagedEncryptionConfiguration,
  DefinitionBody,
  LogLevel,
  StateMachine,
} from 'aws-cdk-lib/aws-stepfunctions';
import { NestedStack, RemovalPolicy } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import { acknowledge } from './acknowledgements.ts';
import { type Config, DEFAULTS } from './config.ts';
import { keyUse } from './key-use.ts';
import { PROMOTION_STEPS, type PromotionStep, promotionMachine } from './promotion-machine.ts';
import type { ServiceFunction } from './service-function.ts';

/** Name of a model's machine, known before there is one: operators start it by name. */
export const machineName = ({ stage }: Config, model: string): string =>
  `slipway-${stage}-promote-${model}`;

export interface PromotedModelProps {
  readonly config: Config;
  readonly key: IKey;
  /** Tries versions of this model. */
  readonly trial: ServiceFunction;
  readonly spec: ModelSpec;
  readonly steps: Readonly<Record<PromotionStep, ServiceFunction>>;
}

/** One model's way to production, in a nested stack as everything of a model. */
export class PromotedModel extends NestedStack {
  constructor(
    scope: Construct,
    id: string,
    { spec, steps, config, key, trial }: PromotedModelProps,
  ) {
    super(scope, id, { description: `Slipway: takes versions of ${id} to production` });
    const arns = Object.fromEntries(
      PROMOTION_STEPS.map((step) => [step, steps[step].functionArn]),
    ) as Record<PromotionStep, string>;
    const machine = new StateMachine(this, 'Machine', {
      stateMachineName: machineName(config, spec.name),
      comment: `${spec.name}: from a registered version to production, or back`,
      definitionBody: DefinitionBody.fromString(
        this.toJsonString(promotionMachine(spec, arns, trial.functionArn)),
      ),
      tracingEnabled: true,
      encryptionConfiguration: new CustomerManagedEncryptionConfiguration(key),
      logs: {
        level: LogLevel.ALL,
        includeExecutionData: true,
        destination: new LogGroup(this, 'Logs', {
          logGroupName: `/slipway/${config.stage}/promote/machine/${spec.name}`,
          retention: DEFAULTS.logRetention,
          removalPolicy: RemovalPolicy.DESTROY,
          encryptionKey: key,
        }),
      },
    });
    machine.addToRolePolicy(
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: Object.values(arns) }),
    );
    machine.addToRolePolicy(keyUse(key));
    acknowledge(
      machine.role,
      'IAM5[Resource::*]',
      'Log deliveries and X-Ray know no resources: both can be allowed for all or for none.',
    );
  }
}
