/** Namespace of everything Slipway measures. */
export const METRIC_NAMESPACE = 'Slipway';

/**
 * What serving counts and times, by Model and by Model and Arm. One place, because alarms, dashboards and
 * gates are made from the same names.
 */
export const SERVING_METRICS = {
  requests: { name: 'Requests', unit: 'Count' },
  rows: { name: 'Rows', unit: 'Count' },
  latency: { name: 'LatencyMs', unit: 'Milliseconds' },
  modelTime: { name: 'ModelMs', unit: 'Milliseconds' },
  /** Requests that one version failed and another answered. */
  fallbacks: { name: 'Fallbacks', unit: 'Count' },
  /** Requests answered from a route that could not be read again in time. */
  staleRoutes: { name: 'StaleRoutes', unit: 'Count' },
  /** Requests without a unit, which no experiment can count. */
  unitsMissing: { name: 'UnitsMissing', unit: 'Count' },
  /** Requests of which something was left out of the log, because KMS gave no key to seal or hash it. */
  keysMissing: { name: 'KeysMissing', unit: 'Count' },
  coldStarts: { name: 'ColdStarts', unit: 'Count' },
  /** Answered with 4xx: the caller's doing. */
  refusals: { name: 'Refusals', unit: 'Count' },
  /** Answered with 5xx: ours. */
  failures: { name: 'Failures', unit: 'Count' },
  /** Recorded requests that the shadow ran, could not run, and failed at. */
  shadowed: { name: 'Shadowed', unit: 'Count' },
  shadowSkipped: { name: 'ShadowSkipped', unit: 'Count' },
  shadowFailures: { name: 'ShadowFailures', unit: 'Count' },
} as const;
