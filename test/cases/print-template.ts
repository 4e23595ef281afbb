import { EVENT_SOURCE_MAPPING_TEMPLATE } from './event-source-mapping.template.ts';
import { EVENTS_TEMPLATE } from './events.template.ts';
import { LAMBDA_TEMPLATE } from './lambda.template.ts';
import { LOGS_TEMPLATE } from './logs.template.ts';
import { SCHEDULER_TEMPLATE } from './scheduler.template.ts';
import { SNS_TEMPLATE } from './sns.template.ts';
import { STATES_TEMPLATE } from './states.template.ts';
import type { Template } from './template.ts';

/** What must exist at a target, by the suite; the outputs are members of the target. */
const TEMPLATES: Readonly<Record<string, Template>> = {
  'event-source-mapping': EVENT_SOURCE_MAPPING_TEMPLATE,
  events: EVENTS_TEMPLATE,
  lambda: LAMBDA_TEMPLATE,
  logs: LOGS_TEMPLATE,
  scheduler: SCHEDULER_TEMPLATE,
  sns: SNS_TEMPLATE,
  states: STATES_TEMPLATE,
};

const [, , suite = ''] = process.argv;
const template = TEMPLATES[suite];
if (template === undefined)
  throw new Error(`say which suite: ${Object.keys(TEMPLATES).join(' or ')}`);
process.stdout.write(
  `${JSON.stringify({ AWSTemplateFormatVersion: '2010-09-09', ...template }, null, 2)}\n`,
);
