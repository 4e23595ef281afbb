import { columnValue, type FeatureValue } from '../contracts/column-values.ts';
import type { Feature } from '../contracts/feature.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { TimestampPart } from '../contracts/signature.ts';
import { kindOf, quoted } from './fault.ts';
import type { Tensor } from './tensor.ts';
import { textProblem } from './tensor-values.ts';

/** An instance, a query or an item as the caller wrote it. */
export type Instance = Readonly<Record<string, unknown>>;

/** Where one column of a feature stands: `data[row * width + column]` of the tensor. */
interface Cell {
  readonly tensor: number;
  readonly column: number;
  readonly width: number;
  readonly part: TimestampPart | undefined;
}

export interface FeaturePlan {
  readonly feature: Feature;
  /** Empty for a feature that is no model input. */
  readonly cells: readonly Cell[];
  /** The only values taken, for a category that refuses others. */
  readonly taken: ReadonlySet<string> | undefined;
}

export function planFeatures({ features, signature }: ModelSpec): FeaturePlan[] {
  return features.map((feature) => ({
    feature,
    cells: signature.inputs.flatMap(({ columns }, tensor) =>
      columns.flatMap((named, column) => {
        const { name, part } =
          typeof named === 'string'
            ? { name: named, part: undefined }
            : { name: named.feature, part: named.part };
        return name === feature.name ? [{ tensor, column, width: columns.length, part }] : [];
      }),
    ),
    taken:
      feature.kind === 'category' && feature.unknown === 'refuse'
        ? new Set(feature.values)
        : undefined,
  }));
}

/** The signature's input tensors for so many rows, every value missing: NaN, or ''. */
export const missingInputs = ({ signature }: ModelSpec, rows: number): Tensor[] =>
  signature.inputs.map(({ name, datatype, columns }) => ({
    name,
    datatype,
    shape: [rows, columns.length],
    data:
      datatype === 'BYTES'
        ? new Array<string>(rows * columns.length).fill('')
        : new Float32Array(rows * columns.length).fill(Number.NaN),
  }));

/**
 * Checks one value of a row and writes it into the columns of its feature.
 * @param value undefined or null: missing.
 * @returns why the value cannot be taken, in which case nothing was written, or undefined.
 */
export function writeValue(
  plan: FeaturePlan,
  value: unknown,
  row: number,
  inputs: readonly Tensor[],
): string | undefined {
  if (value === undefined || value === null) return missingProblem(plan.feature, value);
  const problem = problemOf(plan, value);
  if (problem !== undefined) return problem;
  for (const { tensor, column, width, part } of plan.cells) {
    const data = inputs[tensor]?.data;
    const at = row * width + column;
    if (data instanceof Float32Array)
      data[at] = columnValue(plan.feature, part, scalar(value)) ?? Number.NaN;
    else if (Array.isArray(data) && typeof value === 'string') data[at] = value;
  }
  return undefined;
}

const scalar = (value: unknown): FeatureValue =>
  typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string'
    ? value
    : undefined;

/** Gives every row the value that row 0 has in the columns of these features. */
export function repeatFirstRow(
  plans: readonly FeaturePlan[],
  rows: number,
  inputs: readonly Tensor[],
): void {
  for (const { cells } of plans)
    for (const { tensor, column, width } of cells) {
      const data = inputs[tensor]?.data;
      if (!data) continue;
      for (let row = 1; row < rows; row++) data[row * width + column] = data[column] ?? '';
    }
}

const missingProblem = (feature: Feature, value: unknown): string | undefined =>
  feature.required ? `required, got ${kindOf(value)}` : undefined;

function problemOf(plan: FeaturePlan, value: unknown): string | undefined {
  const { feature } = plan;
  if (feature.kind === 'number') return numberProblem(feature, value);
  if (feature.kind === 'category') return categoryProblem(plan, value);
  if (feature.kind === 'timestamp') return timestampProblem(plan, value);
  if (feature.kind === 'identifier') return identifierProblem(value);
  return typeof value === 'boolean' ? undefined : `expected true or false, got ${kindOf(value)}`;
}

function numberProblem(
  { range, unit }: Extract<Feature, { kind: 'number' }>,
  value: unknown,
): string | undefined {
  if (typeof value !== 'number') return `expected a number, got ${kindOf(value)}`;
  if (value >= range.minimum && value <= range.maximum) return undefined;
  // A bare NaN was read as an overflow, so that it cannot pass for a missing value.
  return Number.isFinite(value)
    ? `expected ${range.minimum} to ${range.maximum} ${unit}, got ${value}`
    : 'expected a finite number, got NaN or an infinity';
}

const VALUES_SHOWN = 30;

function categoryProblem({ feature, taken }: FeaturePlan, value: unknown): string | undefined {
  const problem = textProblem(value);
  if (problem !== undefined || typeof value !== 'string') return problem;
  // The model reads '' as missing, so it must not stand in for a value.
  if (value === '') return feature.required ? 'required, got empty text' : undefined;
  if (!taken || taken.has(value)) return undefined;
  const shown = [...taken].slice(0, VALUES_SHOWN).join(', ');
  return `expected one of ${shown}${taken.size > VALUES_SHOWN ? ', …' : ''}; got ${quoted(value)}`;
}

function timestampProblem({ feature, cells }: FeaturePlan, value: unknown): string | undefined {
  if (typeof value === 'string') {
    const part = cells[0]?.part ?? 'hour-of-day';
    if (columnValue(feature, part, value) !== undefined) return undefined;
  }
  return `expected a time with offset like 2026-11-23T18:30:00+01:00, got ${typeof value === 'string' ? quoted(value) : kindOf(value)}`;
}

/** A number beyond 2^53 has already lost its last digits when it arrives here. */
export function identifierProblem(value: unknown): string | undefined {
  if (typeof value === 'string' && value.length >= 1 && value.length <= LIMITS.unitCharacters)
    return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return undefined;
  return `expected text of 1 to ${LIMITS.unitCharacters} characters or an integer within ±2^53, got ${kindOf(value)}`;
}
