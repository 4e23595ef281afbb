/**
 * Parses CloudWatch metric math. A Pratt parser of our own: general expression libraries (expr-eval,
 * mathjs) bind `^`, comparisons and AND/OR differently and take names that CloudWatch refuses.
 */
export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'list'; readonly members: readonly Expression[] }
  | { readonly kind: 'negated'; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Expression[] };

export type Operator = keyof typeof BINDING;

const BINDING = {
  OR: 1,
  AND: 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '>': 3,
  '<=': 3,
  '>=': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '^': 7,
} as const;
const NEGATION_BINDING = 6;

const TOKEN =
  /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|("[^"]*"|'[^']*')|([A-Za-z_]\w*)|(==|!=|<=|>=|&&|\|\||[-+*/^<>(),[\]]))/y;

const isOperator = (token: string): token is Operator => Object.hasOwn(BINDING, token);

/** @throws TypeError that names the expression and what is wrong with it. */
export function parseMetricMath(text: string): Expression {
  const parser = new Parser(text, tokenize(text));
  return parser.parseAll();
}

function tokenize(text: string): readonly string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new TypeError(`metric math ${text}: unexpected "${text.slice(at).trim()}"`);
    const [, number, quoted, word, symbol] = match;
    tokens.push(number ?? quoted ?? word ?? symbol ?? '');
  }
  return tokens.map((token) => ({ '&&': 'AND', '||': 'OR' })[token] ?? token);
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string, tokens: readonly string[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  parseAll(): Expression {
    const expression = this.#parse(0);
    if (this.#at < this.#tokens.length) throw this.#unexpected();
    return expression;
  }

  #parse(binding: number): Expression {
    let left = this.#operand();
    for (;;) {
      const operator = this.#tokens[this.#at] ?? '';
      if (!isOperator(operator) || BINDING[operator] <= binding) return left;
      this.#at += 1;
      left = { kind: 'binary', operator, left, right: this.#parse(BINDING[operator]) };
    }
  }

  #operand(): Expression {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw this.#unexpected();
    this.#at += 1;
    if (token === '-') return { kind: 'negated', operand: this.#parse(NEGATION_BINDING) };
    if (token === '(') {
      const inner = this.#parse(0);
      this.#expect(')');
      return inner;
    }
    if (token === '[') return { kind: 'list', members: this.#listUntil(']') };
    if (/^[\d.]/.test(token)) return { kind: 'number', value: Number(token) };
    if (/^["']/.test(token)) return { kind: 'text', value: token.slice(1, -1) };
    if (!/^\w/.test(token) || isOperator(token)) {
      this.#at -= 1;
      throw this.#unexpected();
    }
    if (this.#tokens[this.#at] !== '(') return { kind: 'id', id: token };
    this.#at += 1;
    return { kind: 'call', name: token, arguments: this.#listUntil(')') };
  }

  #listUntil(close: string): readonly Expression[] {
    const members: Expression[] = [];
    if (this.#tokens[this.#at] !== close) members.push(this.#parse(0));
    while (this.#tokens[this.#at] === ',') {
      this.#at += 1;
      members.push(this.#parse(0));
    }
    this.#expect(close);
    return members;
  }

  #expect(token: string): void {
    if (this.#tokens[this.#at] !== token) throw this.#unexpected();
    this.#at += 1;
  }

  #unexpected(): TypeError {
    const token = this.#tokens[this.#at];
    const what = token === undefined ? 'it ends too early' : `unexpected "${token}"`;
    return new TypeError(`metric math ${this.#text}: ${what}`);
  }
}
