import { App } from 'aws-cdk-lib/core';
import { readModelSpecs } from './model-specs.ts';
import { addStacks } from './stacks/add-stacks.ts';

const app = new App();
addStacks(app, await readModelSpecs());
app.synth();
