/**
 * What serving costs above the bare runtime: a warm handler, a cold start, the bundle, a local start.
 * Prints tables and writes dist/bench/serve.json. Run by `node test/bench/serve.bench.ts`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { bundleFunctions } from '../../infra/bundle.ts';
import { trainDeliveryTime, trainSearchRanking } from './bench-models.ts';
import { measureColdStarts } from './cold-start.ts';
import { measureOverhead } from './handler-overhead.ts';
import { type LocalStart, measureLocalStarts } from './local-start.ts';

/** Design targets, printed beside what was measured. */
const TARGETS = {
  aboveBareUsOfOneRow: 60,
  bundleWithoutSdkBytes: 150_000,
  coldStartAboveNodeMs: 100,
  localStartSeconds: 15,
};

const repeated = <Value>(values: readonly Value[], count: number): Value[] =>
  Array.from({ length: count }, (_, at) => values[at % values.length] as Value);

const instancesOf = ({ example }: ModelSpec) => ('instances' in example ? example.instances : []);

function ranking({ example }: ModelSpec, count: number): object {
  if (!('items' in example)) throw new Error('the example of a ranking has items');
  const items = repeated(example.items, count).map((item, id) => ({ ...item, id }));
  return { unit: 'someone', query: example.query, items };
}

/** Bytes of each bundle, and how many of them are AWS clients. */
const bundleSizes = () =>
  Object.entries(bundleFunctions().metafile.outputs)
    .filter(([path]) => path.endsWith('.cjs'))
    .map(([path, { inputs, bytes }]) => {
      const ofClients = Object.entries(inputs)
        .filter(([input]) => /node_modules\/(@aws-sdk|@smithy|@aws-crypto|@aws)\//.test(input))
        .reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0);
      const bundle = path.replace(/^dist\/functions\/|\/index\.cjs$/g, '');
      return { bundle, bytes, withoutAwsClients: bytes - ofClients };
    });

/** A table of numbers rounded to what can be read. */
function show(title: string, rows: readonly object[]): void {
  console.log(`\n${title}`);
  console.table(
    rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          typeof value === 'number' ? Number(value.toPrecision(4)) : value,
        ]),
      ),
    ),
  );
}

function judge(what: string, measured: number, target: number, unit: string): void {
  const verdict = measured <= target ? 'met' : 'MISSED';
  console.log(
    `${verdict}: ${what}: ${Number(measured.toPrecision(4))} ${unit}, target ≤ ${target}`,
  );
}

async function localStarts(spec: ModelSpec): Promise<LocalStart[]> {
  try {
    return await measureLocalStarts(spec);
  } catch (error) {
    console.error(`local start was not measured: ${String(error)}`);
    return [];
  }
}

console.log(
  `${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}, ${process.version}`,
);
const delivery = await trainDeliveryTime();
const search = await trainSearchRanking();
const instances = instancesOf(delivery.spec);
const predict = { model: delivery, api: 'predict' } as const;
const size = ({ megabytes }: { megabytes: number }) => `${megabytes.toFixed(2)} MB`;

const handler = [
  await measureOverhead({
    ...predict,
    what: `predict 1 row (delivery-time, trained, ${size(delivery)})`,
    body: { unit: 'someone', instances },
    callsOfOneRound: 300,
  }),
  await measureOverhead({
    ...predict,
    what: 'predict 100 rows (the same)',
    body: { unit: 'someone', instances: repeated(instances, 100) },
    callsOfOneRound: 50,
  }),
  await measureOverhead({
    what: `rank 1,000 items (search-ranking, trained, ${size(search)})`,
    model: search,
    api: 'rank',
    body: ranking(search.spec, 1000),
    callsOfOneRound: 10,
  }),
];
show(
  'Warm, in one process: API Gateway event → reply (base64 body, middy, JSON, routing, prediction, the log line with metrics written to /dev/null), against session.run on tensors that are made already; 1 thread',
  handler,
);

const coldStarts = await measureColdStarts(delivery);
show(
  `Cold start: a new process → done. The first prediction includes Node's start, the bundle, onnxruntime from the layer, the route from DynamoDB and a ${size(delivery)} artifact from S3, both a loopback server in this process (no TLS, no network), its digest, the session, the answer. Not included: the Lambda runtime's own client, fetching code and layer; files are in the page cache`,
  coldStarts,
);

const bundles = bundleSizes();
show('Bundles, minified, bytes', bundles);

const starts = await localStarts(delivery.spec);
show('Local start: npm start → first answered prediction', starts);

console.log('');
const above = handler[0]?.aboveBareP50Us ?? Number.NaN;
judge('handler above bare session.run, 1 row, warm, p50', above, TARGETS.aboveBareUsOfOneRow, 'µs');
const served = bundles.find(({ bundle }) => bundle === 'serve/request');
judge(
  'serving bundle without AWS clients',
  served?.withoutAwsClients ?? Number.NaN,
  TARGETS.bundleWithoutSdkBytes,
  'bytes',
);
const [bare, , , answered] = coldStarts;
judge(
  'process start to first prediction above bare Node, median',
  (answered?.medianMs ?? Number.NaN) - (bare?.medianMs ?? Number.NaN),
  TARGETS.coldStartAboveNodeMs,
  'ms',
);
for (const { what, seconds } of starts) judge(what, seconds, TARGETS.localStartSeconds, 's');

const folder = join(import.meta.dirname, '../../dist/bench');
mkdirSync(folder, { recursive: true });
const measured = { targets: TARGETS, handler, coldStarts, bundles, localStarts: starts };
writeFileSync(join(folder, 'serve.json'), `${JSON.stringify(measured, null, 2)}\n`);
