import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import {
  type Components,
  componentMetrics,
  type QualityComponent,
} from '../contracts/quality-metric.ts';
import { RECORDING_METRICS } from '../contracts/recording-metric.ts';
import { addComponents } from '../measures/row-score.ts';
import type { Clock } from '../runtime/clock.ts';
import { joinObjects, metricWriter } from '../runtime/embedded-metrics.ts';

export type RecordingMetric = keyof typeof RECORDING_METRICS;
type Counter = Exclude<RecordingMetric, 'labelDelay'>;

/** Stands for the model where it is not known: of a poison line, of an outcome without its prediction. No model can be named so. */
export const NO_MODEL = '-';

const writeRecording = metricWriter<RecordingMetric>(RECORDING_METRICS);

type QualityWriter = ReturnType<typeof metricWriter<QualityComponent>>;

/** What is measured of one batch: added up, and written as one line a model and arm when it is over. */
export class Measurements {
  readonly #specs: ReadonlyMap<string, ModelSpec>;
  readonly #clock: Clock;
  readonly #writeLine: (line: string) => void;
  readonly #writers = new Map<string, QualityWriter>();
  readonly #counters = new Map<string, Map<Counter, number>>();
  readonly #delays = new Map<string, number[]>();
  /** By model, then by arm. */
  readonly #quality = new Map<string, Map<string, Components>>();

  constructor(specs: readonly ModelSpec[], clock: Clock, writeLine: (line: string) => void) {
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.#clock = clock;
    this.#writeLine = writeLine;
  }

  count(model: string, counter: Counter, by = 1): void {
    const ofModel = this.#counters.get(model) ?? new Map<Counter, number>();
    ofModel.set(counter, (ofModel.get(counter) ?? 0) + by);
    this.#counters.set(model, ofModel);
  }

  delay(model: string, seconds: number): void {
    const ofModel = this.#delays.get(model) ?? [];
    ofModel.push(seconds);
    this.#delays.set(model, ofModel);
  }

  publish(model: string, arm: string, components: Components): void {
    const ofModel = this.#quality.get(model) ?? new Map<string, Components>();
    ofModel.set(arm, addComponents(ofModel.get(arm) ?? {}, components));
    this.#quality.set(model, ofModel);
  }

  /** Writes what was added up, and starts again from nothing. */
  flush(): void {
    for (const [model, counters] of this.#counters)
      this.#write(
        writeRecording(this.#clock.nowMs(), { Model: model }, Object.fromEntries(counters), 60),
        'recorded',
      );
    for (const [model, delays] of this.#delays) this.#writeDelays(model, delays);
    for (const [model, arms] of this.#quality)
      for (const [arm, components] of arms) this.#writeQuality(model, arm, components);
    for (const kept of [this.#counters, this.#delays, this.#quality]) kept.clear();
  }

  #writeDelays(model: string, delays: readonly number[]): void {
    for (let from = 0; from < delays.length; from += LIMITS.valuesPerMetricLine) {
      const labelDelay = delays.slice(from, from + LIMITS.valuesPerMetricLine);
      this.#write(
        writeRecording(this.#clock.nowMs(), { Model: model }, { labelDelay }, 60),
        'delays',
      );
    }
  }

  #writeQuality(model: string, arm: string, components: Components): void {
    const spec = this.#specs.get(model);
    if (!spec) return;
    const writer = this.#writers.get(model) ?? metricWriter(componentMetrics(spec.task));
    this.#writers.set(model, writer);
    const resolution = spec.monitoring.cadence === 'second' ? 1 : 60;
    const dimensions = { Model: model, Arm: arm };
    this.#write(writer(this.#clock.nowMs(), dimensions, components, resolution), 'scores');
  }

  #write(metrics: string, kind: string): void {
    this.#writeLine(joinObjects(metrics, JSON.stringify({ kind })));
  }
}
