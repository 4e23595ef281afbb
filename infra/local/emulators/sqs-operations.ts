import * as z from 'zod';
import { type Operation, parseInput } from './aws-json.ts';
import type { Call, Place } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { authorizeKeyUse } from './kms-keys.ts';
import { callerArn } from './policy.ts';
import {
  type MessageAttributes,
  md5OfAttributes,
  md5OfBody,
  type Queue,
  type QueueSettings,
  type ReceivedMessage,
} from './sqs-queue.ts';
import { queueArn } from './sqs-types.ts';

const QueueUrl = z.string().min(1);
const Attributes = z
  .record(
    z.string().regex(/^[\w.-]{1,256}$/),
    z.object({
      DataType: z.string().regex(/^(String|Number|Binary)(\..+)?$/),
      StringValue: z.string().optional(),
      BinaryValue: z.string().optional(),
    }),
  )
  .default({})
  .refine((attributes) => Object.keys(attributes).length <= 10, 'at most 10 attributes');
const Content = z.object({
  MessageBody: z.string().min(1),
  DelaySeconds: z.int().min(0).max(900).optional(),
  MessageAttributes: Attributes,
});
type ContentInput = z.output<typeof Content>;

const SendMessageInput = Content.extend({ QueueUrl });
const Entry = Content.extend({ Id: z.string().regex(/^[\w-]{1,80}$/) });
const SendMessageBatchInput = z.object({ QueueUrl, Entries: z.array(Entry).default([]) });
const ReceiveMessageInput = z.object({
  QueueUrl,
  MaxNumberOfMessages: z.int().min(1).max(10).default(1),
  VisibilityTimeout: z.int().min(0).max(43_200).optional(),
  WaitTimeSeconds: z.int().min(0).max(20).optional(),
  AttributeNames: z.array(z.string()).default([]),
  MessageSystemAttributeNames: z.array(z.string()).default([]),
  MessageAttributeNames: z.array(z.string()).default([]),
});
const DeleteMessageInput = z.object({ QueueUrl, ReceiptHandle: z.string().min(1) });
const GetQueueAttributesInput = z.object({
  QueueUrl,
  AttributeNames: z.array(z.string()).default([]),
});

/** SQS's operations; `findQueue` finds a queue by ARN. */
export function sqsOperations(
  findQueue: (queueArn: string) => Queue,
  place: Place,
): Readonly<Record<string, Operation>> {
  const queueAt = (url: string) => findQueue(queueArn(url.split('/').at(-1) ?? '', place));
  return {
    ...sendOperations(queueAt, place),
    async ReceiveMessage(request, call) {
      const input = parseInput(ReceiveMessageInput, request);
      const queue = queueAt(input.QueueUrl);
      call.authorize('sqs:ReceiveMessage', queue.settings.arn);
      authorizeKey(call, place, queue.settings, 'kms:Decrypt');
      const received = await queue.receive({
        maxMessages: input.MaxNumberOfMessages,
        ...(input.VisibilityTimeout !== undefined && {
          visibilityTimeoutMs: input.VisibilityTimeout * 1000,
        }),
        ...(input.WaitTimeSeconds !== undefined && { waitMs: input.WaitTimeSeconds * 1000 }),
      });
      // SQS leaves the member out rather than give an empty list.
      if (received.length === 0) return {};
      return { Messages: received.map((message) => renderMessage(message, input)) };
    },
    async DeleteMessage(request, call) {
      const input = parseInput(DeleteMessageInput, request);
      const queue = queueAt(input.QueueUrl);
      call.authorize('sqs:DeleteMessage', queue.settings.arn);
      await queue.delete(input.ReceiptHandle);
      return {};
    },
    async GetQueueAttributes(request, call) {
      const input = parseInput(GetQueueAttributesInput, request);
      const queue = queueAt(input.QueueUrl);
      call.authorize('sqs:GetQueueAttributes', queue.settings.arn);
      return { Attributes: pick(queueAttributes(queue), input.AttributeNames) };
    },
  };
}

function sendOperations(
  queueAt: (url: string) => Queue,
  place: Place,
): Readonly<Record<string, Operation>> {
  return {
    async SendMessage(request, call) {
      const input = parseInput(SendMessageInput, request);
      const queue = queueAt(input.QueueUrl);
      authorizeSend(call, place, queue.settings);
      return send(queue, input, callerArn(call.principal, place));
    },
    async SendMessageBatch(request, call) {
      const { QueueUrl: url, Entries } = parseInput(SendMessageBatchInput, request);
      const queue = queueAt(url);
      authorizeSend(call, place, queue.settings);
      checkBatch(queue.settings, Entries);
      const Successful = await Promise.all(
        Entries.map(async (entry) => ({
          Id: entry.Id,
          ...(await send(queue, entry, callerArn(call.principal, place))),
        })),
      );
      return { Successful };
    },
  };
}

async function send(queue: Queue, input: ContentInput, senderId: string) {
  const { MessageBody: body, MessageAttributes: attributes, DelaySeconds } = input;
  checkContent(queue.settings, body, attributes);
  const delayMs = DelaySeconds === undefined ? undefined : DelaySeconds * 1000;
  const { id } = await queue.send({ body, attributes, senderId }, delayMs);
  return {
    MessageId: id,
    MD5OfMessageBody: md5OfBody(body),
    MD5OfMessageAttributes: md5OfAttributes(attributes),
  };
}

/** Asks whether a principal may send: the queue's own permission, and its key's if it has one. */
export function authorizeSend(
  call: Pick<Call, 'authorize'>,
  place: Place,
  settings: QueueSettings,
): void {
  call.authorize('sqs:SendMessage', settings.arn);
  authorizeKey(call, place, settings, 'kms:GenerateDataKey');
  authorizeKey(call, place, settings, 'kms:Decrypt');
}

function authorizeKey(
  call: Pick<Call, 'authorize'>,
  place: Place,
  { arn, keyArn }: QueueSettings,
  action: 'kms:GenerateDataKey' | 'kms:Decrypt',
): void {
  if (keyArn === undefined) return;
  const encryptionContext = { 'aws:sqs:arn': arn };
  authorizeKeyUse(call, place, { action, keyArn, via: 'sqs', encryptionContext });
}

/** Refuses what SQS could not carry: too much, or characters that XML has no place for. */
export function checkContent(
  { largestMessageBytes }: QueueSettings,
  body: string,
  attributes: MessageAttributes,
): void {
  if (sizeOf(body, attributes) > largestMessageBytes) {
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `One or more parameters are invalid. Reason: Message must be shorter than ${largestMessageBytes} bytes.`,
    );
  }
  if (/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u.test(body)) {
    throw new ServiceError(
      400,
      'InvalidMessageContents',
      'The message contains characters outside the allowed set.',
    );
  }
}

function checkBatch(settings: QueueSettings, entries: readonly z.output<typeof Entry>[]): void {
  const refuse = (code: string, message: string) => {
    throw new ServiceError(400, code, message);
  };
  if (entries.length === 0) {
    refuse('EmptyBatchRequest', "The batch request doesn't contain any entries.");
  }
  if (entries.length > 10) {
    refuse('TooManyEntriesInBatchRequest', 'Maximum number of entries per request are 10.');
  }
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length) {
    refuse('BatchEntryIdsNotDistinct', 'Two or more batch entries have the same Id.');
  }
  const size = entries.reduce(
    (sum, { MessageBody, MessageAttributes: attributes }) => sum + sizeOf(MessageBody, attributes),
    0,
  );
  if (size > settings.largestMessageBytes) {
    refuse(
      'BatchRequestTooLong',
      `Batch requests cannot be longer than ${settings.largestMessageBytes} bytes.`,
    );
  }
}

function sizeOf(body: string, attributes: MessageAttributes): number {
  const attributeBytes = Object.entries(attributes).map(
    ([name, { DataType, StringValue = '', BinaryValue = '' }]) =>
      Buffer.byteLength(name + DataType + StringValue) + Buffer.byteLength(BinaryValue, 'base64'),
  );
  return attributeBytes.reduce((sum, bytes) => sum + bytes, Buffer.byteLength(body));
}

function renderMessage(
  message: ReceivedMessage,
  input: z.output<typeof ReceiveMessageInput>,
): object {
  const system = {
    ApproximateFirstReceiveTimestamp: epoch(message.firstReceivedAtMs ?? message.sentAtMs),
    ApproximateReceiveCount: String(message.receiveCount),
    SenderId: message.senderId,
    SentTimestamp: epoch(message.sentAtMs),
    ...(message.deadLetterSourceArn !== undefined && {
      DeadLetterQueueSourceArn: message.deadLetterSourceArn,
    }),
  };
  const names = [...input.AttributeNames, ...input.MessageSystemAttributeNames];
  const attributes = pick(message.attributes, input.MessageAttributeNames);
  return {
    MessageId: message.id,
    ReceiptHandle: message.receiptHandle,
    Body: message.body,
    MD5OfBody: md5OfBody(message.body),
    ...(names.length > 0 && { Attributes: pick(system, names) }),
    ...(Object.keys(attributes).length > 0 && {
      MessageAttributes: attributes,
      MD5OfMessageAttributes: md5OfAttributes(attributes),
    }),
  };
}

function queueAttributes(queue: Queue): Record<string, string> {
  const { settings } = queue;
  const { visible, inFlight, delayed } = queue.counts();
  const seconds = (durationMs: number) => String(durationMs / 1000);
  return {
    QueueArn: settings.arn,
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    VisibilityTimeout: seconds(settings.visibilityTimeoutMs),
    MessageRetentionPeriod: seconds(settings.retentionMs),
    DelaySeconds: seconds(settings.delayMs),
    ReceiveMessageWaitTimeSeconds: seconds(settings.waitMs),
    MaximumMessageSize: String(settings.largestMessageBytes),
    ...(settings.redrive && {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: settings.redrive.deadLetterArn,
        maxReceiveCount: settings.redrive.maxReceiveCount,
      }),
    }),
    ...(settings.keyArn !== undefined && { KmsMasterKeyId: settings.keyArn }),
  };
}

/** The members that are asked for: by name, by `prefix.*`, or all. */
function pick<V>(
  members: Readonly<Record<string, V>>,
  names: readonly string[],
): Record<string, V> {
  const isAsked = (member: string) =>
    names.some(
      (name) =>
        name === 'All' ||
        name === '.*' ||
        name === member ||
        (name.endsWith('.*') && member.startsWith(name.slice(0, -1))),
    );
  return Object.fromEntries(Object.entries(members).filter(([member]) => isAsked(member)));
}

export function epoch(timeMs: number): string {
  return String(Math.floor(timeMs));
}
