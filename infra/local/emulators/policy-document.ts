import { asList, isRecord } from './json.ts';
import { type Condition, compileConditions } from './policy-conditions.ts';
import { compileWildcard } from './wildcard.ts';

/** Who a statement of a resource policy speaks of. */
export interface StatementPrincipals {
  readonly everyone: boolean;
  /** ARNs of roles and users, and account roots. */
  readonly arns: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
}

/** One statement, compiled once when the template is read. */
export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  /** Where the statement was written, for messages. */
  readonly source: string;
  /** Absent in identity policies, which speak of whoever holds them. */
  readonly principals?: StatementPrincipals;
  readonly conditions: readonly Condition[];
  matchesAction(action: string): boolean;
  matchesResource(arn: string): boolean;
}

const ELEMENTS = new Set([
  'Sid',
  'Effect',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Principal',
  'Condition',
]);

/** Where a policy document hangs. */
export interface PolicySource {
  /** For messages: the construct path and what in it holds the document. */
  readonly name: string;
  readonly kind: 'identity' | 'resource';
  readonly account: string;
}

/**
 * Compiles an IAM policy document.
 * @throws TypeError that names the policy when it holds an element or operator that is not emulated:
 * a statement that is understood by half would grant or refuse the wrong calls in silence.
 */
export function compilePolicy(document: unknown, source: PolicySource): readonly Statement[] {
  if (!isRecord(document)) throw unusable(source, 'the policy document is not an object');
  const statements = asList(document['Statement']);
  if (statements.length === 0) throw unusable(source, 'the policy document has no Statement');
  return statements.map((statement) => compileStatement(statement, source));
}

function compileStatement(statement: unknown, source: PolicySource): Statement {
  if (!isRecord(statement)) throw unusable(source, 'a Statement is not an object');
  for (const element of Object.keys(statement)) {
    if (!ELEMENTS.has(element)) {
      throw unusable(source, `the element ${element} is not emulated; write it without`);
    }
  }
  const effect = statement['Effect'];
  if (effect !== 'Allow' && effect !== 'Deny') {
    throw unusable(source, `Effect is ${JSON.stringify(effect)}, not Allow or Deny`);
  }
  return {
    effect,
    source: source.name,
    ...(source.kind === 'resource' && {
      principals: compilePrincipals(statement['Principal'], source),
    }),
    conditions: compileConditions(statement['Condition'], (why) => unusable(source, why)),
    matchesAction: compileMatcher(statement, 'Action', source, (text) => text.toLowerCase()),
    matchesResource: compileMatcher(statement, 'Resource', source, (text) => text),
  };
}

/** `Action` with its `NotAction`, or `Resource` with its `NotResource`. */
function compileMatcher(
  statement: Readonly<Record<string, unknown>>,
  element: 'Action' | 'Resource',
  source: PolicySource,
  normalize: (text: string) => string,
): (text: string) => boolean {
  const [positive, negative] = [statement[element], statement[`Not${element}`]];
  if ((positive === undefined) === (negative === undefined)) {
    throw unusable(source, `a Statement needs either ${element} or Not${element}`);
  }
  const patterns = asStrings(positive ?? negative, element, source).map((pattern) =>
    compileWildcard(normalize(pattern)),
  );
  return (text) =>
    patterns.some((matches) => matches(normalize(text))) === (positive !== undefined);
}

function compilePrincipals(principal: unknown, source: PolicySource): StatementPrincipals {
  if (principal === '*') return { everyone: true, arns: new Set(), services: new Set() };
  if (!isRecord(principal)) throw unusable(source, 'a Statement has no Principal');
  for (const kind of Object.keys(principal)) {
    if (kind !== 'AWS' && kind !== 'Service') {
      throw unusable(source, `principals of the kind ${kind} are not emulated`);
    }
  }
  const arns = asList(principal['AWS'])
    .map(String)
    .map((arn) => (/^\d{12}$/.test(arn) ? `arn:aws:iam::${arn}:root` : arn));
  return {
    everyone: arns.includes('*'),
    arns: new Set(arns),
    services: new Set(asList(principal['Service']).map(String)),
  };
}

function asStrings(value: unknown, element: string, source: PolicySource): readonly string[] {
  return asList(value).map((entry) => {
    if (typeof entry !== 'string') {
      throw unusable(source, `${element} holds ${JSON.stringify(entry)}, not a string`);
    }
    if (/\$\{[^*?$]/.test(entry)) {
      throw unusable(source, `policy variables are not emulated: ${entry}`);
    }
    return entry;
  });
}

function unusable(source: PolicySource, why: string): TypeError {
  return new TypeError(`${source.name}: ${why}`);
}
