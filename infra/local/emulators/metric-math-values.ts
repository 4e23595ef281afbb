import type { Expression, Operator } from './metric-math.ts';

/** Datapoints by epoch millisecond; a point that is not there is missing. */
export type Points = ReadonlyMap<number, number>;

export type Value =
  | { readonly kind: 'scalar'; readonly value: number }
  | { readonly kind: 'series'; readonly points: Points }
  | { readonly kind: 'array'; readonly members: readonly Points[] };

export interface Scope {
  /** The value of another query by its id; undefined where there is none. */
  readonly valueOf: (id: string) => Value | undefined;
  /** Every metric of the request, for METRICS(). */
  readonly metrics: () => readonly Points[];
  /** Starts of the periods that were asked for, oldest first. */
  readonly timeline: readonly number[];
}

const scalar = (value: number): Value => ({ kind: 'scalar', value });
const series = (points: Points): Value => ({ kind: 'series', points });

const OPERATIONS: Readonly<Record<Operator, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '^': (a, b) => a ** b,
  '==': (a, b) => Number(a === b),
  '!=': (a, b) => Number(a !== b),
  '<': (a, b) => Number(a < b),
  '>': (a, b) => Number(a > b),
  '<=': (a, b) => Number(a <= b),
  '>=': (a, b) => Number(a >= b),
  AND: (a, b) => Number(a !== 0 && b !== 0),
  OR: (a, b) => Number(a !== 0 || b !== 0),
};

type Call = (values: readonly Value[], scope: Scope, name: string) => Value;

/** The functions that are emulated; another name is refused. */
const FUNCTIONS: Readonly<
  Record<string, { readonly arity: readonly number[]; readonly call: Call }>
> = {
  ABS: pointwise(Math.abs),
  CEIL: pointwise(Math.ceil),
  FLOOR: pointwise(Math.floor),
  LOG: pointwise(Math.log),
  LOG10: pointwise(Math.log10),
  AVG: aggregate((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
  MAX: aggregate((values) => values.reduce((a, b) => Math.max(a, b))),
  MIN: aggregate((values) => values.reduce((a, b) => Math.min(a, b))),
  SUM: aggregate((values) => values.reduce((sum, value) => sum + value, 0)),
  IF: { arity: [2, 3], call: ([condition, then, otherwise]) => choose(condition, then, otherwise) },
  FILL: { arity: [2], call: ([filled, by], scope) => fill(pointsOf(filled, 'FILL'), by, scope) },
  RUNNING_SUM: { arity: [1], call: ([summed]) => runningSum(pointsOf(summed, 'RUNNING_SUM')) },
  TIME_SERIES: {
    arity: [1],
    call: ([value], { timeline }) => {
      if (value?.kind !== 'scalar') throw new TypeError('TIME_SERIES takes a number');
      return series(new Map(timeline.map((at) => [at, value.value])));
    },
  },
  METRICS: {
    arity: [0],
    call: (_, { metrics }) => ({ kind: 'array', members: metrics() }),
  },
};

/** @throws TypeError for a function, an id or a combination that CloudWatch or this machine refuses. */
export function evaluateMetricMath(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case 'number':
      return scalar(expression.value);
    case 'text':
      throw new TypeError(`the text "${expression.value}" has no meaning here`);
    case 'id':
      return valueOfId(expression.id, scope);
    case 'list':
      return {
        kind: 'array',
        members: expression.members.flatMap((member) => {
          const value = evaluateMetricMath(member, scope);
          return value.kind === 'array' ? value.members : [pointsOf(value, 'an array')];
        }),
      };
    case 'negated':
      return combine('-', scalar(0), evaluateMetricMath(expression.operand, scope));
    case 'binary':
      return combine(
        expression.operator,
        evaluateMetricMath(expression.left, scope),
        evaluateMetricMath(expression.right, scope),
      );
    case 'call':
      return call(expression.name, expression.arguments, scope);
  }
}

function valueOfId(id: string, scope: Scope): Value {
  // FILL's word for the value before.
  if (id === 'REPEAT') return scalar(Number.NaN);
  const value = scope.valueOf(id);
  if (!value) throw new TypeError(`no query has the id ${id}`);
  return value;
}

function call(name: string, given: readonly Expression[], scope: Scope): Value {
  const known = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (!known)
    throw new TypeError(
      `the function ${name} is not emulated; emulated: ${Object.keys(FUNCTIONS).join(', ')}`,
    );
  if (!known.arity.includes(given.length))
    throw new TypeError(`${name} takes ${known.arity.join(' or ')} arguments, not ${given.length}`);
  return known.call(
    given.map((argument) => evaluateMetricMath(argument, scope)),
    scope,
    name,
  );
}

/**
 * Arithmetic point by point. A point that one side lacks counts as 0; one that divides by zero, or is no
 * number otherwise, is dropped.
 */
function combine(operator: Operator, left: Value, right: Value): Value {
  const operate = OPERATIONS[operator];
  if (left.kind === 'array' || right.kind === 'array')
    throw new TypeError(`${operator} takes no array`);
  if (left.kind === 'scalar' && right.kind === 'scalar')
    return scalar(operate(left.value, right.value));
  const times = new Set<number>();
  for (const side of [left, right])
    if (side.kind === 'series') for (const at of side.points.keys()) times.add(at);
  const points = new Map<number, number>();
  for (const at of [...times].toSorted((a, b) => a - b)) {
    const value = operate(pointAt(left, at) ?? 0, pointAt(right, at) ?? 0);
    if (Number.isFinite(value)) points.set(at, value);
  }
  return series(points);
}

function pointAt(value: Value | undefined, at: number): number | undefined {
  if (value?.kind === 'scalar') return value.value;
  return value?.kind === 'series' ? value.points.get(at) : undefined;
}

/** Where the condition has no point, or no branch a value, there is no point. */
function choose(condition?: Value, then?: Value, otherwise?: Value): Value {
  if (condition?.kind === 'scalar')
    return (condition.value === 0 ? otherwise : then) ?? series(new Map());
  const points = new Map<number, number>();
  for (const [at, holds] of pointsOf(condition, 'IF')) {
    const value = pointAt(holds === 0 ? otherwise : then, at);
    if (value !== undefined && Number.isFinite(value)) points.set(at, value);
  }
  return series(points);
}

function fill(points: Points, by: Value | undefined, { timeline }: Scope): Value {
  if (by?.kind !== 'scalar') throw new TypeError('FILL fills with a number or REPEAT');
  let before: number | undefined;
  const filled = new Map<number, number>();
  for (const at of timeline) {
    const value = points.get(at) ?? (Number.isNaN(by.value) ? before : by.value);
    if (value !== undefined) filled.set(at, value);
    before = value;
  }
  return series(filled);
}

function runningSum(points: Points): Value {
  let sum = 0;
  const sums = [...points].map(([at, value]): [number, number] => {
    sum += value;
    return [at, sum];
  });
  return series(new Map(sums));
}

function pointwise(map: (value: number) => number): { arity: readonly number[]; call: Call } {
  return {
    arity: [1],
    call: ([value], _, name) => {
      if (value?.kind === 'scalar') return scalar(map(value.value));
      const mapped = [...pointsOf(value, name)].map(([at, each]) => [at, map(each)] as const);
      return series(new Map(mapped.filter(([, each]) => Number.isFinite(each))));
    },
  };
}

/** Over a series one number; over an array of series a series. */
function aggregate(reduce: (values: readonly number[]) => number): {
  arity: readonly number[];
  call: Call;
} {
  return {
    arity: [1],
    call: ([value], _, name) => {
      if (value?.kind !== 'array') {
        const values = [...pointsOf(value, name).values()];
        return values.length === 0 ? series(new Map()) : scalar(reduce(values));
      }
      const times = new Set(value.members.flatMap((points) => [...points.keys()]));
      const points = [...times]
        .toSorted((a, b) => a - b)
        .map((at): [number, number] => [
          at,
          reduce(value.members.flatMap((member) => member.get(at) ?? [])),
        ]);
      return series(new Map(points));
    },
  };
}

function pointsOf(value: Value | undefined, user: string): Points {
  if (value?.kind === 'series') return value.points;
  throw new TypeError(`${user} takes a time series, not ${value?.kind ?? 'nothing'}`);
}
