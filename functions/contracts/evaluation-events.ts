import * as z from 'zod/mini';
import { EVENT_DETAIL } from './event-bus.ts';
import { Instant } from './instant.ts';
import { ModelName } from './model-name.ts';
import { VersionNumber } from './version.ts';

const Values = z.record(z.string(), z.number());

/** The predictions of an hour have matured and were judged as a whole, for good. */
export const HourClosed = z.object({
  ...EVENT_DETAIL,
  /** When they were made: `2026-11-23T18`, UTC. */
  hour: z.string(),
  predictions: z.int(),
  /** That an outcome can be of; a ranking is one. */
  rows: z.int(),
  /** Of these, with a score: reported, or silent where silence has a meaning. */
  scored: z.int(),
  /** Of these, with a reported outcome. */
  labelled: z.int(),
  /** Rows that were declined and whose outcome nobody knows; where declining hides it. */
  hidden: z.optional(z.int()),
  /** Of the hour, and of the window of hours that ends with it. */
  metrics: Values,
  /** Why a metric is not among them. */
  undefinedMetrics: z.record(z.string(), z.string()),
});
export type HourClosed = z.infer<typeof HourClosed>;

const Shares = z.object({ reference: z.number(), current: z.number() });

const ColumnDrift = z.object({
  name: z.string(),
  /** Population stability index over the profile's bins. */
  stability: z.number(),
  /** What it had to stay below, given the number of rows. */
  limit: z.number(),
  missing: Shares,
  /** Share of values that the reference never had; categories only. */
  unseen: z.optional(z.number()),
  /** The most frequent of these. */
  unseenValues: z.optional(z.array(z.string())),
});
export type ColumnDrift = z.infer<typeof ColumnDrift>;

/**
 * What a model is asked, or what it answers, is not what its version was made from. One finding, whatever
 * number of features shows it, told when it begins and when more joins it, not while it lasts. Seen without outcomes: whether quality suffers they will tell, and no drift
 * that ends says that it does not.
 */
export const DriftFound = z.object({
  ...EVENT_DETAIL,
  /** Whose profile is the reference. */
  version: VersionNumber,
  /** When the finding began. Of one model and version this is what tells findings apart. */
  since: Instant,
  window: z.object({ from: z.string(), to: z.string() }),
  /** That were looked at. */
  rows: z.int(),
  /** Whether there were more. */
  isSample: z.boolean(),
  usesOutcomes: z.literal(false),
  /** That drifted, the largest excess over its limit first. */
  features: z.array(ColumnDrift),
  /** Present where the predictions drifted. */
  prediction: z.optional(ColumnDrift),
  /** Features that were not looked at, or the prediction, and why. */
  excluded: z.record(z.string(), z.string()),
});
export type DriftFound = z.infer<typeof DriftFound>;

/** Detail-types of the facts above. */
export const MONITORING_EVENTS = {
  hourClosed: 'HourClosed',
  driftFound: 'DriftFound',
} as const;

/** What a model's schedules hand to the functions that look after all models. */
export const ModelDue = z.object({ model: ModelName });
export type ModelDue = z.infer<typeof ModelDue>;
