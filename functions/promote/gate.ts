import type { Promotion, StepResult } from '../contracts/promotion.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { judgedEvent, type PromotionContext } from './promotion-context.ts';

/** What a gate found, with the numbers it was found by. */
export interface GateFinding extends StepResult {
  readonly evidence: Readonly<Record<string, unknown>>;
}

const HOUR_MS = 3_600_000;
/** A gate without data waits this long for some; no data is never a pass. */
const PATIENCE_HOURS = 24;

/** Tells what a gate found; one that has held for a day fails. */
export async function concludeGate(
  promotion: Promotion,
  finding: GateFinding,
  context: PromotionContext,
): Promise<StepResult> {
  const heldHours = (context.clock.nowMs() - epochMsOf(promotion.placeSince)) / HOUR_MS;
  const isPatient = finding.verdict !== 'HOLD' || heldHours < PATIENCE_HOURS;
  const verdict = isPatient ? finding.verdict : 'FAIL';
  const reason = isPatient ? finding.reason : `${finding.reason}, and that for a day`;
  const { evidence } = finding;
  await context.promotions.note([judgedEvent(promotion, { verdict, reason, evidence }, context)]);
  return { verdict, reason };
}
