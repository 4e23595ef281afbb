import { createHash, randomUUID } from 'node:crypto';
import jsonata from 'jsonata';
import { StatesError } from './states-error.ts';

/** What expressions of one state see: `$states`, variables, and the clock behind `$now()`. */
export interface Bindings {
  readonly states: Readonly<Record<string, unknown>>;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly nowMs: () => number;
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
 * @param place for the message, such as `Look/Arguments`.
 * @throws StatesError States.QueryEvaluationError.
 */
export async function evaluate(
  template: unknown,
  bindings: Bindings,
  place: string,
): Promise<unknown> {
  if (typeof template === 'string') {
    const source = sourceOf(template);
    return source === undefined ? template : evaluateSource(source, bindings, place);
  }
  if (Array.isArray(template))
    return Promise.all(template.map((each, at) => evaluate(each, bindings, `${place}[${at}]`)));
  if (typeof template !== 'object' || template === null) return template;
  const members = await Promise.all(
    Object.entries(template).map(async ([name, value]) => [
      name,
      await evaluate(value, bindings, `${place}/${name}`),
    ]),
  );
  return Object.fromEntries(members);
}

async function evaluateSource(source: string, bindings: Bindings, place: string): Promise<unknown> {
  const { states, variables, nowMs } = bindings;
  const clock = { now: () => new Date(nowMs()).toISOString(), millis: nowMs };
  let value: unknown;
  try {
    value = await compile(source).evaluate(undefined, { ...clock, ...variables, states });
  } catch (cause) {
    const message = cause instanceof Object && 'message' in cause ? String(cause.message) : '';
    throw new StatesError('States.QueryEvaluationError', `${place}: ${message}`, { cause });
  }
  if (value === undefined)
    throw new StatesError(
      'States.QueryEvaluationError',
      `${place}: The JSONata expression '${source}' returned nothing (undefined).`,
    );
  // Sequences of JSONata carry flags that JSON does not.
  return JSON.parse(JSON.stringify(value));
}
