import type { ShadowComparison } from '../../functions/contracts/shadow-comparison.ts';

/** Of one row on which both versions say the same. */
export const aComparison = (over: Partial<ShadowComparison> = {}): ShadowComparison => ({
  rows: 1,
  agreed: 1,
  flipped: 0,
  scores: [[0.5, 0.5]],
  latencyMs: 10,
  failed: false,
  segments: {},
  ...over,
});
