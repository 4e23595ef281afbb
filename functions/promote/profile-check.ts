import type { ColumnProfile, DatasetProfile } from '../contracts/dataset-profile.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';

/** Why a profile cannot be the reference of a model's drift; none where there is no profile. */
export function profileFaults(
  { features }: Pick<ModelSpec, 'features'>,
  profile: DatasetProfile | undefined,
): string[] {
  if (!profile) return [];
  const bytes = Buffer.byteLength(JSON.stringify(profile));
  if (bytes > LIMITS.profileBytes)
    return [`the profile has ${bytes} bytes; the limit is ${LIMITS.profileBytes}`];
  return profile.columns.flatMap((column) => {
    const feature = features.find(({ name }) => name === column.name);
    const isOther = column.role === 'feature' && feature && feature.kind !== column.kind;
    return [
      ...(isOther ? [`profile: "${column.name}" is a ${feature.kind}, not a ${column.kind}`] : []),
      ...countFaults(column).map((fault) => `profile: "${column.name}" ${fault}`),
    ];
  });
}

function countFaults(column: ColumnProfile): string[] {
  if (column.kind !== 'number') return [];
  const { edges, counts } = column;
  const isAscending = edges.every((edge, at) => at === 0 || edge > (edges[at - 1] ?? edge));
  return [
    ...(isAscending ? [] : ['has edges that do not ascend']),
    ...(counts.length === edges.length + 2
      ? []
      : [`has ${edges.length} edges and ${counts.length} counts; there must be two more counts`]),
    ...(counts.some((count) => count < 0) ? ['has a count below 0'] : []),
  ];
}
