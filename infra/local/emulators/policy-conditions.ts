import { asText, isRecord } from './json.ts';
import { compileArnPattern, compileWildcard } from './wildcard.ts';

/** Values of the request that conditions look at, by lower-case key. */
export type RequestContext = ReadonlyMap<string, readonly string[]>;

/** One operator over one key of a statement's `Condition` block. */
export type Condition = (context: RequestContext) => boolean;

/** Whether one value of the request meets one value of the policy. */
type Test = (expected: string) => (actual: string) => boolean;

interface Operator {
  readonly test: Test;
  /** Negated operators hold when no value of the policy is met, and when the key is absent. */
  readonly negated: boolean;
}

const equals: Test = (expected) => (actual) => actual === expected;
const equalsIgnoringCase: Test = (expected) => (actual) =>
  actual.toLowerCase() === expected.toLowerCase();
const numeric =
  (compare: (actual: number, expected: number) => boolean): Test =>
  (expected) =>
  (actual) =>
    compare(Number(actual), Number(expected));

const is = (test: Test): Operator => ({ test, negated: false });
const isNot = (test: Test): Operator => ({ test, negated: true });

/** `Null` is beside these because it asks whether a key is there, not what it holds. */
const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: is(equals),
  StringNotEquals: isNot(equals),
  StringEqualsIgnoreCase: is(equalsIgnoringCase),
  StringNotEqualsIgnoreCase: isNot(equalsIgnoringCase),
  StringLike: is(compileWildcard),
  StringNotLike: isNot(compileWildcard),
  // IAM gives ArnEquals and ArnLike the same meaning.
  ArnEquals: is(compileArnPattern),
  ArnLike: is(compileArnPattern),
  ArnNotEquals: isNot(compileArnPattern),
  ArnNotLike: isNot(compileArnPattern),
  Bool: is(equalsIgnoringCase),
  NumericEquals: is(numeric((actual, expected) => actual === expected)),
  NumericNotEquals: isNot(numeric((actual, expected) => actual === expected)),
  NumericLessThan: is(numeric((actual, expected) => actual < expected)),
  NumericLessThanEquals: is(numeric((actual, expected) => actual <= expected)),
  NumericGreaterThan: is(numeric((actual, expected) => actual > expected)),
  NumericGreaterThanEquals: is(numeric((actual, expected) => actual >= expected)),
};

/** Compiles a `Condition` block; `unusable` makes the error for what is not emulated. */
export function compileConditions(
  block: unknown,
  unusable: (why: string) => Error,
): readonly Condition[] {
  if (block === undefined) return [];
  if (!isRecord(block)) throw unusable('Condition is not an object');
  return Object.entries(block).flatMap(([operator, keys]) => {
    if (!isRecord(keys)) throw unusable(`Condition.${operator} is not an object`);
    return Object.entries(keys).map(([key, expected]) =>
      compileCondition(operator, key.toLowerCase(), asStrings(expected, unusable), unusable),
    );
  });
}

function compileCondition(
  qualified: string,
  key: string,
  expected: readonly string[],
  unusable: (why: string) => Error,
): Condition {
  const [, quantifier, name = '', ifExists] =
    /^(?:(ForAllValues|ForAnyValue):)?(.*?)(IfExists)?$/.exec(qualified) ?? [];
  if (name === 'Null') return compileNull(key, expected);
  const operator = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
  if (operator === undefined) {
    throw unusable(
      `the condition operator ${qualified} is not emulated; emulated: ${Object.keys(OPERATORS).join(', ')}, Null`,
    );
  }
  const tests = expected.map(operator.test);
  const meets = (actual: string) => tests.some((test) => test(actual)) !== operator.negated;
  return (context) => {
    const actual = context.get(key);
    if (quantifier === 'ForAllValues') return (actual ?? []).every(meets);
    if (actual === undefined) return ifExists !== undefined || (operator.negated && !quantifier);
    return operator.negated && !quantifier ? actual.every(meets) : actual.some(meets);
  };
}

function compileNull(key: string, expected: readonly string[]): Condition {
  return (context) => expected.includes(String(!context.has(key)));
}

function asStrings(value: unknown, unusable: (why: string) => Error): readonly string[] {
  return (Array.isArray(value) ? value : [value]).map((entry: unknown) => {
    if (entry === null || typeof entry === 'object') {
      throw unusable(
        `Condition compares with ${JSON.stringify(entry)}, which is not a plain value`,
      );
    }
    const text = asText(entry);
    if (/\$\{[^*?$]/.test(text)) throw unusable(`policy variables are not emulated: ${text}`);
    return text;
  });
}
