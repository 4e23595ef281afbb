import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Retraining } from '../../functions/contracts/retraining.ts';
import { trainModel } from '../../functions/retrain/train-model.ts';
import { readModel } from '../../functions/runtime/onnx-file.ts';
import { graphAnswers, largestDifference } from './graph-answers.ts';
import { smallRows } from './small-rows.ts';
import { EXTREME_INSTANCES, smallSpec } from './small-spec.ts';

const MLP: Retraining['trainer'] = { kind: 'mlp', hidden: [8, 4], epochs: 3, learningRate: 0.01 };

describe.each(['regression', 'ranking', 'classification'] as const)('%s', (kind) => {
  it.each([
    ['gbdt', undefined, 6],
    ['mlp', MLP, 3],
  ] as const)('%s: the graph answers like the trainer', async (_, trainer, runs) => {
    const spec = smallSpec(kind);
    // Probabilities are no sums of what leaves answer.
    const floor = kind === 'classification' ? 0 : 1;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1e9 }), async (seed) => {
        const rows = smallRows(kind, 420, seed);
        const unseen = smallRows(kind, 50, seed + 1).instances;
        // Of so few rows a held-out part may have one query, and nothing clicked in it.
        const validation = smallRows(kind, 120, seed + 2);
        const options = { seed, validation, ...(trainer && { trainer }) };
        const model = await trainModel(spec, rows, options);
        const asked = [...rows.instances, ...unseen, ...EXTREME_INSTANCES];
        const answers = await graphAnswers(model.onnx, spec, asked);
        expect(largestDifference(model.answer(asked), answers, floor)).toBeLessThan(1e-5);
      }),
      { numRuns: runs },
    );
  });

  it('has the signature of the spec, no other files, and says what it is', async () => {
    const spec = smallSpec(kind);
    const { onnx, report } = await trainModel(spec, smallRows(kind, 300, 1), { seed: 5 });
    const { inputs, outputs, opsets, externalDataFiles, metadata } = readModel(onnx);
    const shapes = (tensors: typeof spec.signature.inputs | typeof spec.signature.outputs) =>
      tensors.map(({ name, datatype, columns }) => ({
        name,
        elementType: datatype,
        shape: ['rows', columns.length],
      }));
    expect(inputs).toEqual(shapes(spec.signature.inputs));
    expect(outputs).toEqual(shapes(spec.signature.outputs));
    expect(opsets).toEqual([
      { domain: '', version: 17 },
      { domain: 'ai.onnx.ml', version: 3 },
    ]);
    expect(externalDataFiles).toEqual([]);
    expect(metadata).toMatchObject({
      'slipway.model': spec.name,
      'slipway.features.sha256': report.featureDigest,
      'slipway.trainer': 'gbdt 1',
      'slipway.seed': '5',
    });
  });

  it('is the same bytes for the same rows and seed, and others for another seed', async () => {
    const rows = smallRows(kind, 200, 3);
    const options = { boosting: { rowShare: 0.7, columnShare: 0.7 } };
    const [one, same, other] = await Promise.all(
      [9, 9, 10].map((seed) => trainModel(smallSpec(kind), rows, { seed, ...options })),
    );
    expect(one?.onnx).toEqual(same?.onnx);
    expect(one?.onnx).not.toEqual(other?.onnx);
  });
});

it('never lets quantiles cross, and keeps the point between them', async () => {
  const spec = smallSpec('regression');
  const { onnx } = await trainModel(spec, smallRows('regression', 250, 4), { seed: 1 });
  const asked = [...smallRows('regression', 2000, 5).instances, ...EXTREME_INSTANCES];
  const answers = await graphAnswers(onnx, spec, asked);
  for (let at = 0; at < answers.length; at += 3) {
    const [point = 0, low = 0, high = 0] = answers.subarray(at, at + 3);
    expect(low <= point && point <= high).toBe(true);
  }
});
