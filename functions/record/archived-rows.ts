import type { ArchivedRow, ArchiveTable } from '../contracts/archive.ts';
import type { Instant } from '../contracts/instant.ts';
import type { PredictionLine, ShadowLine } from '../contracts/prediction-line.ts';
import type { KeptRegister } from './join.ts';
import type { KeptScore } from './join-items.ts';
import { dayOf } from './join-keys.ts';
import type { RecordedPrediction } from './recorded-prediction.ts';

/** Rows on their way to the archive, by table. */
export type ArchiveBatch = { readonly [Table in ArchiveTable]: ArchivedRow<Table>[] };

export const emptyBatch = (): ArchiveBatch => ({ predictions: [], outcomes: [], scores: [] });

const present = <Value>(name: string, value: Value | undefined) =>
  value === undefined ? {} : { [name]: value };

export const predictionRow = (line: PredictionLine): ArchivedRow<'predictions'> => ({
  model: line.model,
  day: dayOf(line.at),
  prediction_id: line.predictionId,
  kind: 'answered',
  at: line.at,
  version: line.version,
  digest: line.digest,
  arm: line.arm,
  ...present('assigned', line.assigned),
  ...present('promotion', line.promotion),
  ...present('unit', line.unit),
  caller: line.caller,
  rows: line.rows,
  latency_ms: line.latencyMs,
  fell_back: (line.failures ?? []).length > 0,
  asked: JSON.stringify(line.asked),
  ...present('sealed', line.sealed && JSON.stringify(line.sealed)),
  outputs: JSON.stringify(line.outputs),
  ...present('propensities', line.propensities && JSON.stringify(line.propensities)),
  withheld: JSON.stringify(line.withheld),
});

/** The same row where the whole line lies in an object of its own. */
export function pointingRow(
  row: ArchivedRow<'predictions'>,
  line_key: string,
): ArchivedRow<'predictions'> {
  const {
    asked: _asked,
    sealed: _sealed,
    outputs: _outputs,
    propensities: _chances,
    ...rest
  } = row;
  return { ...rest, line_key };
}

/** Undefined for a request that the shadow did not answer. */
export function shadowRow(line: ShadowLine): ArchivedRow<'predictions'> | undefined {
  const { predictionId, version, outputs, model, at, comparison } = line;
  if (predictionId === undefined || version === undefined || outputs === undefined)
    return undefined;
  return {
    model,
    day: dayOf(at),
    prediction_id: predictionId,
    kind: 'shadow',
    at,
    version,
    // The challenger's answers are compared; what is not is the champion's, asked for a covariate.
    arm: comparison ? 'challenger' : 'champion',
    ...present('promotion', line.promotion),
    outputs: JSON.stringify(outputs),
  };
}

export const outcomeRow = (
  { predictionId, model, at }: RecordedPrediction,
  { slot, caller, outcome, observedAt }: KeptRegister,
  reportedAt: Instant,
): ArchivedRow<'outcomes'> => ({
  model,
  day: dayOf(at),
  prediction_id: predictionId,
  slot,
  caller,
  outcome: JSON.stringify(outcome),
  observed_at: observedAt,
  reported_at: reportedAt,
});

export const scoreRow = (
  prediction: RecordedPrediction,
  { row, revision, outcome, components, propensity }: KeptScore,
  scoredAt: Instant,
): ArchivedRow<'scores'> => ({
  model: prediction.model,
  day: dayOf(prediction.at),
  prediction_id: prediction.predictionId,
  row,
  at: prediction.at,
  version: prediction.version,
  arm: prediction.arm,
  ...present('assigned', prediction.assigned),
  ...present('promotion', prediction.promotion),
  ...present('unit', prediction.unit),
  revision,
  scored_at: scoredAt,
  ...present('outcome', outcome),
  ...present('propensity', propensity),
  components: JSON.stringify(components),
});
