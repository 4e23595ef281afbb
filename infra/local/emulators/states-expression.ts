import { createHash, randomUUID } from 'node:crypto';
import jsonata from 'jsonata';
import { StatesError } from './states-error.ts';

/** What expressions of one state see: `$states`, variables, and the clock behind `$now()`. */
export interface Bindings {
  readonly states: Readonly<Record<string, unknown>>;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly nowMs: () => number;
  /** The state whose expressions these are, and the event of the history that entered it. */
  readonly entered: { readonly state: string; readonly event: number };
}

/** In the words of Step Functions. @param what went wrong, as a sentence. */
export function evaluationError(
  { entered: { state, event } }: Bindings,
  what: string,
  options?: ErrorOptions,
): StatesError {
  const where = `An error occurred while executing the state '${state}' (entered at the event id #${event}).`;
  return new StatesError('States.QueryEvaluationError', `${where} ${what}`, options);
}

/** What JSONata throws. */
interface Failure {
  readonly code: string;
  readonly message: string;
}

const compiled = new Map<string, jsonata.Expression>();

function compile(source: string): jsonata.Expression {
  const known = compiled.get(source);
  if (known) return known;
  const expression = jsonata(source);
  // Step Functions adds these to JSONata and takes $eval away.
  expression.registerFunction('uuid', () => randomUUID());
  expression.registerFunction('parse', (text: string): unknown => JSON.parse(text));
  expression.registerFunction('hash', (text: string, algorithm: string) =>
    createHash(algorithm.replace('-', '').toLowerCase()).update(text).digest('hex'),
  );
  expression.registerFunction('partition', (list: unknown[], size: number) =>
    Array.from({ length: Math.ceil(list.length / size) }, (_, at) =>
      list.slice(at * size, (at + 1) * size),
    ),
  );
  expression.registerFunction('eval', () => {
    throw new Error('$eval is not supported by Step Functions');
  });
  compiled.set(source, expression);
  return expression;
}

const sourceOf = (template: string): string | undefined =>
  /^\{%([\s\S]*)%\}\s*$/.exec(template)?.[1]?.trim();

/**
 * A template's value: strings `{% … %}` are evaluated, lists and objects member by member.
 * @param field for the message, such as `Arguments/Payload`.
 * @throws StatesError States.QueryEvaluationError.
 */
export async function evaluate(
  template: unknown,
  bindings: Bindings,
  field: string,
): Promise<unknown> {
  if (typeof template === 'string') {
    const source = sourceOf(template);
    return source === undefined ? template : evaluateSource(source, bindings, field);
  }
  if (Array.isArray(template))
    return Promise.all(template.map((each, at) => evaluate(each, bindings, `${field}[${at}]`)));
  if (typeof template !== 'object' || template === null) return template;
  const members = await Promise.all(
    Object.entries(template).map(async ([name, value]) => [
      name,
      await evaluate(value, bindings, `${field}/${name}`),
    ]),
  );
  return Object.fromEntries(members);
}

async function evaluateSource(source: string, bindings: Bindings, field: string): Promise<unknown> {
  const { states, variables, nowMs } = bindings;
  const expression = `The JSONata expression '${source}' specified for the field '${field}'`;
  const clock = { now: () => new Date(nowMs()).toISOString(), millis: nowMs };
  let value: unknown;
  try {
    value = await compile(source).evaluate(undefined, { ...clock, ...variables, states });
  } catch (cause) {
    const { code = '', message = String(cause) } = Object(cause) as Partial<Failure>;
    throw evaluationError(
      bindings,
      `${expression} threw an error during evaluation. ${code && `${code}: `}${message}`,
      { cause },
    );
  }
  if (value === undefined)
    throw evaluationError(bindings, `${expression} returned nothing (undefined).`);
  // Sequences of JSONata carry flags that JSON does not.
  return JSON.parse(JSON.stringify(value));
}
