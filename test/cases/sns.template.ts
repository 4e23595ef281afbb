import {
  arnOf,
  permission,
  queue,
  queuePolicy,
  ref,
  type Template,
  tellingFunction,
} from './template.ts';

const subscription = (Protocol: string, Endpoint: unknown, more: object = {}) => ({
  Type: 'AWS::SNS::Subscription',
  Properties: { TopicArn: ref('Topic'), Protocol, Endpoint, ...more },
});

/** A topic to which two queues and a function subscribe. */
export const SNS_TEMPLATE = {
  Resources: {
    Topic: { Type: 'AWS::SNS::Topic', Properties: {} },
    ...tellingFunction('Pager', 'exports.handler = tell;'),
    PagerPermission: permission('sns', 'Pager', ref('Topic')),
    PagerSubscription: subscription('lambda', arnOf('Pager')),
    RawQueue: queue(),
    RawSubscription: subscription('sqs', arnOf('RawQueue'), { RawMessageDelivery: true }),
    EnvelopeQueue: queue(),
    EnvelopeSubscription: subscription('sqs', arnOf('EnvelopeQueue')),
    QueuePolicy: queuePolicy('sns', ['RawQueue', 'EnvelopeQueue'], ref('Topic')),
  },
  Outputs: {
    topicArn: { Value: ref('Topic') },
    rawUrl: { Value: ref('RawQueue') },
    envelopeUrl: { Value: ref('EnvelopeQueue') },
    toldUrl: { Value: ref('PagerTold') },
  },
} satisfies Template;
