/** As much of CloudFormation as says what must exist at a target. */
export interface Template {
  readonly Resources: Resources;
  /** By the members of the suite's target. */
  readonly Outputs: Readonly<Record<string, { readonly Value: unknown }>>;
}

export type Resources = Readonly<
  Record<string, { readonly Type: string; readonly Properties: object }>
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
