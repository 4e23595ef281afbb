import type { Principal, Resource } from './emulator.ts';
import { compileEventPattern, type EventPattern } from './event-pattern.ts';
import { asList, asText, isRecord, type JsonObject } from './json.ts';
import { parseSchedule, type Schedule } from './schedule-expression.ts';
import { compileTargetInput, type TargetInput } from './target-input.ts';
import type { PendingDelivery } from './target-queue.ts';

/** An event as rules, archives and targets see it. */
export interface BusEvent extends JsonObject {
  readonly id: string;
  readonly time: string;
  readonly source: string;
  readonly 'detail-type': string;
  readonly detail: JsonObject;
}

export interface Rule {
  readonly name: string;
  readonly arn: string;
  readonly bus: string;
  readonly matches: EventPattern | undefined;
  readonly schedule: Schedule | undefined;
  readonly targets: readonly Target[];
}

export interface Target {
  readonly arn: string;
  /** What the target gets, in the name of whom. */
  delivery(event: BusEvent, rule: Rule, nowMs: number): PendingDelivery;
}

export interface Archive {
  readonly name: string;
  readonly bus: string;
  readonly matches: EventPattern;
}

export const DEFAULT_BUS = 'default';

/** EventBridge's own retries: for a day, up to 185 times. */
export const DEFAULT_RETRY = { attempts: 185, ageMs: 86_400_000 };

/** A bus is given by name or ARN. */
export const busName = (given: unknown): string =>
  given === undefined ? DEFAULT_BUS : (asText(given).split('event-bus/').at(-1) ?? DEFAULT_BUS);

/** The enabled rules of a template. @throws TypeError for one that EventBridge would refuse. */
export function readRules(resources: readonly Resource[]): readonly Rule[] {
  return resources
    .filter(
      ({ type, properties }) => type === 'AWS::Events::Rule' && properties['State'] !== 'DISABLED',
    )
    .map((resource) => explained(resource, () => readRule(resource)));
}

export function readArchives(resources: readonly Resource[]): readonly Archive[] {
  return resources
    .filter(({ type }) => type === 'AWS::Events::Archive')
    .map((resource) => {
      const { ref: name, properties } = resource;
      const pattern = properties['EventPattern'];
      const matches = explained(resource, () =>
        pattern === undefined ? () => true : compileEventPattern(pattern),
      );
      return { name, bus: busName(properties['SourceArn']), matches };
    });
}

/** Says which resource of the template it is about. */
export function explained<T>({ path }: Resource, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`${path}: ${reason}`, { cause });
  }
}

function readRule(resource: Resource): Rule {
  const { attributes, properties } = resource;
  const { EventPattern: pattern, ScheduleExpression: schedule } = properties;
  const bus = busName(properties['EventBusName']);
  if (schedule !== undefined && bus !== DEFAULT_BUS)
    throw new TypeError('a schedule is for the default bus only');
  const targets = asList(properties['Targets']).filter(isRecord);
  if (targets.length > 5) throw new TypeError(`${targets.length} targets; EventBridge allows 5`);
  return {
    name: attributes['Name'] ?? '',
    arn: attributes['Arn'] ?? '',
    bus,
    matches: pattern === undefined ? undefined : compileEventPattern(pattern),
    schedule: schedule === undefined ? undefined : parseSchedule(asText(schedule), 'UTC'),
    targets: targets.map((target) => readTarget(target)),
  };
}

/** Targets that EventBridge calls as itself; the others it calls in a role. */
const CALLED_AS_SERVICE = /^arn:aws:(?:lambda|sqs|sns):/;
const EVENTS: Principal = { kind: 'service', service: 'events.amazonaws.com' };

function readTarget(target: JsonObject): Target {
  const targetArn = asText(target['Arn']);
  const roleArn = target['RoleArn'];
  if (!CALLED_AS_SERVICE.test(targetArn) && roleArn === undefined)
    throw new TypeError(`the target ${targetArn} needs a RoleArn`);
  const principal: Principal = CALLED_AS_SERVICE.test(targetArn)
    ? EVENTS
    : { kind: 'role', arn: asText(roleArn), sessionName: 'events' };
  const input: TargetInput = compileTargetInput(target);
  const retry = readRetry(target['RetryPolicy']);
  const deadLetters = isRecord(target['DeadLetterConfig'])
    ? asText(target['DeadLetterConfig']['Arn'])
    : undefined;
  return {
    arn: targetArn,
    delivery: (event, { arn: ruleArn, name: ruleName }, nowMs) => ({
      targetArn,
      payload: input(event, { ruleArn, ruleName, ingestionTime: event.time }),
      sender: { principal, sourceArn: ruleArn },
      executionName: event.id,
      acceptedAtMs: nowMs,
      retry,
      ...(deadLetters !== undefined && {
        deadLetters: {
          queueArn: deadLetters,
          sender: { principal: EVENTS, sourceArn: ruleArn },
        },
      }),
      about: { RULE_ARN: ruleArn, TARGET_ARN: targetArn },
    }),
  };
}

/** What a target or schedule says of retries. */
export function readRetry(policy: unknown): PendingDelivery['retry'] {
  const given = isRecord(policy) ? policy : {};
  return {
    attempts: Number(given['MaximumRetryAttempts'] ?? DEFAULT_RETRY.attempts),
    ageMs: Number(given['MaximumEventAgeInSeconds'] ?? DEFAULT_RETRY.ageMs / 1000) * 1000,
  };
}
