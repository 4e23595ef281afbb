import type { CellValue } from '../contracts/dataset-columns.ts';
import { WEIGHT_COLUMN } from '../contracts/dataset-columns.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import {
  type Components,
  METRIC_DEFINITIONS,
  type MetricId,
  type QualityComponent,
} from '../contracts/quality-metric.ts';
import { METRICS_OF_TASK } from '../contracts/task.ts';
import { averagePrecision } from '../measures/classification-metrics.ts';
import { normalisedGain, reciprocalRank } from '../measures/ranking-metrics.ts';
import {
  addComponents,
  metricValue,
  type RowOutputs,
  scoreClassification,
  scoreRegression,
  servedOrder,
} from '../measures/row-score.ts';

/** One row of a dataset and what the version says to it. */
export interface AnsweredRow {
  readonly outputs: RowOutputs;
  /** By column of the dataset. */
  readonly cell: (name: string) => CellValue;
}

/** What was measured over some units. */
export interface Measured {
  readonly units: number;
  readonly sums: Components;
  readonly metrics: Readonly<Record<string, number>>;
}

const OTHER_VALUES = '(others)';
const MISSING = '(missing)';

/**
 * Judges one version on the rows of a dataset, as they come: the units' components are kept for a paired
 * bootstrap, everything else is sums. A unit is a row, or a query of a ranking.
 */
export class OfflineEvaluation {
  unanswered = 0;
  readonly #spec: ModelSpec;
  readonly #slices: readonly string[];
  readonly #overall = new Sums();
  readonly #bySlice = new Map<string, Map<string, Sums>>();
  readonly #units: Components[] = [];
  #query: { key: CellValue; rows: AnsweredRow[] } | undefined;

  constructor(spec: ModelSpec, slices: readonly string[]) {
    this.#spec = spec;
    this.#slices = slices;
  }

  add(row: AnsweredRow): void {
    const { task } = this.#spec;
    switch (task.kind) {
      case 'regression':
        return this.#count(row, scoreRegression(task, row.outputs, Number(row.cell(task.label))));
      case 'classification': {
        const { falseNegative } = task.cost;
        const value =
          typeof falseNegative === 'object' ? Number(row.cell(falseNegative.feature) ?? 0) : 1;
        const label = String(row.cell(task.label));
        const score = row.outputs[task.score];
        return this.#count(row, scoreClassification(task, row.outputs, label, value), {
          label: Number(label === task.classes[1]),
          score: score ?? 0,
        });
      }
      case 'ranking': {
        const key = row.cell(task.queryKey);
        if (this.#query?.key !== key) this.#endQuery();
        this.#query ??= { key, rows: [] };
        this.#query.rows.push(row);
      }
    }
  }

  finish(): Measured & {
    readonly slices: readonly (Measured & { feature: string; value: string })[];
    readonly components: readonly Components[];
  } {
    this.#endQuery();
    const { task } = this.#spec;
    return {
      ...this.#overall.measured(task.kind),
      slices: [...this.#bySlice].flatMap(([feature, values]) =>
        [...values].map(([value, sums]) => ({ feature, value, ...sums.measured(task.kind) })),
      ),
      components: this.#units,
    };
  }

  #endQuery(): void {
    const { task } = this.#spec;
    const query = this.#query;
    this.#query = undefined;
    const [first] = query?.rows ?? [];
    if (!query || !first || task.kind !== 'ranking') return;
    const scores = query.rows.map(({ outputs }) => outputs[task.score]);
    if (scores.includes(undefined)) return void (this.unanswered += query.rows.length);
    const relevances = servedOrder(scores.map((score) => score ?? 0)).map((at) =>
      Number(query.rows[at]?.cell(task.label)),
    );
    const ndcg = normalisedGain(relevances, task.cutoff, task.gain);
    this.#count(first, {
      labels: 1,
      queries: 1,
      reciprocalRank: reciprocalRank(relevances, task.cutoff),
      relevantQueries: Number(ndcg !== undefined),
      ndcg: ndcg ?? 0,
    });
  }

  #count(row: AnsweredRow, unweighted: Components | undefined, scored?: Scored): void {
    if (!unweighted) return void (this.unanswered += 1);
    const weight = Number(row.cell(WEIGHT_COLUMN) ?? 1);
    const components = weight === 1 ? unweighted : scaled(unweighted, weight);
    this.#units.push(components);
    this.#overall.add(components, weight, scored);
    for (const feature of this.#slices) {
      const value = row.cell(feature);
      this.#sliceOf(feature, value === null ? MISSING : String(value)).add(
        components,
        weight,
        scored,
      );
    }
  }

  #sliceOf(feature: string, value: string): Sums {
    const values = this.#bySlice.get(feature) ?? new Map<string, Sums>();
    this.#bySlice.set(feature, values);
    const name = values.has(value) || values.size < LIMITS.sliceValues ? value : OTHER_VALUES;
    const sums = values.get(name) ?? new Sums();
    values.set(name, sums);
    return sums;
  }
}

interface Scored {
  readonly label: number;
  readonly score: number;
}

function scaled(components: Components, weight: number): Components {
  const all = Object.entries(components) as [QualityComponent, number][];
  return Object.fromEntries(all.map(([name, value]) => [name, value * weight]));
}

class Sums {
  #units = 0;
  #sums: Components = {};
  readonly #labels: number[] = [];
  readonly #scores: number[] = [];
  readonly #weights: number[] = [];

  add(components: Components, weight: number, scored: Scored | undefined): void {
    this.#units += 1;
    this.#sums = addComponents(this.#sums, components);
    if (!scored) return;
    this.#labels.push(scored.label);
    this.#scores.push(scored.score);
    this.#weights.push(weight);
  }

  measured(kind: ModelSpec['task']['kind']): Measured {
    const metrics: Record<string, number> = {};
    for (const metric of METRICS_OF_TASK[kind]) {
      const value = this.#valueOf(metric);
      if (value !== undefined) metrics[metric] = value;
    }
    return { units: this.#units, sums: this.#sums, metrics };
  }

  #valueOf(metric: MetricId): number | undefined {
    if (metric === 'averagePrecision')
      return averagePrecision({
        labels: this.#labels,
        scores: this.#scores,
        weights: this.#weights,
      });
    const definition = METRIC_DEFINITIONS[metric];
    // Nobody clicks in a dataset: what it has no component of is undefined there, not 0.
    if (definition.kind !== 'ratio' || !(definition.numerator in this.#sums)) return undefined;
    return metricValue(metric, this.#sums);
  }
}
