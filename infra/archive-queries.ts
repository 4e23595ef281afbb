/**
 * Questions that everybody asks of the archive. What is recorded arrives at least once and scores are
 * restated, so both keep one row of each key.
 */
export const SAVED_QUERIES = [
  {
    id: 'PredictionsOnce',
    name: 'predictions-once',
    description: 'Every prediction of a model and day once',
    sql: `SELECT *
FROM (
  SELECT *, row_number() OVER (PARTITION BY prediction_id, kind, version ORDER BY at) AS copy
  FROM predictions
  WHERE model = 'a-model' AND day = '2026-11-23'
)
WHERE copy = 1`,
  },
  {
    id: 'ScoresNow',
    name: 'scores-now',
    description: 'The last word on every scored row of a model and day, with its prediction',
    sql: `SELECT score.*, prediction.caller, prediction.asked, prediction.outputs
FROM (
  SELECT *, row_number() OVER (PARTITION BY prediction_id, "row" ORDER BY revision DESC) AS copy
  FROM scores
  WHERE model = 'a-model' AND day = '2026-11-23'
) AS score
LEFT JOIN (
  SELECT *, row_number() OVER (PARTITION BY prediction_id ORDER BY at) AS copy
  FROM predictions
  WHERE model = 'a-model' AND day = '2026-11-23' AND kind = 'answered'
) AS prediction
  ON prediction.prediction_id = score.prediction_id AND prediction.copy = 1
WHERE score.copy = 1`,
  },
] as const;
