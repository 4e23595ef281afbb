import {
  ANSWERER,
  arnOf,
  inlineFunction,
  queue,
  queuePolicy,
  ref,
  serviceRole,
  type Template,
} from './template.ts';

const when = (asked: string, Next: string) => ({
  Condition: `{% $states.input.do = "${asked}" %}`,
  Next,
});

const invoke = (resource: string, Payload: unknown) => ({
  Type: 'Task',
  Resource: `arn:aws:states:::lambda:invoke${resource}`,
  Arguments: { FunctionName: '${Answerer.Arn}', Payload },
});

/** Does what its input says, `{"do": "answer" | "wait" | "fail" | "miss" | "call" | "ask", …}`. */
const DEFINITION = {
  QueryLanguage: 'JSONata',
  StartAt: 'Choose',
  States: {
    Choose: {
      Type: 'Choice',
      Choices: [
        {
          ...when('answer', 'Answer'),
          Assign: { n: '{% $states.input.n %}' },
          Output: { word: 'chosen' },
        },
        when('wait', 'Wait'),
        when('fail', 'Fail'),
        when('miss', 'Miss'),
        when('call', 'Call'),
        when('ask', 'Ask'),
      ],
    },
    Answer: {
      Type: 'Pass',
      Output: { doubled: '{% $n * 2 %}', word: '{% $states.input.word %}' },
      End: true,
    },
    Wait: { Type: 'Wait', Seconds: '{% $states.input.seconds %}', Next: 'Done' },
    Fail: {
      Type: 'Fail',
      Error: 'Refused',
      Cause: '{% "n is " & $string($states.input.n) %}',
    },
    Miss: { Type: 'Pass', Output: { told: '{% $states.input.missing %}' }, End: true },
    Call: {
      ...invoke('', '{% $states.input.payload %}'),
      Output: '{% $states.result.Payload %}',
      Retry: [{ ErrorEquals: ['Busy'], IntervalSeconds: 1, MaxAttempts: 1 }],
      Catch: [
        {
          ErrorEquals: ['States.ALL'],
          Output: {
            caught: '{% $states.errorOutput.Error %}',
            said: '{% $parse($states.errorOutput.Cause).errorMessage %}',
          },
          Next: 'Done',
        },
      ],
      End: true,
    },
    Ask: {
      ...invoke('.waitForTaskToken', { token: '{% $states.context.Task.Token %}' }),
      TimeoutSeconds: '{% $states.input.seconds %}',
      Next: 'Done',
    },
    Done: { Type: 'Succeed' },
  },
};

/** A machine, the function it asks, and a rule on the default bus that hears of its executions. */
export const STATES_TEMPLATE = {
  Resources: {
    ...inlineFunction('Answerer', ANSWERER),
    Machine: {
      Type: 'AWS::StepFunctions::StateMachine',
      Properties: {
        DefinitionString: { 'Fn::Sub': JSON.stringify(DEFINITION) },
        RoleArn: arnOf('MachineRole'),
      },
    },
    MachineRole: serviceRole('states', ['lambda:InvokeFunction', arnOf('Answerer')]),
    StatusRule: {
      Type: 'AWS::Events::Rule',
      Properties: {
        EventPattern: {
          source: ['aws.states'],
          'detail-type': ['Step Functions Execution Status Change'],
          detail: { stateMachineArn: [ref('Machine')] },
        },
        Targets: [{ Id: 'queue', Arn: arnOf('Statuses') }],
      },
    },
    Statuses: queue(),
    StatusesPolicy: queuePolicy('events', ['Statuses'], arnOf('StatusRule')),
  },
  Outputs: {
    stateMachineArn: { Value: ref('Machine') },
    statusesUrl: { Value: ref('Statuses') },
  },
} satisfies Template;
