import type { ModelSpec } from '../contracts/model-spec.ts';
import type { AskedLine, LoggedTensor, PredictionLine } from '../contracts/prediction-line.ts';
import type { Route, ServedVersion } from '../contracts/route.ts';
import type { ShadowComparison } from '../contracts/shadow-comparison.ts';
import { compareAnswers, comparedColumn } from '../measures/shadow-comparison.ts';
import { joinObjects } from '../runtime/embedded-metrics.ts';
import { describeError } from '../runtime/log.ts';
import type { Unsealer } from '../runtime/sealing.ts';
import type { ModelServerParts } from './model-server.ts';
import { embeddedMetrics, loggedTensor, type Measurements } from './prediction-log.ts';
import { RecordedRequestReader } from './recorded-request.ts';

interface ShadowParts extends Omit<ModelServerParts, 'findVersion' | 'logKeys'> {
  /** Opens what the server sealed; absent for a model that seals nothing. */
  readonly unsealer?: Pick<Unsealer, 'open'>;
}

/**
 * Runs recorded requests through the challenger before anybody is exposed to it, and those of enrolled units
 * through the champion; what is said is recorded beside and never returned.
 */
export class Shadow {
  readonly #parts: ShadowParts;
  readonly #reader: RecordedRequestReader;

  constructor(parts: ShadowParts) {
    this.#parts = parts;
    this.#reader = new RecordedRequestReader(parts.spec, parts.unsealer);
  }

  /** A failure of the version is its record, not an error: nobody may notice it but the gate. */
  async run(line: PredictionLine): Promise<void> {
    const route = (await this.#parts.routes.current())?.route;
    const served = route && versionFor(line, route);
    if (!served) return this.#skip(line, 'the promotion is over');
    const missing = this.#reader.missing(line);
    if (missing.length > 0) return this.#skip(line, `not in the log: ${missing.join(', ')}`);
    const { version } = served;
    const startedAt = performance.now();
    try {
      const backend = await this.#parts.backends.open(served);
      const outputs = (await backend.run(await this.#reader.inputsOf(line))).map(loggedTensor);
      const latencyMs = performance.now() - startedAt;
      const found = this.#compare(line, outputs, latencyMs);
      this.#write(line, { shadowed: 1 }, { version, outputs, ...found });
    } catch (error) {
      const found = isCompared(line) && { comparison: this.#failed(line) };
      const failure = describeError(error);
      this.#write(line, { shadowFailures: 1 }, { version, failure, ...found });
    }
  }

  /** Parts that came in different deliveries cannot be put together here. */
  skipIncomplete(count: number): void {
    if (count === 0) return;
    const reason = 'parts of the record came apart';
    this.#writeLine({ shadowSkipped: count }, { kind: 'shadow-skipped', reason });
  }

  #compare(
    line: PredictionLine,
    outputs: readonly LoggedTensor[],
    latencyMs: number,
  ): { comparison: ShadowComparison } | { covariate: number } | undefined {
    const { spec } = this.#parts;
    const own = valuesOf(outputs, spec);
    if (!isCompared(line)) return covariateOf(own, spec);
    const compared = compareAnswers(spec.task, valuesOf(line.outputs, spec), own);
    const segments = segmentsOf(line.asked, spec);
    return { comparison: { ...compared, latencyMs, failed: false, segments } };
  }

  #failed({ rows, asked }: PredictionLine): ShadowComparison {
    const segments = segmentsOf(asked, this.#parts.spec);
    const nothing = { agreed: 0, flipped: 0, scores: [], latencyMs: 0 };
    return { rows, ...nothing, failed: true, segments };
  }

  #skip(line: PredictionLine, reason: string): void {
    this.#write(line, { shadowSkipped: 1 }, { reason });
  }

  #write(
    { predictionId, model, promotion, unit, at: requestedAt }: PredictionLine,
    measured: Measurements,
    rest: Readonly<Record<string, unknown>>,
  ): void {
    const request = { predictionId, model, promotion, unit, requestedAt };
    this.#writeLine(measured, { kind: 'shadow', ...request, ...rest });
  }

  #writeLine(measured: Measurements, entry: Readonly<Record<string, unknown>>): void {
    const { spec, clock, writeLine } = this.#parts;
    const metrics = embeddedMetrics(clock.nowMs(), { Model: spec.name }, measured, 60);
    writeLine(joinObjects(metrics, JSON.stringify({ at: clock.now(), ...entry })));
  }
}

/**
 * Requests of units that are not enrolled are compared with the challenger; those of enrolled ones ask for
 * the covariate. The line tells it, for the promotion may have moved on before the line is delivered.
 */
const isCompared = ({ isEnrolled }: PredictionLine): boolean => !isEnrolled;

function versionFor(
  line: PredictionLine,
  { champion, challenger }: Route,
): ServedVersion | undefined {
  if (!challenger?.isShadowed || challenger.promotion !== line.promotion) return undefined;
  return isCompared(line) ? challenger : champion;
}

/** Values of the column that versions are compared by, one a row; NaN where there is none. */
function valuesOf(outputs: readonly LoggedTensor[], { task, signature }: ModelSpec): number[] {
  const column = comparedColumn(task);
  const declared = signature.outputs.find(({ columns }) => columns.includes(column));
  const tensor = outputs.find(({ name }) => name === declared?.name);
  if (!declared || !tensor) return [];
  const width = declared.columns.length;
  const at = declared.columns.indexOf(column);
  const rows = tensor.data.length / width;
  return Array.from({ length: rows }, (_, row) =>
    Number(tensor.data[row * width + at] ?? Number.NaN),
  );
}

/** Of a ranking the best score; else the prediction of the first row. */
function covariateOf(
  values: readonly number[],
  { task }: ModelSpec,
): { covariate: number } | undefined {
  const known = values.filter(Number.isFinite);
  const covariate = task.kind === 'ranking' ? Math.max(...known) : values[0];
  return covariate !== undefined && Number.isFinite(covariate) ? { covariate } : undefined;
}

/** What the first row, or the query, says of the slices that the plan looks at. */
function segmentsOf(asked: AskedLine, { promotion }: ModelSpec): Record<string, string> {
  const offline = promotion.steps.find(({ kind }) => kind === 'evaluate-offline');
  if (asked.api === 'infer' || offline?.kind !== 'evaluate-offline') return {};
  const fields =
    asked.api === 'predict' ? asked.instances[0] : { ...asked.items[0], ...asked.query };
  return Object.fromEntries(
    offline.slices.flatMap((slice) => {
      const value = fields?.[slice];
      return value === undefined
        ? []
        : [[slice, typeof value === 'string' ? value : JSON.stringify(value)]];
    }),
  );
}
