import { isRecord, type JsonObject } from './json.ts';

/** Whether an event fits a pattern. */
export type EventPattern = (event: JsonObject) => boolean;

type Values = readonly unknown[];
/** Decides on the values an event has at a path; an array counts as each of its members. */
type Matcher = (values: Values) => boolean;

/**
 * Event patterns of EventBridge as far as templates use them: exact values, prefix, suffix,
 * equals-ignore-case, anything-but, numeric, exists and $or.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 * Own code: the only library (Event Ruler) is Java.
 * @throws TypeError for an operator that is not emulated, naming its path.
 */
export function compileEventPattern(pattern: unknown, path = '$'): EventPattern {
  if (!isRecord(pattern)) throw new TypeError(`${path} of an event pattern must be an object`);
  const tests = Object.entries(pattern).map(([key, expected]) =>
    key === '$or' ? compileEither(expected, path) : compileMember(key, expected, path),
  );
  if (tests.length === 0) throw new TypeError(`${path} of an event pattern is empty`);
  return (event) => tests.every((test) => test(event));
}

function compileEither(expected: unknown, path: string): EventPattern {
  if (!Array.isArray(expected) || expected.length < 2)
    throw new TypeError(`${path}.$or needs two patterns or more`);
  const patterns = expected.map((each, at) => compileEventPattern(each, `${path}.$or[${at}]`));
  return (event) => patterns.some((matches) => matches(event));
}

function compileMember(key: string, expected: unknown, path: string): EventPattern {
  const below = `${path}.${key}`;
  if (!Array.isArray(expected)) {
    const matches = compileEventPattern(expected, below);
    return (event) => {
      const member = event[key];
      const members: readonly unknown[] = Array.isArray(member) ? member : [member ?? {}];
      return members.filter(isRecord).some(matches);
    };
  }
  if (expected.length === 0) throw new TypeError(`${below} lists no value`);
  const matchers = expected.map((each) => compileMatcher(each, below));
  return (event) => {
    const member = event[key];
    const values: Values = Array.isArray(member) ? member : member === undefined ? [] : [member];
    return matchers.some((matches) => matches(values));
  };
}

function compileMatcher(expected: unknown, path: string): Matcher {
  if (!isRecord(expected)) return (values) => values.includes(expected);
  const [[operator, operand] = ['', undefined], ...others] = Object.entries(expected);
  const compile = OPERATORS[operator];
  if (!compile || others.length > 0)
    throw new TypeError(`${path}: the operator ${JSON.stringify(expected)} is not emulated`);
  return compile(operand, path);
}

const OPERATORS: Readonly<Record<string, (operand: unknown, path: string) => Matcher>> = {
  prefix: textual((value, operand) => value.startsWith(operand)),
  suffix: textual((value, operand) => value.endsWith(operand)),
  'equals-ignore-case': textual((value, operand) => value.toLowerCase() === operand.toLowerCase()),
  exists: (operand) => (values) => values.length > 0 === (operand === true),
  numeric: compileNumeric,
  'anything-but': (operand, path) => {
    const refused: Values = Array.isArray(operand) ? operand : [operand];
    const matchers = refused.map((each) => compileMatcher(each, path));
    // Needs a value: what is not there is not anything.
    return (values) => values.some((value) => !matchers.some((matches) => matches([value])));
  },
};

function textual(test: (value: string, operand: string) => boolean) {
  return (operand: unknown, path: string): Matcher => {
    if (typeof operand !== 'string') throw new TypeError(`${path}: the operator takes a text`);
    return (values) => values.some((value) => typeof value === 'string' && test(value, operand));
  };
}

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** `['>', 0, '<=', 5]`. */
function compileNumeric(operand: unknown, path: string): Matcher {
  const parts: Values = Array.isArray(operand) ? operand : [];
  const tests: ((value: number) => boolean)[] = [];
  for (let at = 0; at < parts.length; at += 2) {
    const compare = COMPARISONS[String(parts[at])];
    const bound = parts[at + 1];
    if (!compare || typeof bound !== 'number')
      throw new TypeError(`${path}: numeric takes pairs of a comparison and a number`);
    tests.push((value) => compare(value, bound));
  }
  if (tests.length === 0) throw new TypeError(`${path}: numeric takes a comparison`);
  return (values) =>
    values.some((value) => typeof value === 'number' && tests.every((test) => test(value)));
}
