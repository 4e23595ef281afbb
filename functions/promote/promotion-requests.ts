import * as z from 'zod/mini';
import { LIMITS } from '../contracts/limits.ts';
import { Hypothesis } from '../contracts/promotion.ts';
import { strictObject } from '../contracts/strict-object.ts';
import { VersionNumber } from '../contracts/version.ts';

const Reason = z.string().check(z.minLength(1), z.maxLength(LIMITS.textCharacters));

export const StartBody = strictObject({
  version: VersionNumber,
  hypothesis: Hypothesis,
  /** Begin although the traffic may not give the labels the plan needs. */
  acceptSlow: z._default(z.boolean(), false),
});

export const DecisionBody = strictObject({ approve: z.boolean(), reason: Reason });

/** Of an abort, an override or a rollback. */
export const ReasonBody = strictObject({ reason: Reason });

/** `2026-Q4`. */
export const Quarter = z.string().check(z.regex(/^[0-9]{4}-Q[1-4]$/));
