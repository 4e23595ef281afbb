import { LIMITS } from '../contracts/limits.ts';
import { Faults, kindOf, quoted, RequestRefused } from './fault.ts';
import {
  describedAs,
  type InputReading,
  LENGTH_HEADER,
  readInputs,
  readParameters,
} from './inference-inputs.ts';
import { isObject, openBody, parseJson, type RequestHeaders, readText } from './request-body.ts';
import type { Tensor, TensorDescription } from './tensor.ts';

interface ModelTensors {
  readonly inputs: readonly TensorDescription[];
  readonly outputs: readonly TensorDescription[];
}

export interface RequestedOutput {
  readonly name: string;
  /** Whether the caller takes it as raw bytes after the JSON. */
  readonly isBinary: boolean;
}

/** A checked Open Inference Protocol request: every input of the model once, every output known. */
export interface InferenceRequest {
  /** As the caller wrote it; undefined when it gave none. */
  readonly id: string | undefined;
  /** `parameters.unit`: what is assigned to an arm. */
  readonly unit: string | undefined;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** In the caller's order. */
  readonly inputs: readonly Tensor[];
  /** Rows: the size of the inputs' first dimension where that is variable, else 1. */
  readonly rows: number;
  readonly outputs: readonly RequestedOutput[];
}

/** An object of the caller's JSON, each field still to be checked. */
interface UncheckedRequest {
  readonly id?: unknown;
  readonly parameters?: unknown;
  readonly inputs?: unknown;
  readonly outputs?: unknown;
}

/** What is known of the model, prepared once a session. */
interface Plan {
  readonly inputs: ReadonlyMap<string, TensorDescription>;
  readonly outputs: ReadonlyMap<string, TensorDescription>;
  readonly hasLongInputs: boolean;
  /** What is asked for when the caller names no output. */
  readonly everyOutput: Readonly<Record<'json' | 'binary', readonly RequestedOutput[]>>;
}

/**
 * Prepares reading of the requests for one opened model.
 * @returns a reader that throws RequestRefused (400 | 413 | 415) and nothing else, whatever the bytes.
 */
export function compileInferenceReader({ inputs, outputs }: ModelTensors) {
  const plan: Plan = {
    inputs: new Map(inputs.map((tensor) => [tensor.name, tensor])),
    outputs: new Map(outputs.map((tensor) => [tensor.name, tensor])),
    hasLongInputs: inputs.some(({ datatype }) => datatype === 'INT64' || datatype === 'UINT64'),
    everyOutput: {
      json: outputs.map(({ name }) => ({ name, isBinary: false })),
      binary: outputs.map(({ name }) => ({ name, isBinary: true })),
    },
  };
  return (body: Buffer, headers: RequestHeaders): InferenceRequest => {
    const opened = openBody(body, headers);
    const jsonBytes = readJsonLength(opened, headers['inference-header-content-length']);
    const request = parseRequest(opened, jsonBytes, plan);
    return readRequest(request, plan, opened.subarray(jsonBytes));
  };
}

/** How many bytes of the uncompressed body are JSON. */
function readJsonLength(body: Buffer, header: string | undefined): number {
  if (header === undefined) return body.length;
  const length = /^\d{1,10}$/.test(header) ? Number(header) : -1;
  if (length >= 1 && length <= body.length) return length;
  const problem =
    length === 0
      ? 'raw binary requests (0) are not supported'
      : `expected a number from 1 to ${body.length}, the uncompressed bytes of the body, got ${quoted(header)}`;
  throw new RequestRefused(400, 'BAD_BODY', `${LENGTH_HEADER}: ${problem}${jsonEndHint(body)}`);
}

function parseRequest(body: Buffer, jsonBytes: number, plan: Plan): UncheckedRequest {
  let parsed: unknown;
  try {
    parsed = parseJson(body.subarray(0, jsonBytes), {
      bareNaN: 'null',
      hasExactIntegers: plan.hasLongInputs,
    });
  } catch (cause) {
    const hint = jsonEndHint(body);
    // The usual cause of "no JSON" is binary data whose boundary the header does not tell, or tells wrongly.
    if (!(cause instanceof RequestRefused) || hint === '') throw cause;
    throw new RequestRefused(400, 'BAD_BODY', `${cause.message}${hint}`);
  }
  if (isObject(parsed)) return parsed;
  throw new RequestRefused(400, 'BAD_BODY', `expected a JSON object, got ${kindOf(parsed)}`);
}

/** The header value that would have fitted, found by counting braces; empty when nothing follows the JSON. */
function jsonEndHint(body: Buffer): string {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === 0x5c) at++;
    else if (byte === 0x22) isInString = !isInString;
    else if (!isInString && byte === 0x7b) depth++;
    else if (!isInString && byte === 0x7d && --depth <= 0)
      return depth === 0 && at + 1 < body.length
        ? `; the JSON ends after ${at + 1} bytes: with binary data behind it send the header ${LENGTH_HEADER}: ${at + 1}`
        : '';
  }
  return '';
}

function readRequest(request: UncheckedRequest, plan: Plan, binary: Buffer): InferenceRequest {
  const faults = new Faults();
  const id = readText(request.id, 'id', 0, LIMITS.requestIdCharacters, faults);
  const parameters = readParameters(request.parameters, 'parameters', faults);
  const unit = readText(parameters['unit'], 'parameters.unit', 1, LIMITS.unitCharacters, faults);
  const reading: InputReading = { known: plan.inputs, faults, binary, taken: 0, rows: undefined };
  const inputs = readInputs(request.inputs, reading);
  const isBinary = readFlag(parameters, 'binary_data_output', 'parameters', faults) ?? false;
  const outputs = readOutputs(request.outputs, isBinary, plan, faults);
  faults.settle();
  return { id, unit, parameters, inputs, rows: reading.rows ?? 1, outputs };
}

/** Without a list, or with an empty one, every output of the model is meant. */
function readOutputs(
  outputs: unknown,
  isBinary: boolean,
  plan: Plan,
  faults: Faults,
): readonly RequestedOutput[] {
  if (outputs === undefined || outputs === null) return everyOutput(isBinary, plan, faults);
  if (!Array.isArray(outputs)) {
    faults.add('outputs', `expected a list, got ${kindOf(outputs)}`);
    return [];
  }
  if (outputs.length === 0) return everyOutput(isBinary, plan, faults);
  const requested: RequestedOutput[] = [];
  outputs.forEach((output: unknown, at) => {
    const read = readOutput(output, isBinary, `outputs[${at}]`, plan, faults);
    if (read && requested.some(({ name }) => name === read.name))
      faults.add(`outputs[${at}].name`, `${quoted(read.name)} is asked for twice`);
    else if (read) requested.push(read);
  });
  return requested;
}

function everyOutput(isBinary: boolean, plan: Plan, faults: Faults): readonly RequestedOutput[] {
  if (isBinary) return plan.everyOutput.binary;
  for (const described of plan.outputs.values()) checkJsonForm(described, 'outputs', faults);
  return plan.everyOutput.json;
}

function readOutput(
  output: unknown,
  isBinaryByDefault: boolean,
  path: string,
  plan: Plan,
  faults: Faults,
): RequestedOutput | undefined {
  if (!isObject(output)) return faults.add(path, `expected an object, got ${kindOf(output)}`);
  const { name, parameters: given }: { name?: unknown; parameters?: unknown } = output;
  const described = describedAs(name, plan.outputs, `${path}.name`, faults);
  const where = `${path}.parameters`;
  const parameters = readParameters(given, where, faults);
  for (const unsupported of ['classification', 'shared_memory_region'])
    if (parameters[unsupported] !== undefined)
      faults.add(where, `${unsupported} is not supported; take the tensor as data or binary`);
  const isBinary = readFlag(parameters, 'binary_data', where, faults) ?? isBinaryByDefault;
  if (described && !isBinary) checkJsonForm(described, path, faults);
  return described && { name: described.name, isBinary };
}

function checkJsonForm({ name, datatype }: TensorDescription, path: string, faults: Faults): void {
  if (datatype === 'FP16')
    faults.add(path, `${quoted(name)} is FP16, which has no JSON form: ask for binary_data`);
}

function readFlag(
  parameters: Readonly<Record<string, unknown>>,
  name: string,
  path: string,
  faults: Faults,
): boolean | undefined {
  const flag = parameters[name];
  if (flag === undefined || flag === null || typeof flag === 'boolean') return flag ?? undefined;
  return faults.add(`${path}.${name}`, `expected true or false, got ${kindOf(flag)}`);
}
