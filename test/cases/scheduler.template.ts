import { arnOf, queue, ref, serviceRole, type Template } from './template.ts';

/** The words that Scheduler replaces by what they say. */
const INPUT = {
  at: '<aws.scheduler.scheduled-time>',
  by: '<aws.scheduler.schedule-arn>',
  execution: '<aws.scheduler.execution-id>',
  attempt: '<aws.scheduler.attempt-number>',
};

/** A schedule that sends a message a minute. */
export const SCHEDULER_TEMPLATE = {
  Resources: {
    Schedule: {
      Type: 'AWS::Scheduler::Schedule',
      Properties: {
        ScheduleExpression: 'rate(1 minute)',
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: {
          Arn: arnOf('Due'),
          RoleArn: arnOf('ScheduleRole'),
          Input: JSON.stringify(INPUT),
        },
      },
    },
    ScheduleRole: serviceRole('scheduler', ['sqs:SendMessage', arnOf('Due')]),
    // What nobody takes must not pile up.
    Due: queue({ MessageRetentionPeriod: 3600 }),
  },
  Outputs: {
    scheduleArn: { Value: arnOf('Schedule') },
    queueUrl: { Value: ref('Due') },
  },
} satisfies Template;
