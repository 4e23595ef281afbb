import { createHash } from 'node:crypto';
import type * as Ort from 'onnxruntime-node';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { LIMITS } from '../contracts/limits.ts';
import { readModel } from '../runtime/onnx-file.ts';
import type { GraphInspection, GraphTensor } from './graph-inspection.ts';

type Runtime = Pick<typeof Ort, 'InferenceSession' | 'Tensor'>;

const refused = (...reasons: string[]): GraphInspection => ({ kind: 'refused', reasons });

/** Rows of the trial run: more than one shows that the graph takes batches. */
const TRIAL_ROWS = 2;

/**
 * Opens an uploaded file and runs it once on zeros. The native runtime may abort the process on a hostile
 * graph, so this runs in a function of its own and its caller takes a crash for a refusal.
 */
export async function inspectGraph(bytes: Uint8Array, runtime: Runtime): Promise<GraphInspection> {
  if (bytes.length > LIMITS.artifactBytes)
    return refused(`the file has ${bytes.length} bytes; the limit is ${LIMITS.artifactBytes}`);
  const file = parseFile(bytes);
  if (!file.ok) return refused(file.reason);
  const { externalDataFiles, opsets, metadata } = file.model;
  if (externalDataFiles.length > 0)
    return refused(
      `the graph keeps weights in other files (${externalDataFiles.slice(0, 5).join(', ')}): export it as one self-contained file`,
    );
  try {
    const session = await runtime.InferenceSession.create(bytes, { intraOpNumThreads: 1 });
    const inputs = session.inputMetadata.map(describe);
    const outputs = await trialRun(session, inputs, runtime);
    await session.release();
    return {
      kind: 'opened',
      digest: digestOf(bytes),
      sizeBytes: bytes.length,
      metadata: boundedMetadata(metadata),
      opsets: [...opsets],
      inputs,
      outputs,
    };
  } catch (error) {
    // ONNX Runtime refuses a graph by throwing, and its words are the reason the team needs.
    return refused(
      `ONNX Runtime does not run the graph: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Kept with the version, in an item that holds 400 kB. */
const boundedMetadata = (metadata: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(metadata)
      .slice(0, LIMITS.graphMetadataEntries)
      .map(([key, value]) => [
        key.slice(0, LIMITS.graphMetadataCharacters),
        value.slice(0, LIMITS.graphMetadataCharacters),
      ]),
  );

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function parseFile(bytes: Uint8Array) {
  try {
    return { ok: true, model: readModel(bytes) } as const;
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) } as const;
  }
}

function describe(metadata: InferenceSession.ValueMetadata): GraphTensor {
  if (!metadata.isTensor) return { name: metadata.name, type: 'not a tensor', shape: [] };
  return {
    name: metadata.name,
    type: metadata.type,
    shape: metadata.shape.map((size) => (typeof size === 'number' && size >= 0 ? size : -1)),
  };
}

/**
 * Declared output shapes are often absent or symbolic; one run on zeros tells them. Sizes that follow the
 * number of rows are given as -1.
 */
async function trialRun(
  session: InferenceSession,
  inputs: readonly GraphTensor[],
  runtime: Runtime,
): Promise<GraphTensor[]> {
  const feeds = Object.fromEntries(inputs.map((input) => [input.name, zeros(input, runtime)]));
  const answers = await session.run(feeds);
  return session.outputNames.map((name) => {
    const tensor = answers[name];
    if (!tensor) return { name, type: 'nothing', shape: [] };
    return {
      name,
      type: tensor.type,
      shape: tensor.dims.map((size, at) => (at === 0 && size === TRIAL_ROWS ? -1 : size)),
    };
  });
}

function zeros(input: GraphTensor, { Tensor }: Runtime): Tensor {
  const shape = input.shape.map((size, at) => (size === -1 ? (at === 0 ? TRIAL_ROWS : 1) : size));
  const length = shape.reduce((product, size) => product * size, 1);
  if (input.type === 'float32') return new Tensor('float32', new Float32Array(length), shape);
  if (input.type === 'string')
    return new Tensor('string', new Array<string>(length).fill(''), shape);
  if (input.type === 'int64') return new Tensor('int64', new BigInt64Array(length), shape);
  throw new Error(
    `input "${input.name}" is ${input.type}; serving feeds float32, int64 and string`,
  );
}
