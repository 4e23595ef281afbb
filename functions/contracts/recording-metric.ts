/** What recording counts, by Model. The same names make alarms and dashboards. */
export const RECORDING_METRICS = {
  /** Rows of predictions that are in the join table. Answered rows minus these are still on the way, or lost. */
  recordedRows: { name: 'RecordedRows', unit: 'Count' },
  outcomesReceived: { name: 'OutcomesReceived', unit: 'Count' },
  /** Outcomes that met their prediction, whichever came first. */
  outcomesJoined: { name: 'OutcomesJoined', unit: 'Count' },
  /** Kept for a prediction that is not recorded yet. */
  outcomesWaiting: { name: 'OutcomesWaiting', unit: 'Count' },
  /** Said again, or older than what is known: nothing changed. */
  outcomesDuplicate: { name: 'OutcomesDuplicate', unit: 'Count' },
  /** Replaced an outcome that was known, and restated its score. */
  outcomesCorrected: { name: 'OutcomesCorrected', unit: 'Count' },
  /** Of the wrong type, too late, from the future, or of somebody else's prediction. */
  outcomesRefused: { name: 'OutcomesRefused', unit: 'Count' },
  /** Of the refused, those whose horizon had passed. */
  outcomesLate: { name: 'OutcomesLate', unit: 'Count' },
  /** From prediction to outcome. */
  labelDelay: { name: 'LabelDelaySeconds', unit: 'Seconds' },
  /** Log lines that are not what they claim to be; they wait in the queue of parked lines. */
  poisonLines: { name: 'PoisonLines', unit: 'Count' },
  /** Parts of an oversized line that wait for the others. */
  partsWaiting: { name: 'PartsWaiting', unit: 'Count' },
  /** Items that failed while the rest of their delivery succeeded; they are tried again from a queue. */
  failedItems: { name: 'FailedItems', unit: 'Count' },
} as const;
