import { ApiError } from '../contracts/api-error.ts';
import type { Promotion, StepResult } from '../contracts/promotion.ts';
import { PROMOTION_EVENTS } from '../contracts/promotion-events.ts';
import { epochMsOf, instantOf } from '../runtime/clock.ts';
import { judgedEvent, type PromotionContext, specOf, stepOf } from './promotion-context.ts';

/** Keeps the token that lets the machine go on, and tells everyone that somebody must decide. */
export async function askApproval(
  promotion: Promotion,
  token: string,
  context: PromotionContext,
): Promise<void> {
  const step = stepOf(specOf(context, promotion.model), promotion);
  if (step.kind !== 'approve') throw new Error(`${promotion.id} does not stand at an approval`);
  const at = context.clock.now();
  const expiresAt = instantOf(epochMsOf(at) + step.expiresAfterHours * 3_600_000);
  const approval = { token, expiresAt };
  const { model, id, version } = promotion;
  const detail = { at, model, promotion: id, version, expiresAt };
  const asked = [{ type: PROMOTION_EVENTS.approvalAsked, detail }];
  if (!(await context.promotions.change(promotion, { approval }, asked)))
    throw new Error(`${id} ended before it could be approved`);
}

export interface Decision {
  readonly isApproved: boolean;
  readonly reason: string;
  readonly by: string;
}

/** Answers the machine; `gone` when it does not wait for this token any more. */
export type AnswerMachine = (token: string, output: unknown) => Promise<'taken' | 'gone'>;

/**
 * Records who approved or refused, and why, and lets the machine go on. Repeated with the same decision it
 * changes nothing.
 * @throws ApiError 409 when nothing waits for approval, it has expired, or the decision was another.
 */
export async function decideApproval(
  promotion: Promotion,
  decision: Decision,
  answerMachine: AnswerMachine,
  context: PromotionContext,
): Promise<Promotion> {
  const { id, model } = promotion;
  const approval = openApproval(promotion, decision, context.clock.nowMs());
  const kept = approval.decision ?? { ...decision, at: context.clock.now() };
  if (!approval.decision && !(await keepDecision(promotion, approval.token, kept, context))) {
    const now = await context.promotions.find(model, id);
    if (now?.state !== 'running') throw new ApiError(409, 'PROMOTION_OVER', `${id} has ended`);
    return decideApproval(now, decision, answerMachine, context);
  }
  const taken = await answerMachine(approval.token, resultOf(kept));
  if (taken === 'gone' && !approval.decision)
    throw new ApiError(409, 'APPROVAL_EXPIRED', `${id} does not wait any more`);
  return { ...promotion, approval: { ...approval, decision: kept } };
}

type Approval = NonNullable<Promotion['approval']>;
type KeptDecision = NonNullable<Approval['decision']>;

const resultOf = ({ by, isApproved, reason }: KeptDecision): StepResult => ({
  verdict: isApproved ? 'PASS' : 'FAIL',
  reason: `${by} ${isApproved ? 'approved' : 'refused'}: ${reason}`,
});

/** False when there is a decision already, or nothing is asked any more. */
async function keepDecision(
  promotion: Promotion,
  token: string,
  decision: KeptDecision,
  context: PromotionContext,
): Promise<boolean> {
  const judged = judgedEvent(promotion, { ...resultOf(decision), evidence: { decision } }, context);
  const isKept = await context.promotions.decide(promotion, token, decision, [judged]);
  if (isKept) await context.announce(promotion.model);
  return isKept;
}

/** @throws ApiError 409 when nothing can be decided, or something else was. */
function openApproval(
  { approval, id, state }: Promotion,
  { isApproved }: Decision,
  nowMs: number,
): Approval {
  if (!approval || state !== 'running')
    throw new ApiError(409, 'NOTHING_TO_APPROVE', `${id} does not wait for approval`);
  const { decision, expiresAt } = approval;
  if (decision && decision.isApproved !== isApproved)
    throw new ApiError(
      409,
      'DECIDED',
      `${decision.by} ${decision.isApproved ? 'approved' : 'refused'} ${id} at ${decision.at}: ${decision.reason}`,
    );
  if (epochMsOf(expiresAt) <= nowMs)
    throw new ApiError(409, 'APPROVAL_EXPIRED', `the approval of ${id} expired at ${expiresAt}`);
  return approval;
}
