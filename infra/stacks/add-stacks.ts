import type { App } from 'aws-cdk-lib/core';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { readConfig } from '../config.ts';
import { DeliveryStack } from './delivery.ts';
import { OperationsStack } from './operations.ts';
import { StatefulStack } from './stateful.ts';

/** The three stacks of a stage, serving the given models. */
export function addStacks(app: App, specs: readonly ModelSpec[]) {
  const config = readConfig(app.node);
  const name = (stack: string) => `slipway-${config.stage}-${stack}`;
  const stateful = new StatefulStack(app, name('stateful'), config);
  const delivery = new DeliveryStack(app, name('delivery'), config, stateful, specs);
  const operations = new OperationsStack(app, name('operations'), config, delivery, specs);
  return { stateful, delivery, operations };
}
