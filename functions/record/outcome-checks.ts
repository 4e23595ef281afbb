import type { Instant } from '../contracts/instant.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { OutcomeRefusal, ReportedOutcome } from '../contracts/outcome.ts';
import { epochMsOf } from '../runtime/clock.ts';
import {
  type KeptRegister,
  outcomeProblem,
  outranks,
  placeOf,
  slotOfItem,
  slotOfRow,
} from './join.ts';
import type { RecordedPrediction } from './recorded-prediction.ts';

export interface Refusal {
  readonly code: OutcomeRefusal;
  readonly error: string;
}

/** One outcome as it was reported, its instant in UTC. */
export interface Report extends Omit<ReportedOutcome, 'observedAt'> {
  readonly observedAt: Instant;
}

export const MS_OF_HOUR = 3_600_000;

type Place = Pick<Report, 'row' | 'item'>;

export const slotOf = ({ row, item }: Place): string =>
  item === undefined ? slotOfRow(row ?? 0) : slotOfItem(item);

const refusal = (code: OutcomeRefusal, error: string): Refusal => ({ code, error });

/** What can be told of a report before its prediction is known. */
export function refuseUnmet(
  { observedAt }: Report,
  nowMs: number,
  longestHorizonHours: number,
): Refusal | undefined {
  const observedMs = epochMsOf(observedAt);
  if (observedMs > nowMs + LIMITS.outcomeSkewMs)
    return refusal(
      'IN_THE_FUTURE',
      `observedAt ${observedAt} lies in the future; clocks may differ by ${LIMITS.outcomeSkewMs / 1000} s`,
    );
  if (observedMs + longestHorizonHours * MS_OF_HOUR < nowMs)
    return refusal(
      'TOO_LATE',
      `observedAt ${observedAt} is beyond the longest horizon of any model, ${longestHorizonHours} h`,
    );
  return undefined;
}

/** Why a report cannot be the truth of this prediction, whenever it came. */
export function refuseMet(
  spec: ModelSpec,
  prediction: RecordedPrediction,
  report: Place & Pick<KeptRegister, 'caller' | 'outcome' | 'observedAt'>,
): Refusal | undefined {
  if (prediction.caller !== report.caller)
    return refusal('NOT_YOURS', 'only the caller that asked for a prediction may report on it');
  const problem = outcomeProblem(spec.task, report.outcome);
  if (problem !== undefined) return refusal('WRONG_TYPE', problem);
  return (
    refuseSlot(spec, prediction, report) ??
    refuseLate(spec, prediction, epochMsOf(report.observedAt))
  );
}

/** The registers that hold: those that would not be refused, and of each slot the last word. */
export function heldRegisters(
  spec: ModelSpec,
  prediction: RecordedPrediction,
  registers: readonly KeptRegister[],
): readonly KeptRegister[] {
  const held = new Map<string, KeptRegister>();
  for (const register of registers) {
    if (refuseMet(spec, prediction, { ...placeOf(register.slot), ...register })) continue;
    const before = held.get(register.slot);
    if (!before || outranks(register, before)) held.set(register.slot, register);
  }
  return [...held.values()];
}

function refuseSlot(
  { task, name }: ModelSpec,
  prediction: RecordedPrediction,
  { row, item }: Place,
): Refusal | undefined {
  if (task.kind !== 'ranking') {
    if (item !== undefined)
      return refusal('UNKNOWN_ITEM', `"${name}" ranks nothing: say "row" instead of "item"`);
    if ((row ?? 0) < prediction.rowCount) return undefined;
    return refusal(
      'ROW_OUT_OF_RANGE',
      `row ${row} of a request with ${prediction.rowCount}, counted from 0`,
    );
  }
  if (item === undefined)
    return refusal('UNKNOWN_ITEM', `"${name}" ranks items: say which "item" the outcome is of`);
  if (prediction.items?.includes(item)) return undefined;
  return refusal('UNKNOWN_ITEM', `the request had no item ${JSON.stringify(item)}`);
}

/** @param ms when it was observed, or is reported: what is known of a prediction is kept for so long only. */
export function refuseLate(
  { monitoring }: ModelSpec,
  { at }: RecordedPrediction,
  ms: number,
): Refusal | undefined {
  const { horizonHours } = monitoring.outcomes;
  if (ms <= epochMsOf(at) + horizonHours * MS_OF_HOUR) return undefined;
  return refusal('TOO_LATE', `outcomes are taken for ${horizonHours} h after the prediction`);
}
