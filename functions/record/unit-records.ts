import { LIMITS } from '../contracts/limits.ts';
import type { FailureLine, ShadowLine } from '../contracts/prediction-line.ts';
import { epochMsOf } from '../runtime/clock.ts';
import type { JudgedRow } from './join.ts';
import type { KeptScore } from './join-items.ts';
import { enrolmentOf, type RecordedPrediction } from './recorded-prediction.ts';
import type { Contribution, NewExposure, UnitTable } from './unit-table.ts';

const SECONDS_OF_DAY = 86_400;

const expiryOf = ({ at }: Pick<Contribution, 'at'>): number =>
  Math.floor(epochMsOf(at) / 1000) + LIMITS.unitDays * SECONDS_OF_DAY;

/** Writes what requests and scores of enrolled units add to their units. */
export class UnitRecords {
  readonly #units: Pick<UnitTable, 'expose' | 'contribute' | 'compare' | 'setCovariate'>;
  /** Exposures written lately, by promotion and unit, in order of use. */
  readonly #exposed = new Map<string, NewExposure>();

  constructor(units: Pick<UnitTable, 'expose' | 'contribute' | 'compare' | 'setCovariate'>) {
    this.#units = units;
  }

  /** A request that was answered. */
  async answered(prediction: RecordedPrediction): Promise<void> {
    const enrolment = enrolmentOf(prediction);
    if (!enrolment) return;
    const { at, predictionId } = prediction;
    await this.#expose({ ...enrolment, firstExposedAt: at, predictionId });
    const contribution = contributionOf(prediction, 0, 0);
    if (contribution) await this.#units.contribute(contribution, expiryOf(prediction));
  }

  /** A request that nobody could answer counts against the arm it was assigned to. */
  async failed({ at, latencyMs, enrolment }: FailureLine): Promise<void> {
    if (!enrolment) return;
    const { predictionId, promotion, unit, assigned } = enrolment;
    await this.#expose({ promotion, unit, arm: assigned, firstExposedAt: at, predictionId });
    const counts = { requests: 1, latencyMs, failed: 1, fellBack: 0, revision: 0 };
    await this.#units.contribute(
      { promotion, unit, predictionId, row: 0, arm: assigned, at, ...counts },
      expiryOf({ at }),
    );
  }

  async scored(
    prediction: RecordedPrediction,
    judged: JudgedRow,
    { revision }: KeptScore,
  ): Promise<void> {
    const contribution = contributionOf(prediction, judged.row, revision);
    const { components, propensity = 1, isFinal } = judged;
    if (!contribution || !isFinal || propensity === 0) return;
    await this.#units.contribute(
      { ...contribution, components, ...(propensity < 1 && { propensity }) },
      expiryOf(prediction),
    );
  }

  /** What the shadow said of a request: a comparison before anybody is exposed, a covariate after. */
  async shadowed({
    promotion,
    predictionId,
    unit,
    requestedAt,
    ...found
  }: ShadowLine): Promise<void> {
    if (promotion === undefined || predictionId === undefined || !requestedAt) return;
    const expires = expiryOf({ at: requestedAt });
    const { comparison, covariate } = found;
    if (comparison)
      await this.#units.compare({ promotion, predictionId, requestedAt, comparison }, expires);
    if (covariate !== undefined && unit !== undefined)
      await this.#units.setCovariate(
        { promotion, unit, predictionId, requestedAt, covariate },
        expires,
      );
  }

  async #expose(exposure: NewExposure): Promise<void> {
    const key = `${exposure.promotion}\n${exposure.unit}`;
    const known = this.#exposed.get(key);
    if (known?.arm === exposure.arm && !isEarlier(exposure, known)) return;
    await this.#units.expose(exposure, expiryOf({ at: exposure.firstExposedAt }));
    this.#exposed.set(key, exposure);
    const [oldest = ''] = this.#exposed.keys();
    if (this.#exposed.size > LIMITS.exposuresRemembered) this.#exposed.delete(oldest);
  }
}

const isEarlier = (one: NewExposure, other: NewExposure): boolean =>
  one.firstExposedAt < other.firstExposedAt ||
  (one.firstExposedAt === other.firstExposedAt && one.predictionId < other.predictionId);

function contributionOf(
  prediction: RecordedPrediction,
  row: number,
  revision: number,
): Contribution | undefined {
  const enrolment = enrolmentOf(prediction);
  if (!enrolment) return undefined;
  const { predictionId, at, latencyMs, hasFallenBack } = prediction;
  const isFirst = row === 0;
  return {
    ...enrolment,
    predictionId,
    row,
    at,
    requests: isFirst ? 1 : 0,
    latencyMs: isFirst ? latencyMs : 0,
    failed: 0,
    fellBack: isFirst && hasFallenBack ? 1 : 0,
    revision,
  };
}
