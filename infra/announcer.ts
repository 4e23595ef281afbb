import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { type EventBus, Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type * as z from 'zod/mini';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import type { HandlerName } from './bundle.ts';
import { type Config, DEFAULTS } from './config.ts';
import { grantKeyUse } from './key-use.ts';
import { ServiceFunction } from './service-function.ts';

export interface AnnouncerProps<Env extends z.core.$ZodType> {
  readonly config: Config;
  readonly specs: readonly ModelSpec[];
  readonly key: IKey;
  readonly bus: EventBus;
  readonly deadLetters: IQueue;
  readonly handler: HandlerName;
  readonly description: string;
  readonly env: Env;
  readonly environment: Readonly<Record<keyof z.output<Env>, string>>;
  /** Where the facts wait that nobody was told of yet, and its key. */
  readonly table: TableV2;
  readonly tableKey: IKey;
}

/**
 * Tells the bus of facts that were written with what they tell of: when their writer starts it, and by
 * schedule, since the writer may have died or the bus may have been away.
 */
export class Announcer<Env extends z.core.$ZodType> extends ServiceFunction<Env> {
  constructor(scope: Construct, id: string, props: AnnouncerProps<Env>) {
    const { config, specs, key, bus, deadLetters, table, tableKey } = props;
    super(scope, id, {
      handler: props.handler,
      description: props.description,
      env: props.env,
      environment: props.environment,
      files: { id: 'all', content: { 'specs.json': specs } },
      invocation: { kind: 'asynchronous', deadLetters },
      stage: config.stage,
      key,
    });
    table.grant(this, 'dynamodb:Query', 'dynamodb:DeleteItem');
    grantKeyUse(this, tableKey);
    this.addToRolePolicy(
      new PolicyStatement({ actions: ['events:PutEvents'], resources: [bus.eventBusArn] }),
    );
    new Rule(scope, `${id}Due`, {
      description: `${props.description}, by schedule`,
      schedule: Schedule.rate(DEFAULTS.announcementInterval),
      targets: [new LambdaFunction(this)],
    });
  }

  /** Lets a function that writes such facts have them told soon. */
  grantStart(writer: ServiceFunction): void {
    writer.addToRolePolicy(
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [this.functionArn] }),
    );
  }
}
