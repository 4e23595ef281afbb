/** As much of CloudFormation as says what must exist at a target. */
export interface Template {
  readonly Resources: Resources;
  /** By the members of the suite's target. */
  readonly Outputs: Outputs;
}

interface Declared {
  readonly Type: string;
  readonly Properties: object;
  readonly DependsOn?: string;
}
export type Resources = Readonly<Record<string, Declared>>;

export type Reference = { readonly Ref: string } | { readonly 'Fn::GetAtt': readonly string[] };
export type Outputs<Name extends string = string> = Readonly<
  Record<Name, { readonly Value: Reference }>
>;

type Statement = readonly [actions: string | readonly string[], resource: unknown];

export const ref = (logicalId: string) => ({ Ref: logicalId });
export const arnOf = (logicalId: string) => ({ 'Fn::GetAtt': [logicalId, 'Arn'] });

/** A role that a service takes, and what it may do in it. */
export const serviceRole = (service: string, ...statements: readonly Statement[]) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: `${service}.amazonaws.com` },
          Action: 'sts:AssumeRole',
        },
      ],
    },
    Policies: [
      {
        PolicyName: 'cases',
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: statements.map(([Action, Resource]) => ({
            Effect: 'Allow',
            Action,
            Resource,
          })),
        },
      },
    ],
  },
});

/**
 * A function with its role and log group, `<id>`, `<id>Role` and `<id>Log`.
 * @param code CommonJS that exports `handler`; at most 4 KB, as CloudFormation takes no more inline.
 */
export const inlineFunction = (
  id: string,
  code: string,
  statements: readonly Statement[] = [],
  properties: object = {},
): Resources => ({
  [id]: {
    Type: 'AWS::Lambda::Function',
    Properties: {
      Runtime: 'nodejs22.x',
      Handler: 'index.handler',
      Code: { ZipFile: code },
      Role: arnOf(`${id}Role`),
      Timeout: 10,
      MemorySize: 256,
      LoggingConfig: { LogGroup: ref(`${id}Log`) },
      ...properties,
    },
  },
  [`${id}Role`]: serviceRole(
    'lambda',
    [['logs:CreateLogStream', 'logs:PutLogEvents'], arnOf(`${id}Log`)],
    ...statements,
  ),
  [`${id}Log`]: { Type: 'AWS::Logs::LogGroup', Properties: { RetentionInDays: 1 } },
});

/** A function as `inlineFunction` makes it, whose code can `tell(value)` the queue `<id>Told`. */
export const tellingFunction = (
  id: string,
  code: string,
  statements: readonly Statement[] = [],
  properties: object = {},
): Resources => ({
  ...inlineFunction(
    id,
    `${TELL}${code}`,
    [['sqs:SendMessage', arnOf(`${id}Told`)], ...statements],
    { Environment: { Variables: { TOLD: ref(`${id}Told`) } }, ...properties },
  ),
  [`${id}Told`]: queue(),
});

const TELL = `const { SQSClient, SendMessageCommand } = require('@aws-sdk/client-sqs');
const client = new SQSClient({});
const tell = (value) =>
  client.send(
    new SendMessageCommand({ QueueUrl: process.env.TOLD, MessageBody: JSON.stringify(value) }),
  );
`;

/** What is taken out of it stays hidden for longer than any case takes to delete it. */
export const queue = (properties: object = {}) => ({
  Type: 'AWS::SQS::Queue',
  Properties: { VisibilityTimeout: 3600, ...properties },
});

/** Lets a service send to queues on behalf of one thing. */
export const queuePolicy = (
  service: string,
  queueIds: readonly string[],
  sourceArn: Reference,
) => ({
  Type: 'AWS::SQS::QueuePolicy',
  Properties: {
    Queues: queueIds.map(ref),
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: queueIds.map((each) => ({
        Effect: 'Allow',
        Principal: { Service: `${service}.amazonaws.com` },
        Action: 'sqs:SendMessage',
        Resource: arnOf(each),
        Condition: { ArnEquals: { 'aws:SourceArn': sourceArn } },
      })),
    },
  },
});

/** Lets a service invoke a function from one place. */
export const permission = (service: string, functionId: string, sourceArn: Reference) => ({
  Type: 'AWS::Lambda::Permission',
  Properties: {
    Action: 'lambda:InvokeFunction',
    FunctionName: arnOf(functionId),
    Principal: `${service}.amazonaws.com`,
    SourceArn: sourceArn,
  },
});

/** Code of a function that answers with its event, or fails by the name that `fail` in it gives. */
export const ANSWERER = `exports.handler = async (event) => {
  if (!event.fail) return event;
  throw Object.assign(new Error('on purpose'), { name: event.fail });
};`;
