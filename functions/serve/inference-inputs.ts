import { LIMITS } from '../contracts/limits.ts';
import { type Faults, kindOf, quoted } from './fault.ts';
import { isObject } from './request-body.ts';
import { dataFromBytes, elementsOf, type Tensor, type TensorDescription } from './tensor.ts';
import { dataFromJson } from './tensor-values.ts';

/** Where the inputs of one request are read to. */
export interface InputReading {
  readonly known: ReadonlyMap<string, TensorDescription>;
  readonly faults: Faults;
  /** What follows the JSON; `taken` bytes of it belong to inputs read so far. */
  readonly binary: Buffer;
  taken: number;
  /** Size of the first dimension where that is variable; one for all inputs. */
  rows: number | undefined;
}

type Parameters = Readonly<Record<string, unknown>>;
const NO_PARAMETERS: Parameters = Object.freeze({});
export const LENGTH_HEADER = 'Inference-Header-Content-Length';

/** Keys that change objects when an unwary reader copies them. */
const POLLUTING_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Parameters are scalars; null stands for an absent one. */
export function readParameters(parameters: unknown, path: string, faults: Faults): Parameters {
  if (parameters === undefined || parameters === null) return NO_PARAMETERS;
  if (!isObject(parameters)) {
    faults.add(path, `expected an object, got ${kindOf(parameters)}`);
    return NO_PARAMETERS;
  }
  for (const [name, value] of Object.entries(parameters)) {
    if (POLLUTING_KEYS.has(name)) faults.add(path, `${quoted(name)} cannot be a parameter`);
    else if (typeof value === 'object' && value !== null)
      faults.add(
        path,
        `${quoted(name)}: expected text, a number, true or false, got ${kindOf(value)}`,
      );
  }
  return parameters;
}

/** Each input of the model exactly once, in the caller's order. Adds faults; what it returns then is partial. */
export function readInputs(inputs: unknown, reading: InputReading): Tensor[] {
  const { known, faults, binary } = reading;
  const tensors: Tensor[] = [];
  if (!Array.isArray(inputs)) {
    faults.add('inputs', `expected a list of the tensors ${namesOf(known)}, got ${kindOf(inputs)}`);
    return tensors;
  }
  const seen = new Set<string>();
  for (let at = 0; at < inputs.length; at++) {
    const tensor = readInput(inputs[at], `inputs[${at}]`, seen, reading);
    if (tensor) tensors.push(tensor);
  }
  if (seen.size < known.size)
    for (const name of known.keys())
      if (!seen.has(name))
        faults.add('inputs', `${quoted(name)} is missing; the model takes ${namesOf(known)}`);
  if (!faults.any && reading.taken !== binary.length)
    faults.add(
      'body',
      `${binary.length - reading.taken} bytes are left after the inputs' binary data; check binary_data_size and ${LENGTH_HEADER}`,
    );
  return tensors;
}

const namesOf = (known: InputReading['known']): string => [...known.keys()].join(', ');

function readInput(
  input: unknown,
  path: string,
  seen: Set<string>,
  reading: InputReading,
): Tensor | undefined {
  const { faults } = reading;
  if (!isObject(input)) return faults.add(path, `expected an object, got ${kindOf(input)}`);
  const { name, datatype, shape, data, parameters } = input;
  // Bytes are taken even for a faulty input, so that the next one starts at the right place.
  const bytes = takeBytes(data, parameters, path, reading);
  const described = describedAs(name, reading.known, `${path}.name`, faults);
  if (!described) return undefined;
  if (seen.has(described.name))
    return faults.add(`${path}.name`, `${quoted(described.name)} is given twice`);
  seen.add(described.name);
  if (datatype !== described.datatype)
    faults.add(
      `${path}.datatype`,
      `expected ${described.datatype}, got ${typeof datatype === 'string' ? quoted(datatype) : kindOf(datatype)}`,
    );
  const sizes = readShape(shape, described, `${path}.shape`, reading);
  if (!sizes || datatype !== described.datatype || (!bytes && data === undefined)) return undefined;
  const count = elementsOf(sizes);
  const elements = bytes
    ? dataFromBytes(described.datatype, bytes, count, path, faults)
    : dataFromJson(described.datatype, data, count, `${path}.data`, faults);
  return (
    elements && { name: described.name, datatype: described.datatype, shape: sizes, data: elements }
  );
}

export function describedAs(
  name: unknown,
  known: ReadonlyMap<string, TensorDescription>,
  path: string,
  faults: Faults,
): TensorDescription | undefined {
  if (typeof name !== 'string') return faults.add(path, `expected text, got ${kindOf(name)}`);
  return (
    known.get(name) ??
    faults.add(path, `the model has no ${quoted(name)}; it has ${namesOf(known)}`)
  );
}

/**
 * An input has exactly one of `data`, `binary_data_size` and shared memory, and the last is no use here.
 * @returns undefined for an input whose elements are in `data`.
 */
function takeBytes(
  data: unknown,
  given: unknown,
  path: string,
  reading: InputReading,
): Buffer | undefined {
  const { faults, binary } = reading;
  const where = `${path}.parameters`;
  const parameters = readParameters(given, where, faults);
  const size = parameters['binary_data_size'] ?? undefined;
  if (parameters['shared_memory_region'] !== undefined)
    return faults.add(where, 'shared memory is not supported; send data or binary_data_size');
  if ((size === undefined) === (data === undefined))
    return faults.add(path, 'give either data or parameters.binary_data_size');
  if (size === undefined) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    return faults.add(`${where}.binary_data_size`, `expected bytes, got ${kindOf(size)}`);
  const left = binary.length - reading.taken;
  if (size > left)
    return faults.add(
      `${where}.binary_data_size`,
      `${size} bytes announced, ${left} are left in the body; check ${LENGTH_HEADER}`,
    );
  reading.taken += size;
  return binary.subarray(reading.taken - size, reading.taken);
}

function readShape(
  shape: unknown,
  described: TensorDescription,
  path: string,
  reading: InputReading,
): number[] | undefined {
  const { faults } = reading;
  const expected = described.shape;
  if (!Array.isArray(shape))
    return faults.add(path, `expected a list like [${expected.join(', ')}], got ${kindOf(shape)}`);
  if (shape.length !== expected.length)
    return faults.add(
      path,
      `expected ${expected.length} dimensions, [${expected.join(', ')}], got ${shape.length}`,
    );
  let elements = 1;
  for (let at = 0; at < expected.length; at++) {
    const problem = sizeProblem(shape[at], expected[at] ?? -1);
    if (problem !== undefined) return faults.add(`${path}[${at}]`, problem);
    elements *= shape[at];
  }
  if (elements > LIMITS.elementsPerTensor)
    return faults.add(path, `more than ${LIMITS.elementsPerTensor} elements: split the request`);
  const isSound = expected[0] !== -1 || agreeOnRows(shape[0], `${path}[0]`, reading);
  return isSound ? shape : undefined;
}

function sizeProblem(size: unknown, expected: number): string | undefined {
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 1)
    return `expected ${expected < 0 ? 'an integer from 1' : expected}, got ${kindOf(size)}`;
  return expected >= 0 && size !== expected ? `expected ${expected}, got ${size}` : undefined;
}

/** A variable first dimension counts rows, and a row stands at the same place of every input. */
function agreeOnRows(rows: number, path: string, reading: InputReading): boolean {
  const { faults } = reading;
  if (rows > LIMITS.rowsPerRequest)
    faults.add(path, `${rows} rows; at most ${LIMITS.rowsPerRequest} are taken: split the request`);
  else if (reading.rows !== undefined && reading.rows !== rows)
    faults.add(path, `${rows} rows, but ${reading.rows} in an input before`);
  else {
    reading.rows = rows;
    return true;
  }
  return false;
}
