import type { AlarmState } from './alarm-evaluation.ts';

/** What a composite alarm's rule says, given the states of the alarms it names. */
export interface CompositeRule {
  /** Names or ARNs, as written. */
  readonly alarms: readonly string[];
  holds(stateOf: (alarm: string) => AlarmState): boolean;
}

type Test = (stateOf: (alarm: string) => AlarmState) => boolean;

const TOKEN =
  /\s*(?:(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*("[^"]*"|[^")\s]+)\s*\)|(AND|OR|NOT|TRUE|FALSE|[()]))/y;

/**
 * Reads `ALARM("a") AND (NOT OK(b) OR TRUE)`; AT_LEAST is refused.
 * @throws TypeError that names the rule and where it stops making sense.
 */
export function parseCompositeRule(rule: string): CompositeRule {
  const alarms: string[] = [];
  const tokens: (string | Test)[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < rule.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const [, state, quoted, word] = TOKEN.exec(rule) ?? [];
    if (state === undefined && word === undefined)
      throw new TypeError(`the rule ${rule} is not understood from "${rule.slice(at).trim()}" on`);
    const alarm = quoted?.replaceAll('"', '') ?? '';
    if (state === undefined) tokens.push(word ?? '');
    else {
      alarms.push(alarm);
      tokens.push((stateOf) => stateOf(alarm) === state);
    }
  }
  return { alarms, holds: parseTokens(rule, tokens) };
}

function parseTokens(rule: string, tokens: readonly (string | Test)[]): Test {
  let at = 0;
  const fail = () => new TypeError(`the rule ${rule} is not understood at its element ${at + 1}`);
  const either = (): Test => {
    let left = both();
    while (tokens[at] === 'OR') {
      at += 1;
      const [first, second] = [left, both()];
      left = (stateOf) => first(stateOf) || second(stateOf);
    }
    return left;
  };
  const both = (): Test => {
    let left = one();
    while (tokens[at] === 'AND') {
      at += 1;
      const [first, second] = [left, one()];
      left = (stateOf) => first(stateOf) && second(stateOf);
    }
    return left;
  };
  const one = (): Test => {
    const token = tokens[at];
    at += 1;
    if (typeof token === 'function') return token;
    if (token === 'TRUE' || token === 'FALSE') return () => token === 'TRUE';
    if (token === 'NOT') {
      const inner = one();
      return (stateOf) => !inner(stateOf);
    }
    if (token !== '(') throw fail();
    const inner = either();
    if (tokens[at] !== ')') throw fail();
    at += 1;
    return inner;
  };
  const whole = either();
  if (at < tokens.length) throw fail();
  return whole;
}
