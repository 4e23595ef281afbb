import type { SeededRandom } from '../measures/seeded-random.ts';

/** Fully connected layers with ReLU between them, in one flat array of parameters. */
export interface DenseNetwork {
  /** Width of the input, of each hidden layer, and of the output. */
  readonly widths: readonly number[];
  readonly parameters: Float64Array;
}

export interface LayerPlace {
  readonly inputs: number;
  readonly outputs: number;
  /** Where its weights begin, inputs × outputs, row-major. */
  readonly weights: number;
  readonly bias: number;
}

export function layerPlaces(widths: readonly number[]): LayerPlace[] {
  let next = 0;
  return widths.slice(1).map((outputs, at) => {
    const inputs = widths[at] ?? 0;
    const weights = next;
    const bias = weights + inputs * outputs;
    next = bias + outputs;
    return { inputs, outputs, weights, bias };
  });
}

/** He's initialisation for ReLU layers (He et al. 2015); the output layer starts at 0, on the base score. */
export function initialNetwork(widths: readonly number[], random: SeededRandom): DenseNetwork {
  const places = layerPlaces(widths);
  const last = places.at(-1);
  const parameters = new Float64Array(last ? last.bias + last.outputs : 0);
  for (const place of places.slice(0, -1)) {
    const deviation = Math.sqrt(2 / place.inputs);
    for (let at = place.weights; at < place.bias; at++)
      parameters[at] = deviation * random.normal();
  }
  return { widths, parameters };
}

/** target += factor · source for `length` values. */
function addScaled(
  target: Float64Array,
  targetAt: number,
  source: Float64Array,
  sourceAt: number,
  factor: number,
  length: number,
): void {
  for (let at = 0; at < length; at++)
    target[targetAt + at] = (target[targetAt + at] ?? 0) + factor * (source[sourceAt + at] ?? 0);
}

function dot(
  one: Float64Array,
  oneAt: number,
  other: Float64Array,
  otherAt: number,
  length: number,
): number {
  let sum = 0;
  for (let at = 0; at < length; at++) sum += (one[oneAt + at] ?? 0) * (other[otherAt + at] ?? 0);
  return sum;
}

function forwardLayer(
  parameters: Float64Array,
  { inputs, outputs, weights, bias }: LayerPlace,
  from: Float64Array,
  rows: number,
  isLast: boolean,
): Float64Array {
  const to = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    addScaled(to, row * outputs, parameters, bias, 1, outputs);
    for (let input = 0; input < inputs; input++) {
      const value = from[row * inputs + input] ?? 0;
      if (value !== 0)
        addScaled(to, row * outputs, parameters, weights + input * outputs, value, outputs);
    }
  }
  if (!isLast) for (let at = 0; at < to.length; at++) to[at] = Math.max(to[at] ?? 0, 0);
  return to;
}

/**
 * @param input rows × first width, row-major.
 * @returns the input and the activations of every layer; the last are the outputs.
 */
export function forward(
  { widths, parameters }: DenseNetwork,
  input: Float64Array,
  rows: number,
): Float64Array[] {
  const activations = [input];
  const places = layerPlaces(widths);
  places.forEach((place, at) => {
    const from = activations[at] ?? input;
    activations.push(forwardLayer(parameters, place, from, rows, at === places.length - 1));
  });
  return activations;
}

/** Adds to the gradient of one layer's parameters. @returns the gradient of its inputs. */
function backwardLayer(
  parameters: Float64Array,
  { inputs, outputs, weights, bias }: LayerPlace,
  from: Float64Array,
  delta: Float64Array,
  gradient: Float64Array,
): Float64Array {
  const rows = delta.length / outputs;
  const inputDelta = new Float64Array(rows * inputs);
  for (let row = 0; row < rows; row++) {
    addScaled(gradient, bias, delta, row * outputs, 1, outputs);
    for (let input = 0; input < inputs; input++) {
      const value = from[row * inputs + input] ?? 0;
      const at = weights + input * outputs;
      if (value !== 0) addScaled(gradient, at, delta, row * outputs, value, outputs);
      inputDelta[row * inputs + input] = dot(parameters, at, delta, row * outputs, outputs);
    }
  }
  return inputDelta;
}

/**
 * Backpropagation.
 * @param outputDelta gradient of the loss in the outputs, rows × last width.
 * @param gradient of the parameters; overwritten.
 * @returns gradient in the network's input, rows × first width.
 */
export function backward(
  { widths, parameters }: DenseNetwork,
  activations: readonly Float64Array[],
  outputDelta: Float64Array,
  gradient: Float64Array,
): Float64Array {
  gradient.fill(0);
  let delta = outputDelta;
  layerPlaces(widths)
    .map((place, at) => ({ place, from: activations[at] ?? outputDelta, isFirst: at === 0 }))
    .reverse()
    .forEach(({ place, from, isFirst }) => {
      delta = backwardLayer(parameters, place, from, delta, gradient);
      if (isFirst) return;
      // ReLU passes no gradient where it was closed.
      for (let at = 0; at < delta.length; at++) if ((from[at] ?? 0) <= 0) delta[at] = 0;
    });
  return delta;
}

/** Adam (Kingma and Ba 2015) with its usual constants, for one flat array of parameters. */
export function adam(length: number, learningRate: number) {
  const mean = new Float64Array(length);
  const square = new Float64Array(length);
  let step = 0;
  return (parameters: Float64Array, gradient: Float64Array): void => {
    step++;
    const rate = (learningRate * Math.sqrt(1 - 0.999 ** step)) / (1 - 0.9 ** step);
    for (let at = 0; at < length; at++) {
      const slope = gradient[at] ?? 0;
      const m = 0.9 * (mean[at] ?? 0) + 0.1 * slope;
      const v = 0.999 * (square[at] ?? 0) + 0.001 * slope * slope;
      mean[at] = m;
      square[at] = v;
      parameters[at] = (parameters[at] ?? 0) - (rate * m) / (Math.sqrt(v) + 1e-8);
    }
  };
}
