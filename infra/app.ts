import { App } from 'aws-cdk-lib/core';
import { readConfig } from './config.ts';
import { readModelSpecs } from './model-specs.ts';
import { DeliveryStack } from './stacks/delivery.ts';
import { OperationsStack } from './stacks/operations.ts';
import { StatefulStack } from './stacks/stateful.ts';

const app = new App();
const config = readConfig(app.node);
const specs = await readModelSpecs();
const stateful = new StatefulStack(app, `slipway-${config.stage}-stateful`, config);
const delivery = new DeliveryStack(
  app,
  `slipway-${config.stage}-delivery`,
  config,
  stateful,
  specs,
);
new OperationsStack(app, `slipway-${config.stage}-operations`, config, delivery);
app.synth();
