import { LIMITS } from '../contracts/limits.ts';
import { type Faults, kindOf } from './fault.ts';
import { type Datatype, type Tensor, type TensorData } from './tensor.ts';

/** Told of an element that does not fit: its index in row-major order, and why. */
type Refuse = (index: number, problem: string) => void;

/**
 * Turns the `data` of a JSON tensor, nested or flat, into what the model takes.
 * @returns undefined after faults were added, each with the path of its element.
 */
export function dataFromJson(
  datatype: Datatype,
  data: unknown,
  count: number,
  path: string,
  faults: Faults,
): TensorData | undefined {
  if (datatype === 'FP16')
    return faults.add(path, 'FP16 has no JSON form: send it as binary data (binary_data_size)');
  if (!Array.isArray(data)) return faults.add(path, `expected a list, got ${kindOf(data)}`);
  const flat = flatten(data, count);
  if (flat === 'too-deep')
    return faults.add(path, `lists are nested deeper than ${LIMITS.tensorRank}`);
  if (flat.length !== count)
    return faults.add(
      path,
      `the shape means ${count} values, got ${flat.length > count ? 'more' : flat.length}`,
    );
  let isSound = true;
  const filled = FROM_VALUES[datatype](flat, (index, problem) => {
    isSound = false;
    faults.add(path + indicesOf(data, index), problem);
  });
  return isSound ? filled : undefined;
}

/** A null is a missing number to KServe's and MLServer's clients; Float32Array would make it 0. */
function fillFloats<Floats extends Float32Array | Float64Array>(
  floats: Floats,
  values: unknown[],
  refuse: Refuse,
): Floats {
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (typeof value === 'number') {
      floats[at] = value;
      if (!Number.isFinite(floats[at]) && Number.isFinite(value))
        refuse(at, `${value} is beyond FP32`);
    } else if (value === null) floats[at] = Number.NaN;
    else if (typeof value === 'bigint') floats[at] = Number(value);
    else refuse(at, `expected a number, got ${kindOf(value)}`);
  }
  return floats;
}

type IntegersConstructor = new (
  length: number,
) => Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array;

/** @param minimum and maximum are what the datatype holds, inclusive. */
const toIntegers =
  (Integers: IntegersConstructor, minimum: number, maximum: number) =>
  (values: unknown[], refuse: Refuse): TensorData => {
    const integers = new Integers(values.length);
    values.forEach((value, at) => {
      const isInteger = typeof value === 'number' && Number.isInteger(value);
      if (isInteger && value >= minimum && value <= maximum) integers[at] = value;
      else
        refuse(at, `expected an integer from ${minimum} to ${maximum}, got ${nullOrKind(value)}`);
    });
    return integers;
  };

function fillLongs<Longs extends BigInt64Array | BigUint64Array>(
  longs: Longs,
  values: unknown[],
  minimum: bigint,
  maximum: bigint,
  refuse: Refuse,
): Longs {
  values.forEach((value, at) => {
    const long = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
    if (typeof long === 'bigint' && long >= minimum && long <= maximum) longs[at] = long;
    else
      refuse(
        at,
        `expected an integer from ${minimum} to ${maximum} in plain digits, got ${nullOrKind(value)}`,
      );
  });
  return longs;
}

function toBooleans(values: unknown[], refuse: Refuse): Uint8Array {
  const booleans = new Uint8Array(values.length);
  values.forEach((value, at) => {
    if (value === true || value === 1) booleans[at] = 1;
    else if (value !== false && value !== 0)
      refuse(at, `expected true or false, got ${nullOrKind(value)}`);
  });
  return booleans;
}

function toStrings(values: unknown[], refuse: Refuse): string[] {
  return values.map((value, at) => {
    const problem = textProblem(value);
    if (problem !== undefined) refuse(at, problem);
    return typeof value === 'string' ? value : '';
  });
}

/** One reader a datatype. FP16 has none: JavaScript holds its bits only, and other servers refuse it too. */
const FROM_VALUES: Readonly<
  Record<Exclude<Datatype, 'FP16'>, (values: unknown[], refuse: Refuse) => TensorData>
> = {
  BYTES: toStrings,
  BOOL: toBooleans,
  UINT8: toIntegers(Uint8Array, 0, 255),
  UINT16: toIntegers(Uint16Array, 0, 65_535),
  UINT32: toIntegers(Uint32Array, 0, 4_294_967_295),
  UINT64: (values, refuse) =>
    fillLongs(new BigUint64Array(values.length), values, 0n, 2n ** 64n - 1n, refuse),
  INT8: toIntegers(Int8Array, -128, 127),
  INT16: toIntegers(Int16Array, -32_768, 32_767),
  INT32: toIntegers(Int32Array, -2_147_483_648, 2_147_483_647),
  INT64: (values, refuse) =>
    fillLongs(new BigInt64Array(values.length), values, -(2n ** 63n), 2n ** 63n - 1n, refuse),
  FP32: (values, refuse) => fillFloats(new Float32Array(values.length), values, refuse),
  FP64: (values, refuse) => fillFloats(new Float64Array(values.length), values, refuse),
};

/** Why a value cannot be a string element, or undefined. */
export function textProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return `expected text, got ${nullOrKind(value)}`;
  if (!value.isWellFormed()) return 'the text holds half of a surrogate pair';
  // UTF-8 takes at most 3 bytes a UTF-16 unit, so short text needs no counting.
  if (value.length * 3 <= LIMITS.stringElementBytes) return undefined;
  return Buffer.byteLength(value) > LIMITS.stringElementBytes
    ? `the text is longer than ${LIMITS.stringElementBytes} bytes`
    : undefined;
}

/** A bare NaN was read as null, since it stands for a missing number where one may be missing. */
const nullOrKind = (value: unknown): string => (value === null ? 'null or NaN' : kindOf(value));

/** The leaves in order; stops early once there are more than `count`. */
function flatten(data: unknown[], count: number): unknown[] | 'too-deep' {
  if (!data.some((element) => Array.isArray(element))) return data;
  const leaves: unknown[] = [];
  return collect(data, 1, count, leaves) ? leaves : 'too-deep';
}

function collect(list: unknown[], depth: number, count: number, leaves: unknown[]): boolean {
  if (depth > LIMITS.tensorRank) return false;
  for (const element of list) {
    if (leaves.length > count) return true;
    if (!Array.isArray(element)) leaves.push(element);
    else if (!collect(element, depth + 1, count, leaves)) return false;
  }
  return true;
}

/** `[1][2]`: where the leaf with that index stands in the list as the caller wrote it. */
function indicesOf(list: unknown[], index: number): string {
  let before = 0;
  for (const [at, element] of list.entries()) {
    const leaves = leavesOf(element);
    if (index < before + leaves)
      return `[${at}]${Array.isArray(element) ? indicesOf(element, index - before) : ''}`;
    before += leaves;
  }
  return '';
}

const leavesOf = (element: unknown): number => {
  if (!Array.isArray(element)) return 1;
  let leaves = 0;
  for (const each of element) leaves += leavesOf(each);
  return leaves;
};

/** The `data` of a tensor as JSON text: non-finite numbers are null, 64-bit integers exact. */
export function dataToJson({ datatype, data }: Tensor): string {
  if (Array.isArray(data)) return JSON.stringify(data);
  // TypedArray.prototype.join is native: four times as fast as JSON.stringify on 1,000 floats.
  const text = data.join(',');
  if (datatype === 'BOOL') return `[${text.replaceAll('0', 'false').replaceAll('1', 'true')}]`;
  return isAllFinite(data) ? `[${text}]` : `[${text.replace(/-?Infinity|NaN/g, 'null')}]`;
}

function isAllFinite(data: Exclude<TensorData, string[]>): boolean {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return true;
  for (let at = 0; at < data.length; at++) if (!Number.isFinite(data[at])) return false;
  return true;
}
