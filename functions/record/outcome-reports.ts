import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import { type OutcomeRefusal, type OutcomeStatus, ReportedOutcome } from '../contracts/outcome.ts';
import { explainIssues } from '../contracts/strict-object.ts';
import { type Clock, utc } from '../runtime/clock.ts';
import { inParallel } from '../runtime/in-parallel.ts';
import { parseJson } from '../runtime/json-body.ts';
import { describeError, type log } from '../runtime/log.ts';
import { type KeptRegister, outranks } from './join.ts';
import type { JoinState, RegisterWrite } from './join-items.ts';
import type { JoinTable } from './join-table.ts';
import { type Measurements, NO_MODEL, type RecordingMetric } from './measurements.ts';
import {
  heldRegisters,
  MS_OF_HOUR,
  type Refusal,
  type Report,
  refuseLate,
  refuseMet,
  refuseUnmet,
  slotOf,
} from './outcome-checks.ts';
import type { RecordedPrediction } from './recorded-prediction.ts';
import type { Recorder } from './recorder.ts';

/** What became of one item of the request, in its order. */
export interface OutcomeResult {
  readonly predictionId?: string;
  readonly row?: number;
  readonly item?: string | number;
  readonly status: OutcomeStatus;
  readonly code?: OutcomeRefusal | 'TRY_AGAIN';
  readonly error?: string;
}

interface ReporterParts {
  readonly recorder: Recorder;
  readonly joins: Pick<JoinTable, 'read' | 'putRegister'>;
  readonly clock: Clock;
  readonly measurements: Measurements;
  /** Of all models: an outcome that waits longer has no prediction. */
  readonly longestHorizonHours: number;
  readonly log: typeof log;
}

/** A report and its place in the request. */
type Placed = Report & { readonly at: number };
type Results = Map<number, OutcomeResult>;

/** What joined was counted by who joined it. */
const COUNTERS: Readonly<
  Record<Exclude<OutcomeStatus, 'joined'>, Exclude<RecordingMetric, 'labelDelay'>>
> = {
  waiting: 'outcomesWaiting',
  duplicate: 'outcomesDuplicate',
  corrected: 'outcomesCorrected',
  refused: 'outcomesRefused',
  failed: 'failedItems',
};

/** @throws ApiError 400 when the body is no list of 1 to 500. */
export function readReportList(body: Buffer): readonly unknown[] {
  const list = parseJson(body);
  if (!Array.isArray(list))
    throw new ApiError(400, 'BAD_REQUEST', 'expected a list of outcomes, [{predictionId, …}, …]');
  if (list.length >= 1 && list.length <= LIMITS.outcomesPerRequest) return list;
  throw new ApiError(
    400,
    'BAD_REQUEST',
    `${list.length} outcomes; 1 to ${LIMITS.outcomesPerRequest} are taken in one request`,
  );
}

/** Takes outcomes in: each on its own, so that a bad one fails no neighbour. */
export class OutcomeReporter {
  readonly #parts: ReporterParts;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  async report(list: readonly unknown[], caller: string): Promise<readonly OutcomeResult[]> {
    const results: OutcomeResult[] = [];
    const placed: Placed[] = [];
    for (const [at, value] of list.entries()) {
      const parsed = ReportedOutcome.safeParse(value);
      if (parsed.success) {
        const observedAt = utc(parsed.data.observedAt);
        placed.push({ ...parsed.data, observedAt, at });
      } else results[at] = this.#settled(NO_MODEL, undefined, badItem(parsed.error.issues));
    }
    // Together by prediction: it is read and scored once, whatever is told about it.
    const groups = [...Map.groupBy(placed, ({ predictionId }) => predictionId).values()];
    await inParallel(groups, LIMITS.recordConcurrency, async (group) => {
      for (const [at, result] of await this.#reportOne(group, caller)) results[at] = result;
    });
    return results;
  }

  /** All reports on one prediction; those that could not be written are to be sent again. */
  async #reportOne(group: readonly Placed[], caller: string): Promise<Results> {
    const results: Results = new Map();
    try {
      await this.#take(group, caller, results);
    } catch (error) {
      const predictionId = group[0]?.predictionId;
      this.#parts.log({ kind: 'outcomes-failed', predictionId, ...describeError(error) });
      for (const report of group)
        if (!results.has(report.at))
          results.set(report.at, this.#settled(NO_MODEL, report, TRY_AGAIN));
    }
    return results;
  }

  async #take(group: readonly Placed[], caller: string, results: Results): Promise<void> {
    const id = group[0]?.predictionId ?? '';
    const { joins, recorder } = this.#parts;
    const state = await joins.read(id);
    const { prediction } = state;
    const taken = group.filter((report) => {
      const refused = this.#refuse(prediction, report, caller);
      if (!refused) return true;
      const result = { status: 'refused', ...refused } as const;
      results.set(report.at, this.#settled(prediction?.model ?? NO_MODEL, report, result));
      return false;
    });
    if (taken.length === 0) return;
    const statuses = await this.#write(taken, caller, state);
    const after = await recorder.settle(id, new Set(taken.map(slotOf)));
    for (const report of taken) {
      const status = statuses.get(report.at) ?? 'failed';
      results.set(report.at, await this.#conclude(status, report, caller, state, after.prediction));
    }
  }

  #refuse(
    prediction: RecordedPrediction | undefined,
    report: Report,
    caller: string,
  ): Refusal | undefined {
    const { clock, recorder, longestHorizonHours } = this.#parts;
    const nowMs = clock.nowMs();
    const unmet = refuseUnmet(report, nowMs, longestHorizonHours);
    if (unmet || !prediction) return unmet;
    const spec = recorder.specOf(prediction.model);
    return (
      refuseMet(spec, prediction, { ...report, caller }) ?? refuseLate(spec, prediction, nowMs)
    );
  }

  /** One slot after the other in the order told, slots beside each other. */
  async #write(
    reports: readonly Placed[],
    caller: string,
    { prediction, registers }: JoinState,
  ): Promise<ReadonlyMap<number, OutcomeStatus>> {
    const { joins, recorder } = this.#parts;
    const expires = prediction ? recorder.expiryOf(prediction) : this.#waitingUntil();
    const held = prediction
      ? heldRegisters(recorder.specOf(prediction.model), prediction, registers)
      : [];
    const known = new Map(held.map((register) => [register.slot, register]));
    const statuses = new Map<number, OutcomeStatus>();
    const slots = [...Map.groupBy(reports, slotOf).values()];
    await inParallel(slots, LIMITS.recordConcurrency, async (ofSlot) => {
      for (const report of ofSlot) {
        const register = registerOf(report, caller);
        const before = known.get(register.slot);
        if (before && !outranks(register, before)) statuses.set(report.at, 'duplicate');
        else {
          const written = prediction
            ? await recorder.meetings.join(prediction, register, expires)
            : await joins.putRegister(report.predictionId, register, true, expires);
          if (written !== 'outranked') known.set(register.slot, register);
          statuses.set(report.at, STATUSES[written]);
        }
      }
    });
    return statuses;
  }

  #waitingUntil(): number {
    const { clock, longestHorizonHours } = this.#parts;
    return Math.floor((clock.nowMs() + longestHorizonHours * MS_OF_HOUR) / 1000);
  }

  /** @param before when the report was checked; its prediction may have been recorded since. */
  async #conclude(
    status: OutcomeStatus,
    report: Placed,
    caller: string,
    before: JoinState,
    prediction: RecordedPrediction | undefined,
  ): Promise<OutcomeResult> {
    if (!prediction)
      return this.#settled(NO_MODEL, report, {
        status: status === 'duplicate' ? status : 'waiting',
      });
    const { recorder } = this.#parts;
    const { model } = prediction;
    const register = registerOf(report, caller);
    const refused = before.prediction ? undefined : this.#refuse(prediction, report, caller);
    if (refused) {
      await recorder.meetings.refuse(prediction, register, recorder.expiryOf(prediction));
      return this.#settled(model, report, { status: 'refused', ...refused }, false);
    }
    recorder.archiveOutcomes(prediction, [register]);
    if (before.prediction || status === 'duplicate')
      return this.#settled(model, report, { status });
    // It waited, and the prediction has come since: then both let it join, and one of them does.
    const joined = await recorder.meetings.join(
      prediction,
      register,
      recorder.expiryOf(prediction),
    );
    return this.#settled(model, report, {
      status: joined === 'outranked' ? 'waiting' : STATUSES[joined],
    });
  }

  #settled(
    model: string,
    report: Report | undefined,
    result: Pick<OutcomeResult, 'status' | 'code' | 'error'>,
    isCounted = true,
  ): OutcomeResult {
    const { measurements } = this.#parts;
    const { status } = result;
    measurements.count(model, 'outcomesReceived');
    if (isCounted && status !== 'joined') measurements.count(model, COUNTERS[status]);
    if (result.code === 'TOO_LATE') measurements.count(model, 'outcomesLate');
    const { predictionId, row, item } = report ?? {};
    return {
      ...(predictionId !== undefined && { predictionId }),
      ...(row !== undefined && { row }),
      ...(item !== undefined && { item }),
      ...result,
    };
  }
}

const STATUSES: Readonly<Record<RegisterWrite, OutcomeStatus>> = {
  created: 'joined',
  replaced: 'corrected',
  outranked: 'duplicate',
};

const TRY_AGAIN = {
  status: 'failed',
  code: 'TRY_AGAIN',
  error: 'could not be written now; send it again',
} as const;

const registerOf = (report: Report, caller: string): KeptRegister => ({
  slot: slotOf(report),
  caller,
  outcome: report.outcome,
  observedAt: report.observedAt,
});

const badItem = (issues: Parameters<typeof explainIssues>[0]) => ({
  status: 'refused' as const,
  code: 'BAD_ITEM' as const,
  error: explainIssues(issues).slice(0, LIMITS.faultsListed).join('; '),
});
