import { ANSWERER, arnOf, inlineFunction, queue, ref, type Template } from './template.ts';

/** A function that tries asynchronous events twice, and where it sends those that failed. */
export const LAMBDA_TEMPLATE = {
  Resources: {
    ...inlineFunction('Invoked', ANSWERER, [['sqs:SendMessage', arnOf('Failures')]]),
    Failures: queue(),
    InvokeConfig: {
      Type: 'AWS::Lambda::EventInvokeConfig',
      Properties: {
        FunctionName: ref('Invoked'),
        Qualifier: '$LATEST',
        MaximumRetryAttempts: 1,
        DestinationConfig: { OnFailure: { Destination: arnOf('Failures') } },
      },
    },
  },
  Outputs: {
    functionName: { Value: ref('Invoked') },
    failuresUrl: { Value: ref('Failures') },
  },
} satisfies Template;
