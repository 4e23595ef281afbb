/**
 * What recording costs above the stores: from a delivery of the log to scores, with stores in memory.
 * Prints a table and writes dist/bench/record.json. Run by `node test/bench/record.bench.ts`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { PredictionLine } from '../../functions/contracts/prediction-line.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import type { KeptRegister } from '../../functions/record/join.ts';
import type {
  JoinState,
  KeptScore,
  RegisterWrite,
  StoredRegister,
} from '../../functions/record/join-items.ts';
import { LogRecording } from '../../functions/record/log-recording.ts';
import { Measurements } from '../../functions/record/measurements.ts';
import { OutcomeReporter } from '../../functions/record/outcome-reports.ts';
import type { RecordedPrediction } from '../../functions/record/recorded-prediction.ts';
import { Recorder, type RecorderParts } from '../../functions/record/recorder.ts';
import { systemClock } from '../../functions/runtime/clock.ts';
import { readLogDelivery } from '../../functions/runtime/log-delivery.ts';

/** Design target: a prediction and its outcome joined, CPU an event above the SDK's. */
const TARGET_US = 100;
const BATCH = 100;
const SIZES = [1_000, 10_000, 100_000, 1_000_000];

interface Kept {
  prediction?: RecordedPrediction;
  register?: StoredRegister;
  score?: KeptScore;
}

/** A join table of the last rows only: the real one is not in this process, and must not weigh on it. */
class LastRows implements Pick<RecorderParts, 'joins'> {
  readonly joins = this;
  readonly #rows = new Map<string, Kept>();

  read(predictionId: string): Promise<JoinState> {
    const { prediction, register, score } = this.#of(predictionId);
    return Promise.resolve({
      ...(prediction && { prediction }),
      registers: register ? [register] : [],
      scores: score ? [score] : [],
      parts: [],
      isMatured: false,
    });
  }

  putPrediction(prediction: RecordedPrediction): Promise<boolean> {
    const row = this.#of(prediction.predictionId);
    const isNew = row.prediction === undefined;
    row.prediction = prediction;
    return Promise.resolve(isNew);
  }

  putRegister(
    predictionId: string,
    register: KeptRegister,
    hasWaited: boolean,
  ): Promise<RegisterWrite> {
    const row = this.#of(predictionId);
    const written = row.register && !row.register.hasWaited ? 'replaced' : 'created';
    row.register = { ...register, hasWaited, isRefused: false };
    return Promise.resolve(written);
  }

  refuseRegister(): Promise<boolean> {
    return Promise.resolve(false);
  }

  putScore({ predictionId }: RecordedPrediction, score: KeptScore): Promise<boolean> {
    this.#of(predictionId).score = score;
    return Promise.resolve(true);
  }

  putPart(): Promise<void> {
    return Promise.resolve();
  }

  putMatured(): Promise<void> {
    return Promise.resolve();
  }

  #of(predictionId: string): Kept {
    const row = this.#rows.get(predictionId) ?? {};
    this.#rows.set(predictionId, row);
    const [oldest = ''] = this.#rows.keys();
    if (this.#rows.size > 10 * BATCH) this.#rows.delete(oldest);
    return row;
  }
}

function lineOf(at: number): PredictionLine {
  const { example } = deliveryTime;
  return {
    kind: 'prediction',
    predictionId: `prediction-${at}`,
    at: systemClock.now(),
    model: deliveryTime.name,
    version: '3',
    digest: 'd'.repeat(64),
    arm: at % 2 === 0 ? 'champion' : 'challenger',
    assigned: at % 2 === 0 ? 'champion' : 'challenger',
    promotion: 'delivery-time-v3',
    isEnrolled: true,
    unit: `customer-${at % 5000}`,
    caller: 'caller',
    routeEpoch: 4,
    rows: 1,
    latencyMs: 1.2,
    asked: { api: 'predict', instances: 'instances' in example ? example.instances : [] },
    withheld: [],
    outputs: [{ name: 'delivery', datatype: 'FP32', shape: [1, 3], data: [30, 22.5, 41] }],
    isShadowed: false,
  };
}

/** Deliveries as CloudWatch Logs makes them. */
function deliveryOf(lines: readonly PredictionLine[]): unknown {
  const logEvents = lines.map((line, at) => ({
    id: String(at),
    timestamp: systemClock.nowMs(),
    message: JSON.stringify(line),
  }));
  const data = gzipSync(JSON.stringify({ messageType: 'DATA_MESSAGE', logEvents }));
  return { awslogs: { data: data.toString('base64') } };
}

function recorderInMemory() {
  const specs = [deliveryTime];
  const clock = systemClock;
  const measurements = new Measurements(specs, clock, () => undefined);
  const joins = new LastRows();
  const units = {
    expose: () => Promise.resolve(),
    contribute: () => Promise.resolve(),
    compare: () => Promise.resolve(),
    setCovariate: () => Promise.resolve(),
  };
  const archive = {
    put: (_: string, rows: readonly object[]) => {
      for (const row of rows) JSON.stringify(row);
      return Promise.resolve();
    },
    putLine: () => Promise.resolve(''),
  };
  const recorder = new Recorder({ specs, joins, units, archive, clock, measurements });
  const log = () => undefined;
  const none = { send: () => Promise.resolve() };
  return {
    recorder,
    recording: new LogRecording({ recorder, measurements, log, failed: none, parked: none }),
    reporter: new OutcomeReporter({
      recorder,
      joins,
      clock,
      measurements,
      longestHorizonHours: deliveryTime.monitoring.outcomes.horizonHours,
      log,
    }),
  };
}

/** Events are predictions and outcomes: half each. */
async function measure(events: number) {
  const { recorder, recording, reporter } = recorderInMemory();
  let cpuUs = 0;
  let elapsedMs = 0;
  for (let from = 0; from < events / 2; from += BATCH) {
    const lines = Array.from({ length: BATCH }, (_, at) => lineOf(from + at));
    const delivery = deliveryOf(lines);
    const outcomes = lines.map(({ predictionId }) => ({
      predictionId,
      outcome: 28,
      observedAt: systemClock.now(),
    }));
    const startedAt = performance.now();
    const cpu = process.cpuUsage();
    await recording.recordDelivery(readLogDelivery(delivery));
    const results = await reporter.report(outcomes, 'caller');
    await recorder.flush();
    const used = process.cpuUsage(cpu);
    cpuUs += used.user + used.system;
    elapsedMs += performance.now() - startedAt;
    if (results.some(({ status }) => status !== 'joined')) throw new Error('not all were joined');
  }
  return {
    events,
    cpuUsAnEvent: Number((cpuUs / events).toFixed(1)),
    eventsASecondACore: Math.round((events / cpuUs) * 1e6),
    elapsedSeconds: Number((elapsedMs / 1000).toFixed(1)),
    heapMb: Math.round(process.memoryUsage().heapUsed / 1e6),
  };
}

console.log(
  `${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}, ${process.version}`,
);
// The compiler has seen the code when it counts.
await measure(20_000);
const measured = [];
for (const events of SIZES) measured.push(await measure(events));
console.table(measured);
const worst = Math.max(...measured.map(({ cpuUsAnEvent }) => cpuUsAnEvent));
console.log(
  `${worst <= TARGET_US ? 'met' : 'MISSED'}: decode, join and score: ${worst} µs of CPU an event, target ≤ ${TARGET_US}`,
);
const folder = join(import.meta.dirname, '../../dist/bench');
mkdirSync(folder, { recursive: true });
writeFileSync(
  join(folder, 'record.json'),
  JSON.stringify({ measured, targetUs: TARGET_US }, null, 2),
);
