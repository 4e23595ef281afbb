import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { Faults, kindOf, quoted, RequestRefused } from './fault.ts';
import {
  type FeaturePlan,
  type Instance,
  identifierProblem,
  missingInputs,
  planFeatures,
  repeatFirstRow,
  writeValue,
} from './feature-plan.ts';
import { isObject, openBody, parseJson, type RequestHeaders, readText } from './request-body.ts';
import type { Tensor } from './tensor.ts';

/** What the caller calls an item; comes back in the answer as it is. */
export type ItemId = string | number;

interface NamedRequest {
  /** What is assigned to an arm. */
  readonly unit: string | undefined;
  readonly rows: number;
  /** The signature's inputs, row-major: NaN and '' where a value is missing. */
  readonly inputs: readonly Tensor[];
}

interface PredictRequest extends NamedRequest {
  /** As the caller wrote them, checked: known features only. */
  readonly instances: readonly Instance[];
}

interface RankRequest extends NamedRequest {
  readonly query: Instance;
  readonly items: readonly Instance[];
  readonly ids: readonly ItemId[];
}

/** One kind of object in a body: the features it may hold. */
interface ObjectPlan {
  readonly features: readonly FeaturePlan[];
  readonly names: ReadonlySet<string>;
  /** Names of the other kind, to tell where a misplaced feature belongs. */
  readonly elsewhere: { readonly names: ReadonlySet<string>; readonly place: string } | undefined;
}

interface Reading {
  readonly faults: Faults;
  readonly inputs: readonly Tensor[];
}

/**
 * Prepares the readers of named-feature bodies for one model. Both throw RequestRefused (400 | 404 | 413 |
 * 415) and nothing else, whatever the bytes.
 */
export function compileInstanceReader(spec: ModelSpec) {
  const plans = planFeatures(spec);
  const isRanking = spec.task.kind === 'ranking';
  const instancePlan = objectPlan(plans);
  const ofQuery = plans.filter(({ feature }) => feature.of === 'query');
  const ofItem = plans.filter(({ feature }) => feature.of === 'item');
  const itemNames = objectPlan(ofItem).names;
  const queryPlan = objectPlan(ofQuery, {
    names: new Set([...itemNames, 'id']),
    place: 'each item',
  });
  const itemPlan = {
    ...objectPlan(ofItem, { names: queryPlan.names, place: 'the query' }),
    names: new Set([...itemNames, 'id']),
  };
  return {
    readPredict: (bytes: Buffer, headers: RequestHeaders): PredictRequest => {
      if (isRanking) throw otherVerb(spec, 'rank');
      return readPredict(spec, instancePlan, readBody(bytes, headers));
    },
    readRank: (bytes: Buffer, headers: RequestHeaders): RankRequest => {
      if (!isRanking) throw otherVerb(spec, 'predict');
      return readRank(spec, queryPlan, itemPlan, readBody(bytes, headers));
    },
  };
}

const objectPlan = (
  features: readonly FeaturePlan[],
  elsewhere?: ObjectPlan['elsewhere'],
): ObjectPlan => ({
  features,
  names: new Set(features.map(({ feature }) => feature.name)),
  elsewhere,
});

const otherVerb = ({ name, task }: ModelSpec, verb: 'predict' | 'rank'): RequestRefused =>
  new RequestRefused(
    404,
    'PATH_NOT_FOUND',
    `"${name}" does ${task.kind}: POST /v1/models/${name}/${verb}`,
  );

function readBody(bytes: Buffer, headers: RequestHeaders): Instance {
  const body = parseJson(openBody(bytes, headers), { bareNaN: '1e999', hasExactIntegers: false });
  if (isObject(body)) return body;
  throw new RequestRefused(400, 'BAD_BODY', `expected a JSON object, got ${kindOf(body)}`);
}

const PREDICT_KEYS = ['unit', 'instances'] as const;
const RANK_KEYS = ['unit', 'query', 'items'] as const;

function readPredict(spec: ModelSpec, plan: ObjectPlan, body: Instance): PredictRequest {
  const faults = new Faults();
  checkKeys(body, PREDICT_KEYS, faults);
  const unit = readText(body['unit'], 'unit', 1, LIMITS.unitCharacters, faults);
  const instances = readList(body['instances'], 'instances', faults);
  const reading: Reading = { faults, inputs: missingInputs(spec, instances.length) };
  for (let row = 0; row < instances.length; row++)
    readObject(instances[row], plan, 'instances', row, reading);
  faults.settle();
  return {
    unit,
    rows: instances.length,
    inputs: reading.inputs,
    instances: instances.filter(isObject),
  };
}

function readRank(
  spec: ModelSpec,
  queryPlan: ObjectPlan,
  itemPlan: ObjectPlan,
  body: Instance,
): RankRequest {
  const faults = new Faults();
  checkKeys(body, RANK_KEYS, faults);
  const unit = readText(body['unit'], 'unit', 1, LIMITS.unitCharacters, faults);
  const items = readList(body['items'], 'items', faults);
  const rows = items.length;
  const reading: Reading = { faults, inputs: missingInputs(spec, Math.max(rows, 1)) };
  const query = readObject(body['query'], queryPlan, 'query', undefined, reading);
  repeatFirstRow(queryPlan.features, rows, reading.inputs);
  const ids = new Set<ItemId>();
  for (let row = 0; row < rows; row++) {
    const item = readObject(items[row], itemPlan, 'items', row, reading);
    if (item) readId(item['id'], row, ids, faults);
  }
  faults.settle();
  return {
    unit,
    rows,
    inputs: reading.inputs,
    query: query ?? {},
    items: items.filter(isObject),
    ids: [...ids],
  };
}

function checkKeys(body: Instance, allowed: readonly string[], faults: Faults): void {
  for (const key of Object.keys(body))
    if (!allowed.includes(key))
      faults.add(quoted(key), `unknown key; allowed: ${allowed.join(', ')}`);
}

/** @returns the list, or an empty one after a fault. */
function readList(list: unknown, path: string, faults: Faults): readonly unknown[] {
  if (!Array.isArray(list)) faults.add(path, `expected a list of objects, got ${kindOf(list)}`);
  else if (list.length === 0) faults.add(path, 'the list is empty; give at least one');
  else if (list.length > LIMITS.rowsPerRequest)
    faults.add(
      path,
      `${list.length} rows; at most ${LIMITS.rowsPerRequest} are taken: split the request`,
    );
  else return list;
  return [];
}

const pathOf = (place: string, row: number | undefined): string =>
  row === undefined ? place : `${place}[${row}]`;

/** @param row undefined for the query, which is written into row 0. */
function readObject(
  object: unknown,
  plan: ObjectPlan,
  place: string,
  row: number | undefined,
  { faults, inputs }: Reading,
): Instance | undefined {
  if (!isObject(object))
    return faults.add(pathOf(place, row), `expected an object, got ${kindOf(object)}`);
  let known = plan.names.has('id') && object['id'] !== undefined ? 1 : 0;
  for (const feature of plan.features) {
    const { name } = feature.feature;
    const value = ownValue(object, name);
    if (value !== undefined && name !== 'id') known++;
    const problem = writeValue(feature, value, row ?? 0, inputs);
    if (problem !== undefined) faults.add(`${pathOf(place, row)}.${name}`, problem);
  }
  if (known !== Object.keys(object).length) refuseUnknown(object, plan, pathOf(place, row), faults);
  return object;
}

/** JSON has no functions: one that is found belongs to Object.prototype, such as `constructor`. */
function ownValue(object: Instance, name: string): unknown {
  const value = object[name];
  return typeof value === 'function' ? undefined : value;
}

function readId(id: unknown, row: number, ids: Set<ItemId>, faults: Faults): void {
  const path = `items[${row}].id`;
  const problem = identifierProblem(id);
  if (problem !== undefined) faults.add(path, problem);
  else if (typeof id === 'string' || typeof id === 'number') {
    if (ids.has(id)) faults.add(path, `${JSON.stringify(id)} is the id of an item before`);
    ids.add(id);
  }
}

function refuseUnknown(object: Instance, plan: ObjectPlan, path: string, faults: Faults): void {
  for (const key of Object.keys(object)) {
    if (plan.names.has(key)) continue;
    if (plan.elsewhere?.names.has(key))
      faults.add(`${path}.${key}`, `belongs to ${plan.elsewhere.place}`);
    else faults.add(`${path}[${quoted(key)}]`, `unknown feature; ${suggestion(key, plan.names)}`);
  }
}

/** Edits up to which a name passes for a slip of the pen. */
const SLIP_EDITS = 2;

function suggestion(key: string, names: ReadonlySet<string>): string {
  const close = [...names].find((name) => isSlipOf(key, name));
  return close === undefined ? `allowed: ${[...names].join(', ')}` : `did you mean "${close}"?`;
}

function isSlipOf(key: string, name: string): boolean {
  if (key.toLowerCase() === name.toLowerCase()) return true;
  if (Math.abs(key.length - name.length) > SLIP_EDITS) return false;
  let edits = Array.from({ length: name.length + 1 }, (_, at) => at);
  for (let row = 0; row < key.length; row++) {
    const next = [row + 1];
    for (let at = 0; at < name.length; at++) {
      const replaced = (edits[at] ?? 0) + (key[row] === name[at] ? 0 : 1);
      next.push(Math.min(replaced, (edits[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    edits = next;
  }
  return (edits[name.length] ?? 0) <= SLIP_EDITS;
}
