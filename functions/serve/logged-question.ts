import type { Feature } from '../contracts/feature.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { type AskedLine, hashedText, type SealedFields } from '../contracts/prediction-line.ts';
import { loggedTensor } from './prediction-log.ts';
import type { Tensor } from './tensor.ts';

/** What may be logged of a request, and what must be sealed first. */
export interface LoggedQuestion {
  readonly asked: AskedLine;
  /** Features that are in neither. */
  readonly withheld: readonly string[];
  readonly sealed?: { readonly fields: SealedFields; readonly names: readonly string[] };
}

/** Undefined where there is no secret to hash with. */
export type Hash = ((text: string) => string) | undefined;

type Fields = Readonly<Record<string, unknown>>;
type Policy = Feature['log'];

export interface LogPolicies {
  /** By feature; those logged in plain are absent. */
  readonly kept: ReadonlyMap<string, Policy>;
  readonly columns: readonly SealedColumn[];
}

interface SealedColumn {
  readonly feature: string;
  readonly input: string;
  readonly column: number;
  readonly width: number;
}

export const logPolicies = ({ features, signature }: ModelSpec): LogPolicies => {
  const kept = new Map(
    features.filter(({ log }) => log !== 'plain').map(({ name, log }) => [name, log]),
  );
  const columns = signature.inputs.flatMap((input) =>
    input.columns.flatMap((named, column): SealedColumn[] => {
      const feature = typeof named === 'string' ? named : named.feature;
      if (!kept.has(feature)) return [];
      return [{ feature, input: input.name, column, width: input.columns.length }];
    }),
  );
  return { kept, columns };
};

/** Takes objects apart into what is logged and what is sealed, and remembers the names it met. */
class FieldSplit {
  readonly withheld = new Set<string>();
  readonly sealed = new Set<string>();
  readonly #kept: LogPolicies['kept'];
  readonly #hash: Hash;

  constructor({ kept }: LogPolicies, hash: Hash) {
    this.#kept = kept;
    this.#hash = hash;
  }

  split(fields: Fields): { readonly open: Record<string, unknown>; readonly secret: Fields } {
    // Copied name by name: an object that loses members takes long to write as JSON.
    const open: Record<string, unknown> = {};
    const secret: Record<string, unknown> = {};
    for (const name of Object.keys(fields)) {
      const value = fields[name];
      const policy = value === null ? undefined : this.#kept.get(name);
      if (policy === undefined) open[name] = value;
      else if (policy === 'sealed') {
        secret[name] = value;
        this.sealed.add(name);
      } else if (policy === 'hash' && this.#hash) open[name] = this.#hash(hashedText(value));
      else this.withheld.add(name);
    }
    return { open, secret };
  }

  loggedAs(asked: AskedLine, fields: SealedFields): LoggedQuestion {
    return {
      asked,
      withheld: [...this.withheld],
      ...(this.sealed.size > 0 && { sealed: { fields, names: [...this.sealed] } }),
    };
  }
}

export function logInstances(
  policies: LogPolicies,
  hash: Hash,
  instances: readonly Fields[],
): LoggedQuestion {
  const fields = new FieldSplit(policies, hash);
  const split = instances.map((each) => fields.split(each));
  return fields.loggedAs(
    { api: 'predict', instances: split.map(({ open }) => open) },
    { api: 'predict', instances: split.map(({ secret }) => secret) },
  );
}

export function logRanking(
  policies: LogPolicies,
  hash: Hash,
  query: Fields,
  items: readonly Fields[],
): LoggedQuestion {
  const fields = new FieldSplit(policies, hash);
  const ofQuery = fields.split(query);
  const ofItems = items.map((each) => fields.split(each));
  return fields.loggedAs(
    { api: 'rank', query: ofQuery.open, items: ofItems.map(({ open }) => open) },
    { api: 'rank', query: ofQuery.secret, items: ofItems.map(({ secret }) => secret) },
  );
}

/** Columns of sealed features are logged as missing, and sealed beside. Other policies have no columns. */
export function logTensors(policies: LogPolicies, inputs: readonly Tensor[]): LoggedQuestion {
  const names = new Set<string>();
  const columns: Extract<SealedFields, { api: 'infer' }>['columns'] = [];
  const logged = inputs.map((input) => {
    const tensor = loggedTensor(input);
    for (const { feature, input: name, column, width } of policies.columns) {
      if (name !== input.name) continue;
      names.add(feature);
      const values: typeof tensor.data = [];
      for (let cell = column; cell < tensor.data.length; cell += width) {
        values.push(tensor.data[cell] ?? null);
        tensor.data[cell] = input.datatype === 'BYTES' ? '' : null;
      }
      columns.push({ input: name, column, width, values });
    }
    return tensor;
  });
  return {
    asked: { api: 'infer', inputs: logged },
    withheld: [],
    ...(names.size > 0 && { sealed: { fields: { api: 'infer', columns }, names: [...names] } }),
  };
}
