import type { Place, Resource } from './emulator.ts';
import { asList, asText, isRecord } from './json.ts';
import { compilePolicy, type Statement } from './policy-document.ts';

/** Every policy of the template, by what it hangs on. */
export interface PolicySources {
  /** By the ARN of the role or user. */
  readonly identity: ReadonlyMap<string, readonly Statement[]>;
  /** By the ARN of the resource: bucket, key, queue, topic, function. */
  readonly resource: ReadonlyMap<string, readonly Statement[]>;
}

/**
 * The AWS managed policies that templates may name, by the last part of their ARN, with the content
 * AWS documents for them.
 */
const AWS_MANAGED: Readonly<Record<string, readonly string[]>> = {
  AdministratorAccess: ['*'],
  AWSLambdaBasicExecutionRole: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
  AWSXrayWriteOnlyAccess: [
    'xray:PutTraceSegments',
    'xray:PutTelemetryRecords',
    'xray:GetSamplingRules',
    'xray:GetSamplingTargets',
    'xray:GetSamplingStatisticSummaries',
  ],
  AWSXRayDaemonWriteAccess: [
    'xray:PutTraceSegments',
    'xray:PutTelemetryRecords',
    'xray:GetSamplingRules',
    'xray:GetSamplingTargets',
    'xray:GetSamplingStatisticSummaries',
  ],
  CloudWatchLambdaInsightsExecutionRolePolicy: [
    'logs:CreateLogGroup',
    'logs:CreateLogStream',
    'logs:PutLogEvents',
  ],
  AmazonAPIGatewayPushToCloudWatchLogs: [
    'logs:CreateLogGroup',
    'logs:CreateLogStream',
    'logs:DescribeLogGroups',
    'logs:DescribeLogStreams',
    'logs:PutLogEvents',
    'logs:GetLogEvents',
    'logs:FilterLogEvents',
  ],
};

/** Collects and compiles the policies; what it does not understand stops the start. */
export function readPolicies(resources: readonly Resource[], place: Place): PolicySources {
  const identity = new StatementsByArn();
  const resource = new StatementsByArn();
  const managed = new Map(
    resources
      .filter(({ type }) => type === 'AWS::IAM::ManagedPolicy')
      .map((policy) => [policy.ref, compileIdentity(policy, policyDocument(policy), place)]),
  );
  for (const declared of resources) {
    readIdentityPolicies(declared, { identity, managed, place });
    readResourcePolicies(declared, resource, place);
  }
  return { identity: identity.map, resource: resource.map };
}

class StatementsByArn {
  readonly map = new Map<string, Statement[]>();

  add(arn: string, statements: readonly Statement[]): void {
    this.map.set(arn, [...(this.map.get(arn) ?? []), ...statements]);
  }
}

interface IdentityTarget {
  readonly identity: StatementsByArn;
  readonly managed: ReadonlyMap<string, readonly Statement[]>;
  readonly place: Place;
}

function readIdentityPolicies(declared: Resource, target: IdentityTarget): void {
  switch (declared.type) {
    case 'AWS::IAM::Role':
    case 'AWS::IAM::User':
      readHolder(declared, target);
      break;
    case 'AWS::IAM::Policy':
      attach(declared, compileIdentity(declared, policyDocument(declared), target.place), target);
      break;
    case 'AWS::IAM::ManagedPolicy':
      attach(declared, target.managed.get(declared.ref) ?? [], target);
      break;
  }
}

/** The policies a role or user carries itself. */
function readHolder(holder: Resource, { identity, managed, place }: IdentityTarget): void {
  const arn = holder.attributes['Arn'] ?? holder.ref;
  for (const policy of asList(holder.properties['Policies'])) {
    const document = isRecord(policy) ? policy['PolicyDocument'] : undefined;
    identity.add(arn, compileIdentity(holder, document, place));
  }
  for (const policyArn of asList(holder.properties['ManagedPolicyArns']).map(asText)) {
    identity.add(arn, managed.get(policyArn) ?? awsManaged(policyArn, holder, place));
  }
}

/** Hangs a policy on the roles and users it lists by name. */
function attach(
  policy: Resource,
  statements: readonly Statement[],
  { identity, place }: IdentityTarget,
): void {
  if (policy.properties['Groups'] !== undefined) {
    throw new TypeError(`${policy.path}: IAM groups are not emulated; list roles or users`);
  }
  for (const role of asList(policy.properties['Roles']).map(asText)) {
    identity.add(`arn:aws:iam::${place.account}:role/${role}`, statements);
  }
  for (const user of asList(policy.properties['Users']).map(asText)) {
    identity.add(`arn:aws:iam::${place.account}:user/${user}`, statements);
  }
}

function awsManaged(policyArn: string, holder: Resource, place: Place): readonly Statement[] {
  const name = policyArn.slice(policyArn.lastIndexOf('/') + 1);
  const Action = Object.hasOwn(AWS_MANAGED, name) ? AWS_MANAGED[name] : undefined;
  if (!policyArn.startsWith('arn:aws:iam::aws:policy/') || Action === undefined) {
    throw new TypeError(
      `${holder.path}: the content of the managed policy ${policyArn} is not known here; ` +
        `known: ${Object.keys(AWS_MANAGED).join(', ')}. Write the statements into the template, which is narrower anyway.`,
    );
  }
  const document = { Statement: { Effect: 'Allow', Action, Resource: '*' } };
  return compileIdentity(holder, document, place);
}

function compileIdentity(declared: Resource, document: unknown, { account }: Place) {
  return compilePolicy(document, { name: declared.path, kind: 'identity', account });
}

function policyDocument(policy: Resource): unknown {
  return policy.properties['PolicyDocument'];
}

function readResourcePolicies(declared: Resource, target: StatementsByArn, place: Place): void {
  const compile = (document: unknown) =>
    compilePolicy(document, { name: declared.path, kind: 'resource', account: place.account });
  const { properties } = declared;
  switch (declared.type) {
    case 'AWS::S3::BucketPolicy':
      target.add(`arn:aws:s3:::${asText(properties['Bucket'])}`, compile(policyDocument(declared)));
      break;
    case 'AWS::KMS::Key':
      target.add(declared.attributes['Arn'] ?? '', compile(properties['KeyPolicy']));
      break;
    case 'AWS::SQS::QueuePolicy':
      for (const url of asList(properties['Queues']).map(asText)) {
        const name = url.split('/').at(-1);
        const arn = `arn:aws:sqs:${place.region}:${place.account}:${name}`;
        target.add(arn, compile(policyDocument(declared)));
      }
      break;
    case 'AWS::SNS::TopicPolicy':
      for (const topic of asList(properties['Topics']).map(asText)) {
        target.add(topic, compile(policyDocument(declared)));
      }
      break;
    case 'AWS::Events::EventBusPolicy': {
      const bus = asText(properties['EventBusName'] ?? 'default');
      const arn = `arn:aws:events:${place.region}:${place.account}:event-bus/${bus}`;
      target.add(arn, compile({ Statement: properties['Statement'] }));
      break;
    }
    case 'AWS::Lambda::Permission':
      target.add(...permissionPolicy(declared, place, compile));
      break;
  }
}

/** A Lambda permission is one statement of the function's policy, in other words. */
function permissionPolicy(
  { properties }: Resource,
  place: Place,
  compile: (document: unknown) => readonly Statement[],
): [arn: string, statements: readonly Statement[]] {
  const given = asText(properties['FunctionName']);
  const arn = given.startsWith('arn:')
    ? given
    : `arn:aws:lambda:${place.region}:${place.account}:function:${given}`;
  const principal = asText(properties['Principal']);
  const statement = {
    Effect: 'Allow',
    Action: properties['Action'],
    Resource: arn,
    Principal: principal.includes('.amazonaws.com') ? { Service: principal } : { AWS: principal },
    Condition: {
      ...(properties['SourceArn'] !== undefined && {
        ArnLike: { 'aws:SourceArn': properties['SourceArn'] },
      }),
      ...(properties['SourceAccount'] !== undefined && {
        StringEquals: { 'aws:SourceAccount': properties['SourceAccount'] },
      }),
    },
  };
  return [policyOwner(arn), compile({ Statement: statement })];
}

/** The resource whose policy governs an ARN: an object's bucket, an alias's function. */
export function policyOwner(resourceArn: string): string {
  const [, , service] = resourceArn.split(':', 3);
  if (service === 's3') return resourceArn.split('/', 1)[0] ?? resourceArn;
  if (service === 'lambda') return resourceArn.split(':').slice(0, 7).join(':');
  return resourceArn;
}
