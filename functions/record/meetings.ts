import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { inParallel } from '../runtime/in-parallel.ts';
import { type KeptRegister, placeOf } from './join.ts';
import type { RegisterWrite, StoredRegister } from './join-items.ts';
import type { JoinTable } from './join-table.ts';
import type { Measurements } from './measurements.ts';
import { heldRegisters, refuseMet } from './outcome-checks.ts';
import type { RecordedPrediction } from './recorded-prediction.ts';

interface MeetingParts {
  readonly joins: Pick<JoinTable, 'putRegister' | 'refuseRegister'>;
  readonly measurements: Pick<Measurements, 'count' | 'delay'>;
}

/**
 * Lets outcomes meet their prediction, and counts each meeting once: who wins the conditional write counts
 * it, whatever comes twice or at the same time. A writer that is killed between its write and its metric
 * line loses the line; nobody doubles it.
 */
export class Meetings {
  readonly #parts: MeetingParts;

  constructor(parts: MeetingParts) {
    this.#parts = parts;
  }

  /** @param register that holds. The first of its slot is the one that joins. */
  async join(
    { predictionId, model, at }: RecordedPrediction,
    register: KeptRegister,
    expiresAtEpochSeconds: number,
  ): Promise<RegisterWrite> {
    const { joins, measurements } = this.#parts;
    const written = await joins.putRegister(predictionId, register, false, expiresAtEpochSeconds);
    if (written === 'created') {
      measurements.count(model, 'outcomesJoined');
      const delayMs = epochMsOf(register.observedAt) - epochMsOf(at);
      measurements.delay(model, Math.max(0, delayMs) / 1000);
    }
    return written;
  }

  /** @returns false where another counted it. */
  async refuse(
    { predictionId, model }: RecordedPrediction,
    register: KeptRegister,
    expiresAtEpochSeconds: number,
  ): Promise<boolean> {
    const { joins, measurements } = this.#parts;
    const isFirst = await joins.refuseRegister(predictionId, register, expiresAtEpochSeconds);
    if (isFirst) measurements.count(model, 'outcomesRefused');
    return isFirst;
  }

  /** Of what waited for a prediction the last word on each slot joins it; what cannot be its truth is refused. */
  async meet(
    spec: ModelSpec,
    prediction: RecordedPrediction,
    registers: readonly StoredRegister[],
    expiresAtEpochSeconds: number,
  ): Promise<void> {
    const joined = new Set(registers.filter(({ hasWaited }) => !hasWaited).map(({ slot }) => slot));
    const joining = heldRegisters(spec, prediction, registers).filter(
      ({ slot }) => !joined.has(slot),
    );
    await inParallel(joining, LIMITS.recordConcurrency, async (register) => {
      await this.join(prediction, register, expiresAtEpochSeconds);
    });
    const refused = registers.filter(
      (register) =>
        register.hasWaited &&
        !register.isRefused &&
        refuseMet(spec, prediction, { ...placeOf(register.slot), ...register }),
    );
    await inParallel(refused, LIMITS.recordConcurrency, async (register) => {
      await this.refuse(prediction, register, expiresAtEpochSeconds);
    });
  }
}
