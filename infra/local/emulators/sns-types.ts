import type { EmulatedType, Resource } from './emulator.ts';
import { asText, isRecord } from './json.ts';
import { physicalName } from './physical-name.ts';

/** The CloudFormation types of SNS; the authorizer reads topic policies itself. */
export const SNS_TYPES: Readonly<Record<string, EmulatedType>> = {
  'AWS::SNS::Topic': {
    identify(declared, { account, region }) {
      const name = physicalName(declared, 'TopicName', 256);
      const arn = `arn:aws:sns:${region}:${account}:${name}`;
      return { ref: arn, attributes: { TopicArn: arn, TopicName: name } };
    },
    honoured: ['KmsMasterKeyId', 'TopicName'],
    inert: { DisplayName: 'for people', Tags: 'nothing reads them' },
  },
  'AWS::SNS::Subscription': {
    identify: (declared) => ({ ref: physicalName(declared, '', 100), attributes: {} }),
    honoured: ['Endpoint', 'Protocol', 'RawMessageDelivery', 'RedrivePolicy', 'TopicArn'],
    inert: { Region: 'there is one region' },
  },
  'AWS::SNS::TopicPolicy': {
    identify: (declared) => ({ ref: physicalName(declared, '', 100), attributes: {} }),
    honoured: ['PolicyDocument', 'Topics'],
    inert: {},
  },
};

export interface Subscription {
  readonly arn: string;
  readonly topicArn: string;
  readonly protocol: 'lambda' | 'sqs';
  readonly endpoint: string;
  readonly isRaw: boolean;
  readonly deadLetterArn: string | undefined;
}

/**
 * The subscriptions that reach something on this machine.
 * @param onOther told of those that do not: mail, HTTPS and the like.
 * @throws TypeError for one with a filter, which is not emulated.
 */
export function readSubscriptions(
  resources: readonly Resource[],
  onOther: (problem: Error) => void,
): readonly Subscription[] {
  return resources
    .filter(({ type }) => type === 'AWS::SNS::Subscription')
    .flatMap(({ path, ref, properties }) => {
      const protocol = asText(properties['Protocol']);
      if (properties['FilterPolicy'] !== undefined)
        throw new TypeError(`${path}: filter policies of subscriptions are not emulated`);
      if (protocol !== 'lambda' && protocol !== 'sqs') {
        onOther(new Error(`${path}: subscriptions by ${protocol} reach nobody on this machine`));
        return [];
      }
      const topicArn = asText(properties['TopicArn']);
      const redrive = properties['RedrivePolicy'];
      return {
        arn: `${topicArn}:${ref}`,
        topicArn,
        protocol,
        endpoint: asText(properties['Endpoint']),
        isRaw: properties['RawMessageDelivery'] === true,
        deadLetterArn: isRecord(redrive) ? asText(redrive['deadLetterTargetArn']) : undefined,
      };
    });
}
