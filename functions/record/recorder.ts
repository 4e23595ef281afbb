import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import {
  type FailureLine,
  joinParts,
  type LinePart,
  type PredictionLine,
  type ShadowLine,
} from '../contracts/prediction-line.ts';
import { type Clock, epochMsOf } from '../runtime/clock.ts';
import type { ArchiveStore } from './archive-store.ts';
import {
  emptyBatch,
  outcomeRow,
  pointingRow,
  predictionRow,
  scoreRow,
  shadowRow,
} from './archived-rows.ts';
import {
  type JudgedRow,
  judge,
  type KeptRegister,
  silenceMeansNegative,
  slotOfRow,
} from './join.ts';
import type { JoinState, KeptScore } from './join-items.ts';
import { dayOf } from './join-keys.ts';
import type { JoinTable } from './join-table.ts';
import type { Measurements } from './measurements.ts';
import { Meetings } from './meetings.ts';
import { heldRegisters, MS_OF_HOUR } from './outcome-checks.ts';
import { type RecordedPrediction, recordedPrediction } from './recorded-prediction.ts';
import { UnitRecords } from './unit-records.ts';
import type { UnitTable } from './unit-table.ts';

export interface RecorderParts {
  readonly specs: readonly ModelSpec[];
  readonly joins: Pick<
    JoinTable,
    | 'read'
    | 'putPrediction'
    | 'putRegister'
    | 'refuseRegister'
    | 'putScore'
    | 'putPart'
    | 'putMatured'
  >;
  readonly units: Pick<UnitTable, 'expose' | 'contribute' | 'compare' | 'setCovariate'>;
  readonly archive: Pick<ArchiveStore, 'put' | 'putLine'>;
  readonly clock: Clock;
  readonly measurements: Measurements;
}

/** Which slots an event was about; all where it was the prediction itself. */
type Touched = ReadonlySet<string> | 'all';

/**
 * Keeps predictions and outcomes and scores those that met. Each writes its own item first and then reads
 * the others, so whoever comes second scores, and both may: everything after that is idempotent.
 */
export class Recorder {
  readonly meetings: Meetings;
  readonly #parts: RecorderParts;
  readonly #specs: ReadonlyMap<string, ModelSpec>;
  readonly #units: UnitRecords;
  #archived = emptyBatch();

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.meetings = new Meetings(parts);
    this.#specs = new Map(parts.specs.map((spec) => [spec.name, spec]));
    this.#units = new UnitRecords(parts.units);
  }

  /** @throws when no spec of this deployment has the name: the model is gone, its lines wait. */
  specOf(model: string): ModelSpec {
    const spec = this.#specs.get(model);
    if (spec) return spec;
    throw new Error(`no model is named "${model}"`);
  }

  async recordPrediction(line: PredictionLine): Promise<void> {
    const spec = this.specOf(line.model);
    const { measurements, joins } = this.#parts;
    const prediction = recordedPrediction(spec, line);
    const expires = this.expiryOf(prediction);
    const isNew = await joins.putPrediction(prediction, expires);
    if (isNew) measurements.count(line.model, 'recordedRows', prediction.rowCount);
    if (isNew && spec.task.kind === 'ranking')
      measurements.publish(line.model, line.arm, { queries: 1 });
    await this.#units.answered(prediction);
    await this.#archivePrediction(line);
    // Whoever asks for maturity asks once an hour, and a line that comes later was not there to be asked for.
    if (silenceMeansNegative(spec) && this.#isMature(spec, prediction))
      await joins.putMatured(prediction.predictionId, expires);
    const { registers } = await this.settle(prediction.predictionId, 'all');
    this.archiveOutcomes(prediction, heldRegisters(spec, prediction, registers));
    await this.meetings.meet(spec, prediction, registers, expires);
  }

  /** A line in parts is recorded by whoever brings the last one. */
  async recordPart(part: LinePart): Promise<string | undefined> {
    const { joins, clock } = this.#parts;
    const expires = Math.floor((clock.nowMs() + LIMITS.partHours * MS_OF_HOUR) / 1000);
    await joins.putPart(part, expires);
    return joinParts((await joins.read(part.id)).parts);
  }

  recordFailure(line: FailureLine): Promise<void> {
    return this.#units.failed(line);
  }

  async recordShadow(line: ShadowLine): Promise<void> {
    await this.#units.shadowed(line);
    const row = shadowRow(line);
    if (row) this.#archived.predictions.push(row);
  }

  /** Silence has a meaning from now on. @throws before that. */
  async mature(predictionId: string): Promise<void> {
    const { joins } = this.#parts;
    const { prediction } = await joins.read(predictionId);
    // Beyond its horizon nothing is left to mature.
    if (!prediction) return;
    const spec = this.specOf(prediction.model);
    if (!this.#isMature(spec, prediction))
      throw new Error(
        `prediction ${predictionId} is younger than ${spec.monitoring.outcomes.maturityHours} h`,
      );
    await joins.putMatured(predictionId, this.expiryOf(prediction));
    await this.settle(predictionId, 'all');
  }

  /** Scores what is known, until what was scored is what is known. @returns the state that was scored. */
  async settle(predictionId: string, touched: Touched): Promise<JoinState> {
    for (let attempt = 1; attempt <= LIMITS.settleAttempts; attempt++) {
      const state = await this.#parts.joins.read(predictionId);
      if (!state.prediction) return state;
      if (await this.#score(state.prediction, state, touched)) return state;
    }
    throw new Error(`others kept scoring prediction ${predictionId}; it is tried again later`);
  }

  archiveOutcomes(prediction: RecordedPrediction, registers: readonly KeptRegister[]): void {
    const now = this.#parts.clock.now();
    for (const register of registers)
      this.#archived.outcomes.push(outcomeRow(prediction, register, now));
  }

  /** Sends what was done since the last flush to the archive, and then what was measured of it. */
  async flush(): Promise<void> {
    const { archive, measurements } = this.#parts;
    const batch = this.#archived;
    this.#archived = emptyBatch();
    try {
      await archive.put('predictions', batch.predictions);
      await archive.put('outcomes', batch.outcomes);
      await archive.put('scores', batch.scores);
    } finally {
      measurements.flush();
    }
  }

  expiryOf({ model, at }: Pick<RecordedPrediction, 'model' | 'at'>): number {
    const { horizonHours } = this.specOf(model).monitoring.outcomes;
    const keptMs = (horizonHours + LIMITS.joinMarginHours) * MS_OF_HOUR;
    return Math.floor((epochMsOf(at) + keptMs) / 1000);
  }

  #isMature({ monitoring }: ModelSpec, { at }: Pick<RecordedPrediction, 'at'>): boolean {
    const matureMs = epochMsOf(at) + monitoring.outcomes.maturityHours * MS_OF_HOUR;
    return this.#parts.clock.nowMs() >= matureMs;
  }

  /** @returns false when another writer came between reading and writing. */
  async #score(
    prediction: RecordedPrediction,
    state: JoinState,
    touched: Touched,
  ): Promise<boolean> {
    const spec = this.specOf(prediction.model);
    const registers = heldRegisters(spec, prediction, state.registers);
    const judged = judge(spec, prediction, { registers, isMatured: state.isMatured });
    const seen = new Map(state.scores.map((score) => [score.row, score]));
    const isTouched = ({ row }: JudgedRow) =>
      touched === 'all' || spec.task.kind === 'ranking' || touched.has(slotOfRow(row));
    let isCurrent = true;
    for (const each of judged) {
      const before = seen.get(each.row);
      if (before?.basis !== each.basis) {
        const kept = await this.#keepScore(prediction, each, before);
        if (kept) await this.#passOn(prediction, each, kept);
        else isCurrent = false;
      } else if (isTouched(each)) await this.#passOn(prediction, each, before);
    }
    return isCurrent;
  }

  async #keepScore(
    prediction: RecordedPrediction,
    { row, components, publishes, basis, outcome, propensity }: JudgedRow,
    before: KeptScore | undefined,
  ): Promise<KeptScore | undefined> {
    const revision = (before?.revision ?? 0) + 1;
    const news = publishes.filter((component) => !before?.published.includes(component));
    const kept: KeptScore = {
      row,
      revision,
      basis,
      components,
      published: [...(before?.published ?? []), ...news],
      ...(outcome !== undefined && { outcome }),
      ...(propensity !== undefined && { propensity }),
    };
    const { joins, measurements } = this.#parts;
    const expires = this.expiryOf(prediction);
    if (!(await joins.putScore(prediction, kept, before?.revision ?? 0, expires))) return undefined;
    // Only by who wrote it: a correction restates the table and is never published.
    const published = news.map((component) => [component, components[component] ?? 0]);
    if (news.length > 0)
      measurements.publish(prediction.model, prediction.arm, Object.fromEntries(published));
    return kept;
  }

  async #passOn(prediction: RecordedPrediction, judged: JudgedRow, kept: KeptScore): Promise<void> {
    await this.#units.scored(prediction, judged, kept);
    this.#archived.scores.push(scoreRow(prediction, kept, this.#parts.clock.now()));
  }

  async #archivePrediction(line: PredictionLine): Promise<void> {
    const row = predictionRow(line);
    if (Buffer.byteLength(JSON.stringify(row)) < LIMITS.archiveRecordBytes)
      return void this.#archived.predictions.push(row);
    const { model, predictionId, at } = line;
    const { archive } = this.#parts;
    const key = await archive.putLine(model, dayOf(at), predictionId, JSON.stringify(line));
    this.#archived.predictions.push(pointingRow(row, key));
  }
}
