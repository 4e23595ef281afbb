import { STATES_TEMPLATE } from './states.template.ts';
import type { Template } from './template.ts';

/** What must exist at a target, by the suite; the outputs are members of the target. */
const TEMPLATES: Readonly<Record<string, Template>> = {
  states: STATES_TEMPLATE,
};

const [, , suite = ''] = process.argv;
const template = TEMPLATES[suite];
if (template === undefined)
  throw new Error(`say which suite: ${Object.keys(TEMPLATES).join(' or ')}`);
process.stdout.write(
  `${JSON.stringify({ AWSTemplateFormatVersion: '2010-09-09', ...template }, null, 2)}\n`,
);
