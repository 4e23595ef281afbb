import type { DatasetProfile } from '../contracts/dataset-profile.ts';
import type { ColumnDrift } from '../contracts/evaluation-events.ts';
import type { Feature } from '../contracts/feature.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { AskedLine, LoggedTensor } from '../contracts/prediction-line.ts';
import { ColumnCounts, hasDrifted, isBinned, ranked } from '../measures/column-drift.ts';
import { predictionOf } from '../measures/version-profile.ts';
import { eachAskedValue, outputColumn } from './asked-values.ts';

/** One recorded request. */
export interface AskedRequest {
  readonly asked: AskedLine;
  /** Features that were sent and are not in the log. */
  readonly withheld: readonly string[];
  /** Of the champion whose profile is the reference; absent where another version answered. */
  readonly outputs?: readonly LoggedTensor[];
}

export type DriftVerdict =
  /** No verdict is neither good nor bad. */
  | { readonly kind: 'none'; readonly reason: string; readonly rows: number }
  | {
      readonly kind: 'judged';
      readonly rows: number;
      /** All that were looked at, the largest excess over its limit first. */
      readonly features: readonly ColumnDrift[];
      readonly driftedFeatures: readonly ColumnDrift[];
      /** Absent where the profile has no predictions, or too few were made. */
      readonly prediction?: ColumnDrift;
      readonly excluded: Readonly<Record<string, string>>;
    };

const REASONS: Readonly<Partial<Record<Feature['kind'] | Feature['log'], string>>> = {
  timestamp: 'a time always moves on',
  identifier: 'it names what a row is about',
  sealed: 'it is sealed in the log, and not opened for this',
  hash: 'the log has its hash only',
  omit: 'it is not in the log',
};

/** Compares what a model is asked in a window, and what it answers, with a version's profile. */
export class DriftWindow {
  readonly #spec: ModelSpec;
  readonly #features = new Map<string, ColumnCounts>();
  readonly #excluded: Record<string, string> = {};
  readonly #prediction: ColumnCounts | undefined;
  #requests = 0;
  #rows = 0;

  constructor(spec: ModelSpec, profile: DatasetProfile) {
    this.#spec = spec;
    for (const { name, kind, log } of spec.features) {
      const column = profile.columns.find((each) => each.name === name && each.kind === kind);
      const reason = REASONS[kind] ?? REASONS[log];
      if (reason !== undefined) this.#excluded[name] = reason;
      else if (column && isBinned(column)) this.#features.set(name, new ColumnCounts(column));
      else this.#excluded[name] = 'the version’s profile has it not';
    }
    const predicted = predictionOf(spec);
    const prediction = profile.columns.find(
      ({ name, role }) => role === 'prediction' && name === predicted,
    );
    if (prediction && isBinned(prediction)) this.#prediction = new ColumnCounts(prediction);
    else this.#excluded[predicted] = 'the version’s profile has no predictions';
  }

  get rows(): number {
    return this.#rows;
  }

  add({ asked, withheld, outputs }: AskedRequest): void {
    this.#requests += 1;
    this.#rows += rowsOf(asked);
    const looked = new Set(this.#features.keys()).difference(new Set(withheld));
    eachAskedValue(this.#spec, asked, looked, (name, value) =>
      this.#features.get(name)?.add(value),
    );
    if (outputs && this.#prediction)
      for (const value of outputColumn(this.#spec, outputs, predictionOf(this.#spec)))
        this.#prediction.add(value);
  }

  verdict(): DriftVerdict {
    const { minimumRows, psi } = this.#spec.monitoring.drift;
    const rows = this.#rows;
    if (rows < minimumRows)
      return { kind: 'none', reason: `${rows} rows of at least ${minimumRows}`, rows };
    const features = ranked(
      [...this.#features]
        .filter(([, counts]) => counts.rows >= minimumRows)
        .map(([name, counts]) => counts.drift(this.#independent(name, counts), psi)),
    );
    const prediction = this.#prediction;
    return {
      kind: 'judged',
      rows,
      features,
      driftedFeatures: features.filter(hasDrifted),
      ...(prediction &&
        prediction.rows >= minimumRows && { prediction: prediction.drift(prediction.rows, psi) }),
      excluded: this.#excluded,
    };
  }

  /** The features of a query come once a request, however many items it has. */
  #independent(name: string, { rows }: ColumnCounts): number {
    const feature = this.#spec.features.find((each) => each.name === name);
    return feature?.of === 'query' ? Math.min(this.#requests, rows) : rows;
  }
}

function rowsOf(asked: AskedLine): number {
  switch (asked.api) {
    case 'predict':
      return asked.instances.length;
    case 'rank':
      return asked.items.length;
    case 'infer':
      return asked.inputs[0]?.shape[0] ?? 0;
  }
}
