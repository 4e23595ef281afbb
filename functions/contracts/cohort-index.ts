/** The join table's index of predictions and scores by model and hour, and what it shows beside their keys. */
export const COHORT_INDEX = {
  name: 'byHour',
  partitionKey: 'cohort',
  attributes: [
    'model',
    'version',
    'arm',
    'at',
    'promotion',
    'unit',
    'rowCount',
    'hiddenRows',
    'components',
    'outcome',
    'propensity',
  ],
} as const;
