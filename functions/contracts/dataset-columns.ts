import type { Feature } from './feature.ts';
import type { ModelSpec } from './model-spec.ts';

/** What a cell holds once it is read; null when missing. An empty text is missing, as serving has it. */
export type CellValue = string | number | boolean | null;

/** A column that rows of a model may have. */
export interface DatasetColumn {
  readonly name: string;
  readonly role: 'feature' | 'label' | 'query' | 'weight' | 'arm' | 'prediction';
  readonly kind: Feature['kind'];
  readonly isRequired: boolean;
  /** Numbers only, inclusive. */
  readonly range?: { readonly minimum: number; readonly maximum: number };
  readonly unit?: string;
  /** Categories that may not be others. */
  readonly values?: readonly string[];
}

/** What a row counts in metrics and training; kept by snapshots, of strata and of rows accepted at random. */
export const WEIGHT_COLUMN = 'weight';
/** Which arm a recorded row was answered by. */
export const ARM_COLUMN = 'arm';
/** The recorded prediction that a row was. */
export const PREDICTION_COLUMN = 'predictionId';

const RESERVED: readonly DatasetColumn[] = [
  {
    name: WEIGHT_COLUMN,
    role: 'weight',
    kind: 'number',
    isRequired: false,
    range: { minimum: Number.MIN_VALUE, maximum: 1e12 },
  },
  {
    name: ARM_COLUMN,
    role: 'arm',
    kind: 'category',
    isRequired: false,
    values: ['champion', 'challenger', 'pinned'],
  },
  { name: PREDICTION_COLUMN, role: 'prediction', kind: 'identifier', isRequired: false },
];

/** Largest relevance: 2^31 − 1 is as much gain as a 32-bit integer holds. */
const MOST_RELEVANCE = 31;

function labelColumn({ task }: ModelSpec): DatasetColumn {
  const label = { name: task.label, role: 'label', isRequired: true } as const;
  switch (task.kind) {
    case 'regression':
      return { ...label, kind: 'number', unit: task.unit };
    case 'ranking':
      return { ...label, kind: 'number', range: { minimum: 0, maximum: MOST_RELEVANCE } };
    case 'classification':
      return { ...label, kind: 'category', values: task.classes };
  }
}

function featureColumn(feature: Feature, queryKey: string | undefined): DatasetColumn {
  const { name, kind, required } = feature;
  const isQuery = name === queryKey;
  return {
    name,
    role: isQuery ? 'query' : 'feature',
    kind,
    isRequired: required || isQuery,
    ...(feature.kind === 'number' && { range: feature.range, unit: feature.unit }),
    ...(feature.kind === 'category' && feature.unknown === 'refuse' && { values: feature.values }),
  };
}

/** Entity keys whose values the log holds hashed, and so does every set that was made of it. */
export const hashedEntityKeys = ({ features, entityKeys }: ModelSpec): string[] =>
  features.flatMap(({ name, log }) => (log === 'hash' && entityKeys.includes(name) ? [name] : []));

/**
 * The columns that a dataset of a model may have, features first: those of the spec, the label, the key of a
 * query, and what recorded rows carry beside. A feature that has a reserved name is that feature.
 */
export function datasetColumns(spec: ModelSpec): DatasetColumn[] {
  const queryKey = spec.task.kind === 'ranking' ? spec.task.queryKey : undefined;
  const columns = spec.features.map((feature) => featureColumn(feature, queryKey));
  const known = new Set(columns.map(({ name }) => name));
  const beside: DatasetColumn[] = [
    labelColumn(spec),
    ...(queryKey === undefined
      ? []
      : [{ name: queryKey, role: 'query', kind: 'identifier', isRequired: true } as const]),
    ...RESERVED,
  ];
  return [...columns, ...beside.filter(({ name }) => !known.has(name))];
}
