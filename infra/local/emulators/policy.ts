import type { Place, Principal, Resource } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import type { RequestContext } from './policy-conditions.ts';
import type { Statement } from './policy-document.ts';
import { policyOwner, readPolicies } from './policy-sources.ts';

/** Condition keys and what the request holds for them. */
export type ContextValues = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A refusal is a value, because a caller may only be asking. */
export type Decision =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'refused'; readonly message: string };

/** IAM for one account and one template. */
export interface Authorizer {
  decide(
    principal: Principal,
    action: string,
    resourceArn: string,
    context?: ContextValues,
  ): Decision;
  /** @throws ServiceError 403 that names principal, action and resource. */
  authorize(
    principal: Principal,
    action: string,
    resourceArn: string,
    context?: ContextValues,
  ): void;
}

const ALLOWED: Decision = { kind: 'allowed' };

interface Question {
  readonly principal: Principal;
  readonly action: string;
  readonly resourceArn: string;
  readonly context: RequestContext;
}

/**
 * Evaluates the template's identity, resource and key policies as IAM does inside one account: an
 * explicit deny wins, then an allow from either side is needed. Own code because
 * `@cloud-copilot/iam-simulate` is AGPL and the `aws-iam-policy-evaluator` kind knows no resource
 * policies. Trust policies, permission boundaries and SCPs are not evaluated.
 * @throws TypeError when a policy of the template holds something that is not emulated.
 */
export function createAuthorizer(resources: readonly Resource[], place: Place): Authorizer {
  const policies = readPolicies(resources, place);

  function decide(
    principal: Principal,
    action: string,
    resourceArn: string,
    context: ContextValues = {},
  ): Decision {
    const question = {
      principal,
      action,
      resourceArn,
      context: requestContext(principal, context, place),
    };
    const identity =
      principal.kind === 'service' ? [] : (policies.identity.get(principal.arn) ?? []);
    const resource = (policies.resource.get(policyOwner(resourceArn)) ?? []).filter((statement) =>
      speaksOf(statement, principal, place),
    );
    return evaluate(question, identity.filter(applies), resource.filter(applies), place);

    function applies(statement: Statement): boolean {
      return (
        statement.matchesAction(action) &&
        statement.matchesResource(resourceArn) &&
        statement.conditions.every((holds) => holds(question.context))
      );
    }
  }

  return {
    decide,
    authorize(...question) {
      const decision = decide(...question);
      if (decision.kind === 'refused') {
        throw new ServiceError(403, 'AccessDeniedException', decision.message);
      }
    },
  };
}

/** Weighs the statements that apply to the question. */
function evaluate(
  question: Question,
  identity: readonly Statement[],
  resource: readonly Statement[],
  place: Place,
): Decision {
  for (const [kind, statements] of Object.entries({ identity, resource })) {
    const denial = statements.find(({ effect }) => effect === 'Deny');
    if (denial === undefined) continue;
    const why = `with an explicit deny in ${kind === 'identity' ? 'an identity' : 'a resource'}-based policy (${denial.source})`;
    return refused(question, why, place);
  }
  const named = resource.some((statement) => !speaksOfRootOnly(statement, question.principal));
  if (named) return ALLOWED;
  // What a resource policy gives to the account root is left to the account's identity policies; a
  // key, unlike other resources, hears them only when its policy says so.
  const heard = !question.resourceArn.startsWith('arn:aws:kms:') || resource.length > 0;
  if (heard && identity.length > 0) return ALLOWED;
  const missing = heard && question.principal.kind !== 'service' ? 'identity' : 'resource';
  return refused(question, noPolicy(missing, question), place);
}

function noPolicy(kind: 'identity' | 'resource', { action }: Question): string {
  return `because no ${kind}-based policy allows the ${action} action`;
}

function refused(
  { principal, action, resourceArn }: Question,
  why: string,
  place: Place,
): Decision {
  const message = `User: ${callerArn(principal, place)} is not authorized to perform: ${action} on resource: ${resourceArn} ${why}`;
  return { kind: 'refused', message };
}

/** Who AWS says is calling: the session of a role, not the role. */
export function callerArn(principal: Principal, { account }: Place): string {
  switch (principal.kind) {
    case 'role': {
      const roleName = principal.arn.split('/').at(-1);
      return `arn:aws:sts::${account}:assumed-role/${roleName}/${principal.sessionName}`;
    }
    case 'user':
      return principal.arn;
    case 'service':
      return principal.service;
  }
}

/** Whether the Principal element of a resource policy's statement includes the caller. */
function speaksOf({ principals }: Statement, principal: Principal, { account }: Place): boolean {
  if (principals === undefined || principals.everyone) return true;
  if (principal.kind === 'service') return principals.services.has(principal.service);
  return principals.arns.has(principal.arn) || principals.arns.has(rootArn(account));
}

function speaksOfRootOnly({ principals }: Statement, principal: Principal): boolean {
  if (principals === undefined || principals.everyone || principal.kind === 'service') return false;
  return !principals.arns.has(principal.arn);
}

function rootArn(account: string): string {
  return `arn:aws:iam::${account}:root`;
}

function requestContext(
  principal: Principal,
  given: ContextValues,
  { account, region }: Place,
): RequestContext {
  const values: ContextValues = {
    // The loopback hop stands for the TLS connection, and policies that ask for TLS must pass here.
    'aws:SecureTransport': 'true',
    's3:TlsVersion': '1.3',
    'aws:RequestedRegion': region,
    'aws:ResourceAccount': account,
    'aws:PrincipalIsAWSService': String(principal.kind === 'service'),
    ...(principal.kind !== 'service' && {
      'aws:PrincipalArn': principal.arn,
      'aws:PrincipalAccount': account,
    }),
    ...given,
  };
  const context = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined)
      context.set(key.toLowerCase(), typeof value === 'string' ? [value] : value);
  }
  return context;
}
