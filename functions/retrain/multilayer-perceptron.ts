import { seededRandom, shuffle } from '../measures/seeded-random.ts';
import type { Head, Progress, Scorer } from './boosted-heads.ts';
import {
  adam,
  backward,
  type DenseNetwork,
  forward,
  initialNetwork,
  layerPlaces,
} from './dense-network.ts';
import type { FeatureTable, TrainingData } from './feature-table.ts';
import { type Batch, batches } from './network-batches.ts';
import { denseInputs, exportInputs, learnInputs, type NetworkInputs } from './network-inputs.ts';
import { columnOf, type GraphBuilder, scalar } from './onnx-graph.ts';
import type { TrainingParts } from './training-parts.ts';

/*
 * A small network on typed arrays: the objectives are the ones that boosting minimises, batch by batch, and
 * the weights go into the same ONNX graph. @tensorflow/tfjs and brain.js were not measured against it.
 */

export interface PerceptronOptions {
  readonly hidden: readonly number[];
  readonly epochs: number;
  readonly learningRate: number;
  readonly seed: number;
}

/** Some tens of milliseconds of work, after which the event loop gets its turn. */
const BATCHES_A_YIELD = 16;
/** Epochs without a better validation loss before training stops. */
const PATIENCE = 6;

interface Perceptron {
  readonly inputs: NetworkInputs;
  readonly network: DenseNetwork;
  /** Embeddings of each category input, categories × width. */
  readonly embeddings: readonly Float64Array[];
  /** score = base + scale · output, a head. */
  readonly base: readonly number[];
  readonly scale: readonly number[];
}

/** Where each category input's embedding of a row begins in its table. */
const embeddingAt = (table: FeatureTable, column: number, row: number, width: number): number =>
  (table.values[column * table.rows + row] ?? 0) * width;

/** Dense inputs and embeddings side by side, rows × width. */
function assemble(
  { inputs, embeddings }: Perceptron,
  table: FeatureTable,
  dense: Float64Array,
): Float64Array {
  const all = new Float64Array(table.rows * inputs.width);
  for (let row = 0; row < table.rows; row++) {
    all.set(
      dense.subarray(row * inputs.denseWidth, (row + 1) * inputs.denseWidth),
      row * inputs.width,
    );
    let to = row * inputs.width + inputs.denseWidth;
    inputs.categories.forEach(({ column, width }, at) => {
      const from = embeddingAt(table, column, row, width);
      all.set(embeddings[at]?.subarray(from, from + width) ?? [], to);
      to += width;
    });
  }
  return all;
}

function headScores({ network, base, scale }: Perceptron, outputs: Float64Array): Float64Array[] {
  const heads = network.widths.at(-1) ?? 1;
  return base.map((start, head) =>
    Float64Array.from(
      { length: outputs.length / heads },
      (_, row) => start + (scale[head] ?? 1) * (outputs[row * heads + head] ?? 0),
    ),
  );
}

function scoresOf(model: Perceptron, table: FeatureTable): Float64Array[] {
  const input = assemble(model, table, denseInputs(model.inputs, table));
  const outputs = forward(model.network, input, table.rows).at(-1) ?? input;
  return headScores(model, outputs);
}

/** Gradient of the batch's loss in the outputs; each head counts the same, whatever its unit. */
function outputDelta(
  batch: Batch,
  scores: readonly Float64Array[],
  headWeights: readonly number[],
): Float64Array {
  const { rows } = batch.table;
  const delta = new Float64Array(rows * scores.length);
  const gradient = new Float64Array(rows);
  const hessian = new Float64Array(rows);
  batch.objectives.forEach((objective, head) => {
    objective.differentiate(scores[head] ?? gradient, gradient, hessian);
    const factor = (headWeights[head] ?? 1) / rows;
    for (let row = 0; row < rows; row++)
      delta[row * scores.length + head] = (gradient[row] ?? 0) * factor;
  });
  return delta;
}

function embeddingGradients(
  { inputs, embeddings }: Perceptron,
  table: FeatureTable,
  inputDelta: Float64Array,
): Float64Array[] {
  const gradients = embeddings.map((values) => new Float64Array(values.length));
  for (let row = 0; row < table.rows; row++) {
    let from = row * inputs.width + inputs.denseWidth;
    inputs.categories.forEach(({ column, width }, at) => {
      const to = embeddingAt(table, column, row, width);
      const gradient = gradients[at] ?? inputDelta;
      for (let k = 0; k < width; k++)
        gradient[to + k] = (gradient[to + k] ?? 0) + (inputDelta[from + k] ?? 0);
      from += width;
    });
  }
  return gradients;
}

const rootMeanSquare = (values: Float64Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / Math.max(values.length, 1));

/** Labels' spread for heads that predict them; log-odds and ranking scores have a unit of their own. */
function initialModel(
  heads: readonly Head[],
  { table, targets }: TrainingData,
  { hidden, seed }: PerceptronOptions,
): { model: Perceptron; headWeights: number[] } {
  const inputs = learnInputs(table);
  const random = seededRandom(seed, 'network');
  const objectives = heads.map(({ objective }) => objective(targets));
  const base = objectives.map((objective) => objective.initialScore());
  const isScored = heads.some(({ loss }) => loss === 'squared error');
  const spread = rootMeanSquare(targets.labels.map((label) => label - (base[0] ?? 0))) || 1;
  const gradient = new Float64Array(table.rows);
  const headWeights = objectives.map((objective, head) => {
    const scores = new Float64Array(table.rows).fill(base[head] ?? 0);
    objective.differentiate(scores, gradient, new Float64Array(table.rows));
    return 1 / (rootMeanSquare(gradient) || 1);
  });
  const model = {
    inputs,
    network: initialNetwork([inputs.width, ...hidden, heads.length], random),
    embeddings: inputs.categories.map(({ categories, width }) =>
      Float64Array.from({ length: categories * width }, () => 0.3 * random.normal()),
    ),
    base,
    scale: heads.map(() => (isScored ? spread : 1)),
  };
  return { model, headWeights };
}

type Step = (parameters: Float64Array, gradient: Float64Array) => void;

function trainBatch(
  model: Perceptron,
  batch: Batch,
  headWeights: readonly number[],
  steps: { readonly network: Step; readonly embeddings: readonly Step[] },
): void {
  const input = assemble(model, batch.table, batch.dense);
  const activations = forward(model.network, input, batch.table.rows);
  const delta = outputDelta(batch, headScores(model, activations.at(-1) ?? input), headWeights);
  const gradient = new Float64Array(model.network.parameters.length);
  const inputDelta = backward(model.network, activations, delta, gradient);
  const embeddingGradient = embeddingGradients(model, batch.table, inputDelta);
  steps.network(model.network.parameters, gradient);
  model.embeddings.forEach((values, at) => {
    const slope = embeddingGradient[at];
    if (slope) steps.embeddings[at]?.(values, slope);
  });
}

const copyOf = (model: Perceptron): Perceptron => ({
  ...model,
  network: { ...model.network, parameters: model.network.parameters.slice() },
  embeddings: model.embeddings.map((values) => values.slice()),
});

function exportScores(graph: GraphBuilder, features: string, model: Perceptron): string[] {
  const { network, base, scale } = model;
  const places = layerPlaces(network.widths);
  let tensor = exportInputs(graph, features, model.inputs, model.embeddings);
  places.forEach(({ inputs, outputs, weights, bias }, at) => {
    const { parameters } = network;
    const matrix = graph.constant(parameters.slice(weights, bias), [inputs, outputs]);
    const offset = graph.constant(parameters.slice(bias, bias + outputs), [1, outputs]);
    tensor = graph.add('Add', [graph.add('MatMul', [tensor, matrix]), offset]);
    if (at < places.length - 1) tensor = graph.add('Relu', [tensor]);
  });
  return base.map((start, head) => {
    const output = columnOf(graph, tensor, head);
    const scaled = graph.add('Mul', [output, scalar(graph, scale[head] ?? 1)]);
    return graph.add('Add', [scaled, scalar(graph, start)]);
  });
}

/** Mean over heads of the loss relative to the constant prediction's. */
function relativeLoss(losses: readonly number[], constants: readonly number[]): number {
  return losses.reduce((sum, loss, at) => sum + loss / (constants[at] || 1), 0) / losses.length;
}

function lossesOf(heads: readonly Head[], model: Perceptron, { table, targets }: TrainingData) {
  const scores = scoresOf(model, table);
  return heads.map(({ objective }, at) =>
    objective(targets).loss(scores[at] ?? new Float64Array(0)),
  );
}

/** Trains one network with an output a head; the weights of the best validation epoch are kept. */
export function* trainPerceptron(
  heads: readonly Head[],
  { training, validation }: TrainingParts,
  options: PerceptronOptions,
): Generator<Progress, Scorer> {
  const { model, headWeights } = initialModel(heads, training, options);
  const cut = batches(heads, model.inputs, training, options.seed);
  const steps = {
    network: adam(model.network.parameters.length, options.learningRate),
    embeddings: model.embeddings.map(({ length }) => adam(length, options.learningRate)),
  };
  const random = seededRandom(options.seed, 'batch order');
  const constants = lossesOf(heads, model, validation);
  const curves = heads.map(() => ({ training: [] as number[], validation: [] as number[] }));
  let best = { loss: Number.POSITIVE_INFINITY, epoch: 0, model };
  for (let epoch = 1; epoch <= options.epochs && epoch - best.epoch <= PATIENCE; epoch++) {
    const progress = { stage: 'network', done: epoch - 1, total: options.epochs };
    for (const [turn, at] of shuffle(Int32Array.from(cut.keys()), random).entries()) {
      const batch = cut[at];
      if (batch) trainBatch(model, batch, headWeights, steps);
      if (turn % BATCHES_A_YIELD === 0) yield progress;
    }
    const losses = lossesOf(heads, model, validation);
    lossesOf(heads, model, training).forEach((loss, head) => curves[head]?.training.push(loss));
    losses.forEach((loss, head) => curves[head]?.validation.push(loss));
    const loss = relativeLoss(losses, constants);
    if (loss < best.loss) best = { loss, epoch, model: copyOf(model) };
    yield { stage: 'network', done: epoch, total: options.epochs };
  }
  const trained = best.model;
  return {
    scores: (table, head) => scoresOf(trained, table)[head] ?? new Float64Array(table.rows),
    export: (graph, features) => exportScores(graph, features, trained),
    curves: heads.map(({ name, loss }, at) => ({
      name,
      loss,
      training: curves[at]?.training ?? [],
      validation: curves[at]?.validation ?? [],
      kept: best.epoch,
    })),
    gains: undefined,
  };
}
