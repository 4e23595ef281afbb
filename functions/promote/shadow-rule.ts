import type { StepVerdict } from '../contracts/promotion.ts';
import { SHADOW_PATIENCE, type WatchedStep } from '../contracts/promotion-pace.ts';
import type { LookEvidence, ShadowTerms } from './look.ts';
import type { TestPlan } from './test-plan.ts';

type ShadowStep = Extract<WatchedStep, { kind: 'shadow' }>;

/** A shadow plans no sample of units; its own terms are kept beside. */
export const shadowPlan = ({
  hours,
  minimumRequests,
  agreement,
}: ShadowStep): TestPlan & { readonly shadow: ShadowTerms } => ({
  metric: 'agreement',
  direction: 1,
  guardrails: [],
  plannedUnits: minimumRequests,
  minimumDays: hours / 24,
  maximumDays: (hours * SHADOW_PATIENCE) / 24,
  shadow: { hours, minimumRequests, agreement },
});

/** A challenger that fails at more than this share of requests is broken, not unlucky. */
const FAILING_SHARE = 0.01;
/** Failures before a share of them means anything. */
const FEWEST_REQUESTS = 100;

export interface ShadowVerdict {
  readonly verdict: StepVerdict;
  readonly rule: 'outage' | 'failures' | 'duration' | 'minimum-sample' | 'agreement';
  readonly reason: string;
}

/**
 * Whether a shadow may go on to users: enough requests, no failures worth the name, and decisions that are
 * alike. Too few requests hold, and so does what could not be read; neither passes anything.
 */
export function shadowVerdict(
  { hours, minimumRequests, agreement: asked }: ShadowTerms,
  {
    days,
    data,
    failure = 'unknown',
    shadow,
  }: Pick<LookEvidence, 'days' | 'data' | 'failure' | 'shadow'>,
): ShadowVerdict {
  if (data === 'failed' || !shadow) {
    const reason = `what is measured could not be read: ${failure}`;
    return { verdict: 'HOLD', rule: 'outage', reason };
  }
  const { requests, failed, agreement } = shadow;
  if (requests >= FEWEST_REQUESTS && failed > FAILING_SHARE * requests) {
    const reason = `it failed at ${failed} of ${requests} recorded requests`;
    return { verdict: 'FAIL', rule: 'failures', reason };
  }
  const lastedHours = days * 24;
  if (lastedHours < hours)
    return { verdict: 'CONTINUE', rule: 'duration', reason: 'it has not lasted long enough' };
  if (requests < minimumRequests || agreement === undefined)
    return lastedHours >= hours * SHADOW_PATIENCE
      ? {
          verdict: 'INCONCLUSIVE',
          rule: 'minimum-sample',
          reason: `${requests} requests came in ${Math.round(lastedHours)} hours, ${minimumRequests} are needed`,
        }
      : {
          verdict: 'HOLD',
          rule: 'minimum-sample',
          reason: `${requests} of ${minimumRequests} requests so far`,
        };
  const seen = `both decide alike in ${(agreement * 100).toFixed(1)} % of ${requests} requests`;
  return agreement >= asked
    ? { verdict: 'PASS', rule: 'agreement', reason: seen }
    : {
        verdict: 'FAIL',
        rule: 'agreement',
        reason: `${seen}; ${asked * 100} % are asked for`,
      };
}
