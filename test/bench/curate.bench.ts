import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile } from 'hyparquet';
import { featuresOf } from '../../functions/contracts/feature.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { profileDataset } from '../../functions/curate/dataset-profiling.ts';
import { importFile } from '../../functions/curate/import-file.ts';
import { seededRandom } from '../../functions/measures/seeded-random.ts';
import { openParquet } from '../../functions/runtime/parquet-file.ts';
import { aModel } from '../builders/model-spec.ts';

/**
 * Imports 2,000,000 rows of 30 columns, and the same file with a broken row at its end. Each runs in a
 * process of its own whose heap is capped as a function of 512 MB would cap it; peak memory is the whole
 * process's, as the kernel counts it.
 */
const ROWS = 2_000_000;
const NUMBERS = 22;
const CATEGORIES = 5;
const COLOURS = ['red', 'green', 'blue', 'grey', ''];
const HEAP_MB = 320;
const PEAK_MB = 512;

const { number, category, identifier, timestamp } = featuresOf();
const optional = { required: false };
const spec: ModelSpec = aModel('wide', {
  features: [
    identifier('orderId', 'The order.', optional),
    timestamp('orderedAt', 'When.', optional),
    ...Array.from({ length: NUMBERS }, (_, at) =>
      number(['a', 'b', 'c'][at] ?? `x${at}`, 'count', [-1e6, 1e6], 'A number.', optional),
    ),
    ...Array.from({ length: CATEGORIES }, (_, at) =>
      category(`k${at}`, ['red'], 'A category.', optional),
    ),
  ],
  entityKeys: ['orderId'],
});
const columns = [...spec.features.map(({ name }) => name), 'y'];

async function writeRows(path: string): Promise<void> {
  const random = seededRandom(5, 'rows');
  const out = createWriteStream(path);
  out.write(`${columns.join(',')}\n`);
  for (let from = 0; from < ROWS; from += 1000) {
    const lines = Array.from({ length: 1000 }, (_, at) => {
      const second = String((from + at) % 60).padStart(2, '0');
      return [
        `o${from + at}`,
        `2026-10-${String((Math.floor(from / 1000) % 28) + 1).padStart(2, '0')}T12:00:${second}Z`,
        ...Array.from({ length: NUMBERS }, () => (random.next() * 2000 - 1000).toFixed(2)),
        ...Array.from({ length: CATEGORIES }, () => COLOURS[random.integer(COLOURS.length)]),
        (random.next() * 60).toFixed(1),
      ].join(',');
    });
    if (!out.write(`${lines.join('\n')}\n`)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'close');
}

/** The child: one import, told of on one line. */
async function importOnce(path: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-import-'));
  const started = performance.now();
  const verdict = await importFile(path, spec, folder);
  const imported = performance.now();
  if (verdict.kind === 'accepted') {
    const { file, columns: stored } = verdict.dataset;
    await profileDataset(await openParquet(await asyncBufferFromFile(file)), stored);
  }
  const finished = performance.now();
  rmSync(folder, { recursive: true });
  const bytes = statSync(path).size;
  console.log(
    JSON.stringify({
      outcome: verdict.kind === 'accepted' ? `${verdict.dataset.rows} rows` : verdict.reason,
      listed: verdict.kind === 'refused' ? verdict.listed : [],
      fileMb: Math.round(bytes / 1e6),
      importSeconds: Number(((imported - started) / 1000).toFixed(1)),
      profileSeconds: Number(((finished - imported) / 1000).toFixed(1)),
      mbPerSecond: Number((bytes / 1e6 / ((finished - started) / 1000)).toFixed(1)),
      peakMb: Math.round(process.resourceUsage().maxRSS / 1024),
    }),
  );
}

function measure(path: string): { peakMb: number; outcome: string } {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [`--max-old-space-size=${HEAP_MB}`, '--max-semi-space-size=16', import.meta.filename, path],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the import ended with ${status}: ${stderr}`);
  console.log(`curate: ${stdout.trim()}`);
  return JSON.parse(stdout);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  try {
    const path = join(folder, 'rows.csv');
    await writeRows(path);
    const whole = measure(path);
    appendFileSync(path, `broken,2026-10-01T12:00:00Z${',x'.repeat(NUMBERS + CATEGORIES + 1)}\n`);
    const broken = measure(path);
    const isRight =
      whole.outcome === `${ROWS} rows` &&
      broken.outcome.startsWith(`1 of ${ROWS + 1} rows`) &&
      Math.max(whole.peakMb, broken.peakMb) < PEAK_MB;
    if (!isRight)
      throw new Error(`not as promised: peak below ${PEAK_MB} MB, one broken row found`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [, , given] = process.argv;
await (given === undefined ? main() : importOnce(given));
