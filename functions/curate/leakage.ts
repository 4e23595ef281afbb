import { epochMs } from '../contracts/column-values.ts';
import type { LeakageFinding, PointerName } from '../contracts/dataset.ts';
import type { DatasetProfile } from '../contracts/dataset-profile.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { instantOf } from '../runtime/clock.ts';
import { hasEntity } from './dataset-build.ts';
import { DigestTable } from './digest-table.ts';
import { SHORT_DIGEST_BYTES } from './row-digests.ts';

export interface SharedRows {
  readonly count: number;
  readonly examples: { trainingRow: number; validationRow: number }[];
}

/**
 * Validation rows whose digest is among those of training; rows count from 1. Exact but for two digests of
 * 128 bits that meet by chance.
 */
export function sharedDigests(training: Uint8Array, validation: Uint8Array): SharedRows {
  const known = DigestTable.from(training);
  const examples: SharedRows['examples'] = [];
  let count = 0;
  for (let row = 0; row * SHORT_DIGEST_BYTES < validation.length; row++) {
    const from = row * SHORT_DIGEST_BYTES;
    const digest = validation.subarray(from, from + SHORT_DIGEST_BYTES);
    const found = hasEntity(digest) ? known.find(digest) : undefined;
    if (found === undefined) continue;
    count += 1;
    if (examples.length < LIMITS.datasetExamples)
      examples.push({ trainingRow: found + 1, validationRow: row + 1 });
  }
  return { count, examples };
}

/** @param digests of the key's values, a row; undefined of a set that was made before it was a key. */
export function entityFinding(
  key: string,
  { training, validation }: Readonly<Record<PointerName, Uint8Array | undefined>>,
): LeakageFinding | undefined {
  if (training && validation) {
    const shared = sharedDigests(training, validation);
    return shared.count > 0 ? { kind: 'shared-entities', key, ...shared } : undefined;
  }
  const of: PointerName[] = [];
  if (!training) of.push('training');
  if (!validation) of.push('validation');
  return { kind: 'unchecked-entities', key, of };
}

/**
 * Training must end before validation begins, by the spec's first timestamp feature: a model that saw later
 * rows is judged on what it could not have known.
 */
export function timeOrderFinding(
  { features }: ModelSpec,
  training: DatasetProfile,
  validation: DatasetProfile,
): LeakageFinding | undefined {
  const feature = features.find(({ kind }) => kind === 'timestamp')?.name;
  if (feature === undefined) return undefined;
  const until = endOf(training, feature, 'latest');
  const from = endOf(validation, feature, 'earliest');
  if (until === undefined || from === undefined || until < from) return undefined;
  return {
    kind: 'time-order',
    feature,
    trainingUntil: instantOf(until),
    validationFrom: instantOf(from),
  };
}

function endOf(
  { columns }: DatasetProfile,
  feature: string,
  end: 'earliest' | 'latest',
): number | undefined {
  const column = columns.find(({ name }) => name === feature);
  return column?.kind === 'timestamp' && column.range ? epochMs(column.range[end]) : undefined;
}

/** A finding in words. */
export function explainFinding(finding: LeakageFinding): string {
  switch (finding.kind) {
    case 'shared-rows':
      return `${finding.count} validation rows are training rows too, such as ${exampleOf(finding)}`;
    case 'shared-entities':
      return `${finding.count} validation rows have a ${finding.key} that training has too, such as ${exampleOf(finding)}`;
    case 'unchecked-entities':
      return `whether the two share a ${finding.key} cannot be checked: the ${finding.of.join(' and the ')} version was imported before ${finding.key} was an entity key; import it again`;
    case 'time-order':
      return `training goes on until ${finding.trainingUntil} by ${finding.feature}, validation begins at ${finding.validationFrom}`;
  }
}

function exampleOf({ examples: [first] }: SharedRows): string {
  return first
    ? `validation row ${first.validationRow} and training row ${first.trainingRow}`
    : '–';
}
