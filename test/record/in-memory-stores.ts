import type { ArchivedRow, ArchiveTable } from '../../functions/contracts/archive.ts';
import type { LinePart } from '../../functions/contracts/prediction-line.ts';
import { type KeptRegister, outranks } from '../../functions/record/join.ts';
import type {
  JoinState,
  KeptScore,
  RegisterWrite,
  StoredRegister,
} from '../../functions/record/join-items.ts';
import type { RecordedPrediction } from '../../functions/record/recorded-prediction.ts';
import type { RecorderParts } from '../../functions/record/recorder.ts';
import { joinRows, splitRows } from '../../functions/record/row-chunks.ts';
import type {
  Contribution,
  Covariate,
  Exposure,
  NewExposure,
} from '../../functions/record/unit-table.ts';

/** What a store does before it answers: fails, or lets others come between. */
type Disturb = () => Promise<void>;

interface Kept {
  prediction?: RecordedPrediction;
  readonly registers: Map<string, StoredRegister>;
  readonly scores: Map<number, KeptScore>;
  readonly parts: Map<number, LinePart>;
  isMatured: boolean;
}

const registerKey = ({ slot, caller, outcome }: KeptRegister, isWaiting: boolean): string =>
  `${slot}#${caller}#${isWaiting ? JSON.stringify(outcome) : ''}`;

/** The join table's promises, kept in memory. */
export class JoinsInMemory implements Pick<RecorderParts, 'joins'> {
  readonly joins = this;
  readonly #kept = new Map<string, Kept>();
  readonly #disturb: Disturb;

  constructor(disturb: Disturb = async () => undefined) {
    this.#disturb = disturb;
  }

  get size(): number {
    return this.#kept.size;
  }

  async read(predictionId: string): Promise<JoinState> {
    await this.#disturb();
    return this.peek(predictionId);
  }

  peek(predictionId: string): JoinState {
    const kept = this.#kept.get(predictionId);
    return {
      ...(kept?.prediction && { prediction: kept.prediction }),
      registers: [...(kept?.registers.values() ?? [])],
      scores: [...(kept?.scores.values() ?? [])],
      parts: [...(kept?.parts.values() ?? [])],
      isMatured: kept?.isMatured ?? false,
    };
  }

  async putPrediction(prediction: RecordedPrediction): Promise<boolean> {
    await this.#disturb();
    const kept = this.#of(prediction.predictionId);
    if (kept.prediction) return false;
    const { columns: _columns, items: _items, values: _values, ...rest } = prediction;
    const { propensities: _propensities, ...head } = rest;
    kept.prediction = { ...head, ...joinRows(splitRows(prediction)) };
    return true;
  }

  async putRegister(
    predictionId: string,
    register: KeptRegister,
    isWaiting: boolean,
  ): Promise<RegisterWrite> {
    await this.#disturb();
    const { registers } = this.#of(predictionId);
    const key = registerKey(register, isWaiting);
    const before = registers.get(key);
    if (before && !outranks(register, before)) return 'outranked';
    registers.set(key, { ...register, hasWaited: isWaiting, isRefused: false });
    return before ? 'replaced' : 'created';
  }

  async refuseRegister(predictionId: string, register: KeptRegister): Promise<boolean> {
    await this.#disturb();
    const { registers } = this.#of(predictionId);
    const key = registerKey(register, true);
    const before = registers.get(key);
    if (before?.observedAt !== register.observedAt || before.isRefused) return false;
    registers.set(key, { ...before, isRefused: true });
    return true;
  }

  async putScore(
    { predictionId }: RecordedPrediction,
    score: KeptScore,
    seen: number,
  ): Promise<boolean> {
    await this.#disturb();
    const { scores } = this.#of(predictionId);
    if ((scores.get(score.row)?.revision ?? 0) !== seen) return false;
    scores.set(score.row, score);
    return true;
  }

  async putPart(part: LinePart): Promise<void> {
    await this.#disturb();
    this.#of(part.id).parts.set(part.part, part);
  }

  async putMatured(predictionId: string): Promise<void> {
    await this.#disturb();
    this.#of(predictionId).isMatured = true;
  }

  #of(predictionId: string): Kept {
    const kept = this.#kept.get(predictionId) ?? {
      registers: new Map(),
      scores: new Map(),
      parts: new Map(),
      isMatured: false,
    };
    this.#kept.set(predictionId, kept);
    return kept;
  }
}

/** The unit table's promises, kept in memory. */
export class UnitsInMemory {
  readonly #exposures = new Map<string, Exposure>();
  /** Of the earliest request that a shadow was asked about. */
  readonly #shadows = new Map<string, Covariate>();
  readonly contributions = new Map<string, Contribution>();
  readonly #disturb: Disturb;

  constructor(disturb: Disturb = async () => undefined) {
    this.#disturb = disturb;
  }

  get exposures(): ReadonlyMap<string, Exposure> {
    return new Map(
      [...this.#exposures].map(([key, exposure]) => {
        const { requestedAt, predictionId, covariate } = this.#shadows.get(key) ?? {};
        const isOfFirst =
          requestedAt === exposure.firstExposedAt && predictionId === exposure.predictionId;
        return [key, isOfFirst && covariate !== undefined ? { ...exposure, covariate } : exposure];
      }),
    );
  }

  async expose(exposure: NewExposure): Promise<void> {
    await this.#disturb();
    const key = `${exposure.promotion} ${exposure.unit}`;
    const before = this.#exposures.get(key);
    const arms = [...new Set([...(before?.arms ?? []), exposure.arm])].toSorted();
    const isEarlier =
      !before ||
      exposure.firstExposedAt < before.firstExposedAt ||
      (exposure.firstExposedAt === before.firstExposedAt &&
        exposure.predictionId < before.predictionId);
    this.#exposures.set(key, isEarlier ? { ...exposure, arms } : { ...before, arms });
  }

  async contribute(contribution: Contribution): Promise<void> {
    await this.#disturb();
    const { promotion, unit, predictionId, row } = contribution;
    const key = `${promotion} ${unit} ${predictionId} ${row}`;
    const before = this.contributions.get(key);
    if (!before || before.revision < contribution.revision)
      this.contributions.set(key, contribution);
  }

  async compare(): Promise<void> {
    await this.#disturb();
  }

  async setCovariate(shadow: Covariate): Promise<void> {
    await this.#disturb();
    const key = `${shadow.promotion} ${shadow.unit}`;
    const before = this.#shadows.get(key);
    const isEarlier =
      !before ||
      shadow.requestedAt < before.requestedAt ||
      (shadow.requestedAt === before.requestedAt && shadow.predictionId < before.predictionId);
    if (isEarlier) this.#shadows.set(key, shadow);
  }
}

/** Keeps every row it is given, repeated ones too. */
export class ArchiveInMemory {
  readonly rows: { readonly table: ArchiveTable; readonly row: ArchivedRow<ArchiveTable> }[] = [];
  readonly lines = new Map<string, string>();

  async put<Table extends ArchiveTable>(
    table: Table,
    rows: readonly ArchivedRow<Table>[],
  ): Promise<void> {
    for (const row of rows) this.rows.push({ table, row });
  }

  async putLine(model: string, _day: string, predictionId: string, text: string): Promise<string> {
    const key = `${model}/${predictionId}`;
    this.lines.set(key, text);
    return key;
  }
}
