import type { Principal } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import type { LambdaEmulator } from './lambda.ts';
import type { Authorizer } from './policy.ts';
import type { Sqs } from './sqs.ts';
import type { MessageAttributes } from './sqs-queue.ts';

/** In whose name one service calls another, and which of its resources makes it call. */
export interface Sender {
  readonly principal: Principal;
  readonly sourceArn: string;
}

export interface Delivery {
  readonly targetArn: string;
  readonly payload: string;
  readonly sender: Sender;
  /** Of a state machine's execution: the same delivery must not start two. */
  readonly executionName?: string | undefined;
}

/** What starts executions of state machines. */
export interface StateMachines {
  /** @throws ServiceError ExecutionAlreadyExists where the name is taken. */
  startExecution(machineArn: string, input: string, name: string): Promise<void>;
}

/** What publishes to topics. */
export interface Topics {
  /** `authorize` speaks for the sender where the topic has a policy. */
  deliver(topicArn: string, message: string, sender: Sender): Promise<void>;
}

/** Puts a dead letter in the name of the sender. */
export type Bury = (
  queueArn: string,
  sender: Sender,
  body: string,
  attributes: MessageAttributes,
) => Promise<void>;

export interface DeliverOptions {
  readonly authorizer: () => Authorizer;
  readonly lambda: () => Pick<LambdaEmulator, 'enqueue'>;
  readonly sqs: Sqs;
  readonly topics: () => Topics | undefined;
  readonly machines: () => StateMachines | undefined;
  /** Deliveries wait until the targets have started. */
  readonly ready?: Promise<void>;
}

/** Hands a payload to a function, queue, topic or state machine, where the sender may. */
export type Deliver = (delivery: Delivery) => Promise<void>;

/** Authorizes in a sender's name. */
const authorizeAs =
  (authorizer: () => Authorizer, { principal, sourceArn }: Sender) =>
  (action: string, resource: string, context: object = {}): void =>
    authorizer().authorize(principal, action, resource, {
      ...context,
      'aws:SourceArn': sourceArn,
      'aws:SourceAccount': sourceArn.split(':')[4] ?? '',
    });

const nameOf = ({ principal }: Sender): string =>
  principal.kind === 'service' ? principal.service : principal.arn;

export const createBury =
  ({ authorizer, sqs }: Pick<DeliverOptions, 'authorizer' | 'sqs'>): Bury =>
  async (queueArn, sender, body, attributes) => {
    const content = { body, attributes, sender: nameOf(sender) };
    await sqs.deliver(queueArn, content, authorizeAs(authorizer, sender));
  };

/**
 * What services of the account do to one another. A delivery is durable where it went once the promise
 * resolves.
 * @throws ServiceError as the target's service would refuse it.
 */
export function createDeliver(options: DeliverOptions): Deliver {
  const { sqs, lambda, topics, machines } = options;
  return async ({ targetArn, payload, sender, executionName = '' }) => {
    await options.ready;
    const authorize = authorizeAs(options.authorizer, sender);
    const [, , service = ''] = targetArn.split(':', 3);
    switch (service) {
      case 'lambda':
        authorize('lambda:InvokeFunction', targetArn);
        lambda().enqueue(targetArn, payload);
        return;
      case 'sqs':
        await sqs.deliver(targetArn, { body: payload, sender: nameOf(sender) }, authorize);
        return;
      case 'sns':
        return needed(topics(), targetArn).deliver(targetArn, payload, sender);
      case 'states':
        authorize('states:StartExecution', targetArn);
        return startOnce(needed(machines(), targetArn), targetArn, payload, executionName);
      default:
        throw notATarget(targetArn);
    }
  };
}

function needed<T>(emulated: T | undefined, targetArn: string): T {
  if (emulated !== undefined) return emulated;
  throw notATarget(targetArn);
}

const notATarget = (targetArn: string): ServiceError =>
  new ServiceError(501, 'NotImplemented', `no target such as ${targetArn} is emulated`);

/** A name that is taken says that an earlier attempt got through. */
async function startOnce(
  machines: StateMachines,
  machineArn: string,
  input: string,
  name: string,
): Promise<void> {
  try {
    await machines.startExecution(machineArn, input, name);
  } catch (failure) {
    if (!(failure instanceof ServiceError) || failure.code !== 'ExecutionAlreadyExists')
      throw failure;
  }
}
