import * as z from 'zod/mini';
import { Instant } from '../contracts/instant.ts';
import { VersionNumber } from '../contracts/version.ts';
import { hasDrifted } from '../measures/column-drift.ts';
import { epochMsOf } from '../runtime/clock.ts';
import type { DriftVerdict } from './drift-window.ts';

/** Drift that was found and has not ended. */
export const DriftFinding = z.object({
  /** Whose profile is the reference: another version is another finding. */
  version: VersionNumber,
  since: Instant,
  /** End of the last window that showed any of it. */
  lastSeenAt: Instant,
  /** What was told of, whether it still drifts or not. */
  causes: z.array(z.string()),
});
export type DriftFinding = z.infer<typeof DriftFinding>;

export interface FollowedDrift {
  /** Absent where nothing drifts, or no longer. */
  readonly finding?: DriftFinding;
  /** Whether somebody has to hear of it: it has begun, or more has joined it. */
  readonly isNews: boolean;
}

type Judged = Extract<DriftVerdict, { kind: 'judged' }>;

/** Features, and the predictions, that have drifted. */
export const causesOf = ({ driftedFeatures, prediction }: Judged): string[] => [
  ...driftedFeatures.map(({ name }) => `feature ${name}`),
  ...(prediction && hasDrifted(prediction) ? ['prediction'] : []),
];

const MS_OF_HOUR = 3_600_000;

/**
 * Makes one finding of what lasts. A cause that comes and goes at its limit is no news each time: a finding
 * ends, all of it, when a whole window has gone by that shows nothing of the last one that did.
 * @param windowHours how far windows look back.
 */
export function followDrift(
  before: DriftFinding | undefined,
  seen: {
    readonly at: Instant;
    readonly version: VersionNumber;
    readonly causes: readonly string[];
  },
  windowHours: number,
): FollowedDrift {
  const { at, version, causes } = seen;
  const goesOn =
    before?.version === version &&
    epochMsOf(at) - epochMsOf(before.lastSeenAt) < windowHours * MS_OF_HOUR
      ? before
      : undefined;
  if (causes.length === 0) return { ...(goesOn && { finding: goesOn }), isNews: false };
  const told = goesOn?.causes ?? [];
  const news = causes.filter((cause) => !told.includes(cause));
  return {
    finding: {
      version,
      since: goesOn?.since ?? at,
      lastSeenAt: at,
      causes: [...told, ...news],
    },
    isNews: news.length > 0,
  };
}
