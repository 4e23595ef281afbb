import { arnOf, queue, queuePolicy, ref, type Template } from './template.ts';

/** A bus with a rule for the source `slipway.cases`, whose target is a queue. */
export const EVENTS_TEMPLATE = {
  Resources: {
    Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'slipway-cases' } },
    Rule: {
      Type: 'AWS::Events::Rule',
      Properties: {
        EventBusName: ref('Bus'),
        EventPattern: { source: ['slipway.cases'] },
        Targets: [{ Id: 'queue', Arn: arnOf('Matched') }],
      },
    },
    Matched: queue(),
    MatchedPolicy: queuePolicy('events', ['Matched'], arnOf('Rule')),
  },
  Outputs: {
    busName: { Value: ref('Bus') },
    queueUrl: { Value: ref('Matched') },
  },
} satisfies Template;
