import * as z from 'zod';

/**
 * The part of the Amazon States Language that state machines here use: JSONata, one state after the
 * other. Whatever else a definition asks for is refused at start, with its place, rather than run wrongly:
 * Parallel, Map, JSONPath and other service integrations among it.
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
 */
const Template: z.ZodType = z.unknown();
const seconds = z.union([z.number().int().positive(), z.string().startsWith('{%')]);

const Retrier = z.strictObject({
  ErrorEquals: z.array(z.string()).min(1),
  IntervalSeconds: z.int().min(1).default(1),
  MaxAttempts: z.int().min(0).default(3),
  BackoffRate: z.number().min(1).default(2),
  MaxDelaySeconds: z.int().positive().optional(),
  JitterStrategy: z.enum(['FULL', 'NONE']).default('NONE'),
  Comment: z.string().optional(),
});
export type Retrier = z.infer<typeof Retrier>;

const Catcher = z.strictObject({
  ErrorEquals: z.array(z.string()).min(1),
  Next: z.string(),
  Output: Template.optional(),
  Assign: z.record(z.string(), Template).optional(),
  Comment: z.string().optional(),
});
export type Catcher = z.infer<typeof Catcher>;

const every = {
  Comment: z.string().optional(),
  QueryLanguage: z.literal('JSONata').optional(),
  Output: Template.optional(),
};
const assigning = { Assign: z.record(z.string(), Template).optional() };
const going = { Next: z.string().optional(), End: z.literal(true).optional() };

export const LAMBDA_INVOKE = 'arn:aws:states:::lambda:invoke';
export const LAMBDA_INVOKE_WITH_TOKEN = `${LAMBDA_INVOKE}.waitForTaskToken`;

const Task = z.strictObject({
  Type: z.literal('Task'),
  ...every,
  ...assigning,
  ...going,
  Resource: z.enum([LAMBDA_INVOKE, LAMBDA_INVOKE_WITH_TOKEN]),
  Arguments: Template.optional(),
  TimeoutSeconds: seconds.optional(),
  HeartbeatSeconds: seconds.optional(),
  Retry: z.array(Retrier).optional(),
  Catch: z.array(Catcher).optional(),
});
export type Task = z.infer<typeof Task>;

const Choice = z.strictObject({
  Type: z.literal('Choice'),
  ...every,
  ...assigning,
  Choices: z
    .array(
      z.strictObject({
        Condition: z.union([z.boolean(), z.string()]),
        Next: z.string(),
        Output: Template.optional(),
        Assign: z.record(z.string(), Template).optional(),
        Comment: z.string().optional(),
      }),
    )
    .min(1),
  Default: z.string().optional(),
});
export type Choice = z.infer<typeof Choice>;

const Wait = z.strictObject({
  Type: z.literal('Wait'),
  ...every,
  ...assigning,
  ...going,
  Seconds: z.union([z.number().min(0), z.string()]).optional(),
  Timestamp: z.string().optional(),
});
export type Wait = z.infer<typeof Wait>;

const Pass = z.strictObject({ Type: z.literal('Pass'), ...every, ...assigning, ...going });
const Succeed = z.strictObject({ Type: z.literal('Succeed'), ...every });
const Fail = z.strictObject({
  Type: z.literal('Fail'),
  Comment: z.string().optional(),
  QueryLanguage: z.literal('JSONata').optional(),
  Error: z.string().optional(),
  Cause: z.string().optional(),
});

const State = z.discriminatedUnion('Type', [Task, Choice, Wait, Pass, Succeed, Fail]);
export type State = z.infer<typeof State>;

const Definition = z.strictObject({
  Comment: z.string().optional(),
  QueryLanguage: z.literal('JSONata'),
  Version: z.literal('1.0').optional(),
  StartAt: z.string(),
  TimeoutSeconds: z.int().positive().optional(),
  States: z.record(z.string().max(80), State),
});
export type Definition = z.infer<typeof Definition>;

/** @throws naming every place that is no state machine the local runner can run. */
export function parseDefinition(text: string, name: string): Definition {
  const parsed = Definition.safeParse(JSON.parse(text));
  if (!parsed.success)
    throw new Error(
      `the state machine ${name} uses what the local runner does not run:\n${z.prettifyError(parsed.error)}`,
    );
  const missing = Object.values(parsed.data.States)
    .flatMap(targetsOf)
    .concat(parsed.data.StartAt)
    .filter((target) => !Object.hasOwn(parsed.data.States, target));
  if (missing.length > 0)
    throw new Error(
      `the state machine ${name} names states it does not have: ${missing.join(', ')}`,
    );
  return parsed.data;
}

function targetsOf(state: State): string[] {
  const next = 'Next' in state && state.Next ? [state.Next] : [];
  if (state.Type === 'Choice')
    return [...state.Choices.map(({ Next }) => Next), ...(state.Default ? [state.Default] : [])];
  return state.Type === 'Task' ? [...next, ...(state.Catch ?? []).map(({ Next }) => Next)] : next;
}
