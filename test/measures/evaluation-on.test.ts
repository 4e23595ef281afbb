import { describe, expect, test } from 'vitest';
import { DatasetDigest } from '../../functions/contracts/dataset.ts';
import {
  type EvaluationOn,
  IncomparableError,
  metricChanges,
  onDataset,
  pinResult,
} from '../../functions/measures/evaluation-on.ts';

const march = DatasetDigest.parse('a'.repeat(64));
const april = DatasetDigest.parse('b'.repeat(64));
const resultOn = <Pinned extends DatasetDigest>(
  dataset: Pinned,
  version: string,
  mae: number | undefined,
): EvaluationOn<Pinned> => ({ dataset, version, metrics: { mae, bias: 0 } });

describe('results on one dataset', () => {
  test('compare metric by metric, without those that either lacks', () => {
    const changes = onDataset(march, (pinned) =>
      metricChanges(resultOn(pinned, '1', 4), resultOn(pinned, '2', undefined)),
    );
    expect(changes).toEqual({ bias: { from: 0, to: 0 } });
  });

  test('that were stored are pinned to the dataset they cite', () => {
    const stored: EvaluationOn<DatasetDigest> = resultOn(march, '1', 4);
    const changes = onDataset(march, (pinned) =>
      metricChanges(pinResult(pinned, stored), resultOn(pinned, '2', 3)),
    );
    expect(changes['mae']).toEqual({ from: 4, to: 3 });
  });
});

describe('results on two datasets', () => {
  test('do not compile where they are compared', () => {
    onDataset(march, (one) =>
      onDataset(april, (other) => {
        expect(() =>
          // @ts-expect-error: the second result is on another dataset.
          metricChanges(resultOn(one, '1', 4), resultOn(other, '1', 3)),
        ).toThrow(IncomparableError);
      }),
    );
  });

  test('are refused where a stored result is of another dataset', () => {
    expect(() => onDataset(march, (pinned) => pinResult(pinned, resultOn(april, '1', 4)))).toThrow(
      /never compared: evaluate both versions on one dataset/,
    );
  });
});
