import { arnOf, queue, ref, type Template, tellingFunction } from './template.ts';

/** Does with each message what its `plan` says, and tells of those it confirms. */
const WORKER = `exports.handler = async ({ Records }) => {
  const batchItemFailures = [];
  for (const record of Records) {
    const { plan } = JSON.parse(record.body);
    const isFirst = record.attributes.ApproximateReceiveCount === '1';
    if (plan === 'throw' && isFirst) throw new Error('on purpose');
    if (plan === 'misname' && isFirst) return { batchItemFailures: [{ id: record.messageId }] };
    const isReported = plan === 'poison' || (plan === 'report' && isFirst);
    if (isReported) batchItemFailures.push({ itemIdentifier: record.messageId });
    else await tell(record);
    if (plan === 'say nothing') return;
  }
  return { batchItemFailures };
};`;

/** A queue that is mapped to a function with partial batches, and its dead letters. */
export const EVENT_SOURCE_MAPPING_TEMPLATE = {
  Resources: {
    ...tellingFunction(
      'Worker',
      WORKER,
      [[['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], arnOf('WorkQueue')]],
      { Timeout: 5 },
    ),
    WorkQueue: queue({
      VisibilityTimeout: 10,
      RedrivePolicy: { deadLetterTargetArn: arnOf('DeadWork'), maxReceiveCount: 3 },
    }),
    DeadWork: queue(),
    Mapping: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: {
        EventSourceArn: arnOf('WorkQueue'),
        FunctionName: ref('Worker'),
        FunctionResponseTypes: ['ReportBatchItemFailures'],
      },
    },
  },
  Outputs: {
    queueUrl: { Value: ref('WorkQueue') },
    queueArn: { Value: arnOf('WorkQueue') },
    deadLettersUrl: { Value: ref('DeadWork') },
    toldUrl: { Value: ref('WorkerTold') },
  },
} satisfies Template;
