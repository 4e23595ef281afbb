import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { ModelMisbehaved } from '../../functions/serve/fault.ts';
import { compileAnswerWriter } from '../../functions/serve/named-answer.ts';
import type { Tensor } from '../../functions/serve/tensor.ts';

const delivery = (...data: number[]): Tensor => ({
  name: 'delivery',
  datatype: 'FP32',
  shape: [data.length / 3, 3],
  data: Float32Array.from(data),
});
const scores = (data: readonly number[]): Tensor => ({
  name: 'scores',
  datatype: 'FP32',
  shape: [data.length, 1],
  data: Float32Array.from(data),
});

describe('predictions', () => {
  const { writePredictions } = compileAnswerWriter(deliveryTime);

  test('are one object a row, null where the model gave no finite number', () => {
    expect(
      writePredictions([delivery(31.5, 25, 40, Number.NaN, Number.POSITIVE_INFINITY, 3)], 2),
    ).toEqual([
      { minutes: 31.5, minutesLow: 25, minutesHigh: 40 },
      { minutes: null, minutesLow: null, minutesHigh: 3 },
    ]);
  });

  test('of a classifier say what was decided, from the threshold on', () => {
    const threshold = Math.fround(0.12);
    const data = Float32Array.of(0.75, 0, threshold, 1, 0.05, 2, Number.NaN, 3);
    const risk: Tensor = { name: 'risk', datatype: 'FP32', shape: [4, 2], data };
    const spec = { ...cardFraud, task: { ...cardFraud.task, threshold } };
    expect(compileAnswerWriter(spec).writePredictions([risk], 4)).toEqual([
      { fraudProbability: 0.75, anomaly: 0, decision: 'fraud' },
      { fraudProbability: threshold, anomaly: 1, decision: 'fraud' },
      { fraudProbability: Math.fround(0.05), anomaly: 2, decision: 'legitimate' },
      { fraudProbability: null, anomaly: 3, decision: null },
    ]);
  });

  test('of 64-bit integers are exact', () => {
    const spec = {
      ...deliveryTime,
      signature: {
        ...deliveryTime.signature,
        outputs: [{ name: 'n', datatype: 'INT64' as const, columns: ['minutes'] }],
      },
    };
    const data = BigInt64Array.of(7n, 9007199254740993n);
    const n: Tensor = { name: 'n', datatype: 'INT64', shape: [2], data };
    expect(compileAnswerWriter(spec).writePredictions([n], 2)).toEqual([
      { minutes: 7 },
      { minutes: '9007199254740993' },
    ]);
  });

  test.each([
    [[], 'the model gave no output "delivery"'],
    [[delivery(1, 2, 3)], 'output "delivery" is FP32 [1, 3]; the spec says FP32 [2, 3]'],
    [
      [{ ...delivery(1, 2, 3, 4, 5, 6), shape: [3, 2] }],
      'output "delivery" is FP32 [3, 2]; the spec says FP32 [2, 3]',
    ],
    [
      [{ ...delivery(1, 2, 3, 4, 5, 6), datatype: 'FP64' as const }],
      'output "delivery" is FP64 [2, 3]; the spec says FP32 [2, 3]',
    ],
  ])('of %j are the fault of the model', (outputs, message) => {
    expect(() => writePredictions(outputs, 2)).toThrow(new ModelMisbehaved(message));
  });
});

describe('a ranking', () => {
  const { writeRanking } = compileAnswerWriter(searchRanking);

  test('falls by score, keeps the order of equals, and ends with what has no score', () => {
    expect(writeRanking([scores([0.25, Number.NaN, 0.5, 0.25])], ['a', 'b', 3, 'd'])).toEqual([
      { id: 3, interest: 0.5, rank: 1 },
      { id: 'a', interest: 0.25, rank: 2 },
      { id: 'd', interest: 0.25, rank: 3 },
      { id: 'b', interest: null, rank: 4 },
    ]);
  });

  test('is every item once, sorted', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noDefaultInfinity: true }), { maxLength: 50 }), (given) => {
        const ids = given.map((_, at) => at);
        const ranking = writeRanking([scores(given)], ids);
        expect(ranking.map(({ id }) => Number(id)).toSorted((a, b) => a - b)).toEqual(ids);
        expect(ranking.map(({ rank }) => rank)).toEqual(ids.map((id) => id + 1));
        const found = ranking.map(({ interest }) => interest ?? Number.NEGATIVE_INFINITY);
        expect(found).toEqual(found.toSorted((a, b) => Number(b) - Number(a)));
        ranking.forEach(({ id, interest }) => {
          const score = given[Number(id)] ?? Number.NaN;
          expect(interest).toBe(Number.isNaN(score) ? null : score);
        });
      }),
      { numRuns: 1000 },
    );
  });

  test('of a model without a score, or with too few, is the fault of the model', () => {
    expect(() => writeRanking([scores([1])], ['a', 'b'])).toThrow(ModelMisbehaved);
    expect(() => compileAnswerWriter(deliveryTime).writeRanking([], [])).toThrow(ModelMisbehaved);
  });
});
