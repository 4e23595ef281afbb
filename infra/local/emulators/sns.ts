import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import type { Clock } from '../clock.ts';
import { notEmulated, readBody } from './aws-json.ts';
import type { Sender, Topics } from './deliveries.ts';
import type { Call, Emulator, Place, Reply, Resource } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { DEFAULT_RETRY } from './event-rules.ts';
import { asList } from './json.ts';
import { authorizeKeyUse, keyArn } from './kms-keys.ts';
import type { Authorizer } from './policy.ts';
import { readSubscriptions, SNS_TYPES, type Subscription } from './sns-types.ts';
import { type PendingDelivery, TargetQueue, type TargetQueueOptions } from './target-queue.ts';

export interface SnsOptions extends Omit<TargetQueueOptions, 'level'> {
  readonly folder: string;
  readonly place: Place;
  readonly clock: Clock;
  readonly authorizer: () => Authorizer;
}

interface Notification {
  readonly message: string;
  readonly subject?: string | undefined;
}

const LARGEST_MESSAGE_BYTES = 256 * 1024;
/** https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const SUBJECT = /^[\p{L}\p{N}\p{P}\p{S}]\P{Cc}{0,99}$/u;
const SNS = { kind: 'service', service: 'sns.amazonaws.com' } as const;

/** SNS topics whose subscriptions are functions and queues. A message is on disk before Publish answers. */
export class SnsEmulator implements Emulator, Topics {
  readonly signingName = 'sns';
  readonly types = SNS_TYPES;
  readonly #options: SnsOptions;
  #level: Level<string, unknown> | undefined;
  #queue: TargetQueue | undefined;
  #topics: ReadonlyMap<string, Resource> = new Map();
  #withPolicy: ReadonlySet<unknown> = new Set();
  #subscriptions: readonly Subscription[] = [];

  constructor(options: SnsOptions) {
    this.#options = options;
  }

  async start(resources: readonly Resource[]): Promise<void> {
    const { folder, onFault } = this.#options;
    const topics = resources.filter(({ type }) => type === 'AWS::SNS::Topic');
    this.#topics = new Map(topics.map((topic) => [topic.ref, topic]));
    const policies = resources.filter(({ type }) => type === 'AWS::SNS::TopicPolicy');
    this.#withPolicy = new Set(policies.flatMap(({ properties }) => asList(properties['Topics'])));
    this.#subscriptions = readSubscriptions(resources, onFault);
    await mkdir(folder, { recursive: true });
    this.#level = new Level(join(folder, 'level'), { valueEncoding: 'json' });
    this.#queue = new TargetQueue({ ...this.#options, level: this.#level });
    await this.#queue.start();
  }

  async handle(call: Call): Promise<Reply> {
    const form = new URLSearchParams((await readBody(call)).toString());
    if (form.get('Action') !== 'Publish')
      throw notEmulated('SNS', form.get('Action') ?? '(no Action)', ['Publish']);
    const topicArn = form.get('TopicArn') ?? '';
    const elements = topicArn.split(':').length;
    if (elements < 6)
      throw invalid(`TopicArn Reason: An ARN must have at least 6 elements, not ${elements}`);
    this.#authorize(topicArn, (...question) => call.authorize(...question));
    const id = await this.#publish(topicArn, {
      message: form.get('Message') ?? '',
      subject: form.get('Subject') ?? undefined,
    });
    return xml(
      200,
      `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>${id}</MessageId></PublishResult><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></PublishResponse>`,
    );
  }

  renderError(
    { status, code, message }: ServiceError,
    { requestId }: { requestId: string },
  ): Reply {
    return xml(
      status,
      `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>${escaped(code)}</Code><Message>${escaped(message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
    );
  }

  async deliver(
    topicArn: string,
    message: string,
    { principal, sourceArn }: Sender,
  ): Promise<void> {
    // The policy a topic has by default lets the services of its account publish.
    const isOpen = principal.kind === 'service' && !this.#withPolicy.has(topicArn);
    this.#authorize(topicArn, (action, resource, context) => {
      if (isOpen && action === 'sns:Publish') return;
      const account = sourceArn.split(':')[4] ?? '';
      const within = { ...context, 'aws:SourceArn': sourceArn, 'aws:SourceAccount': account };
      this.#options.authorizer().authorize(principal, action, resource, within);
    });
    await this.#publish(topicArn, { message });
  }

  async stop(): Promise<void> {
    await this.#queue?.stop();
    await this.#level?.close();
  }

  #authorize(topicArn: string, authorize: Call['authorize']): void {
    const topic = this.#topics.get(topicArn);
    if (!topic) throw new ServiceError(404, 'NotFound', 'Topic does not exist');
    authorize('sns:Publish', topicArn);
    const { place } = this.#options;
    const key = topic.properties['KmsMasterKeyId'];
    if (typeof key !== 'string') return;
    const encryptionContext = { 'aws:sns:topicArn': topicArn };
    for (const action of ['kms:GenerateDataKey', 'kms:Decrypt'] as const) {
      const use = { action, keyArn: keyArn(key, place), via: 'sns', encryptionContext };
      authorizeKeyUse({ authorize }, place, use);
    }
  }

  async #publish(topicArn: string, notification: Notification): Promise<string> {
    const { message, subject } = notification;
    if (message === '') throw invalid('Empty message');
    if (Buffer.byteLength(message) > LARGEST_MESSAGE_BYTES) throw invalid('Message too long');
    if (subject !== undefined && !SUBJECT.test(subject)) throw invalid('Subject');
    const id = randomUUID();
    const deliveries = this.#subscriptions
      .filter((subscription) => subscription.topicArn === topicArn)
      .map((subscription) => this.#delivery(subscription, id, notification));
    await this.#queue?.accept(deliveries);
    return id;
  }

  #delivery(
    { arn, topicArn, protocol, endpoint, isRaw, deadLetterArn }: Subscription,
    id: string,
    { message, subject }: Notification,
  ): PendingDelivery {
    const nowMs = this.#options.clock.nowMs();
    // Without a signature: it is for receivers outside the account.
    const envelope = {
      Type: 'Notification',
      MessageId: id,
      TopicArn: topicArn,
      Subject: subject ?? (protocol === 'lambda' ? null : undefined),
      Message: message,
      Timestamp: new Date(nowMs).toISOString(),
    };
    const event = {
      Records: [
        {
          EventSource: 'aws:sns',
          EventVersion: '1.0',
          EventSubscriptionArn: arn,
          Sns: { ...envelope, MessageAttributes: {} },
        },
      ],
    };
    const sender = { principal: SNS, sourceArn: topicArn };
    const whole = JSON.stringify(protocol === 'lambda' ? event : envelope);
    return {
      targetArn: endpoint,
      payload: isRaw && protocol === 'sqs' ? message : whole,
      sender,
      acceptedAtMs: nowMs,
      retry: DEFAULT_RETRY,
      ...(deadLetterArn !== undefined && { deadLetters: { queueArn: deadLetterArn, sender } }),
      about: {},
    };
  }
}

const invalid = (what: string): ServiceError =>
  new ServiceError(400, 'InvalidParameter', `Invalid parameter: ${what}`);

function xml(status: number, body: string): Reply {
  return { status, headers: { 'content-type': 'text/xml' }, body };
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
