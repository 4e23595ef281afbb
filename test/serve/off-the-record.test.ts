import { describe, expect, test } from 'vitest';
import { featuresOf } from '../../functions/contracts/feature.ts';
import type { PredictionLine } from '../../functions/contracts/prediction-line.ts';
import type { Route } from '../../functions/contracts/route.ts';
import type { Backend } from '../../functions/serve/backend.ts';
import { RecordedRequestReader } from '../../functions/serve/recorded-request.ts';
import type { RouteCache } from '../../functions/serve/route-cache.ts';
import { Shadow } from '../../functions/serve/shadow.ts';
import type { Tensor } from '../../functions/serve/tensor.ts';
import { Trial } from '../../functions/serve/trial.ts';
import { aModel } from '../builders/model-spec.ts';
import { aLine } from '../builders/prediction-line.ts';
import { aChallenger, aRoute, ManualClock, servedVersion } from '../builders/route.ts';

const spec = aModel();
const sealing = aModel('m', {
  features: spec.features.map((feature) =>
    feature.name === 'a' ? { ...feature, log: 'sealed' as const } : feature,
  ),
});
const asked = { api: 'predict' as const, instances: [{ a: 1, b: 2, c: 3 }] };
const sealed = { dataKey: 'k', iv: 'i', ciphertext: 'c' };
const unsealer = {
  open: async () => JSON.stringify({ api: 'predict', instances: [{ a: 7 }] }),
};

/** Says the first feature plus an offset, a row. */
const answering = (offset: number): Backend => ({
  run: async ([input]) => {
    const data = Array.from(input?.data as Float32Array);
    const points = data.filter((_, at) => at % 3 === 0).map((value) => value + offset);
    return [
      { name: 'o', datatype: 'FP32', shape: [points.length, 1], data: Float32Array.from(points) },
    ] as unknown as Tensor[];
  },
  release: async () => {},
});
const broken: Backend = {
  run: () => Promise.reject(new Error('no such category')),
  release: async () => {},
};

describe('a recorded request', () => {
  test('is read as the model’s inputs, sealed values opened', async () => {
    const reader = new RecordedRequestReader(sealing, unsealer);
    const kept = { api: 'predict' as const, instances: [{ b: 2, c: 3 }] };
    const [input] = await reader.inputsOf({ predictionId: 'p1', asked: kept, sealed });
    expect(Array.from(input?.data as Float32Array)).toEqual([7, 2, 3]);
  });

  test('with sealed values that nobody can open is an error', async () => {
    const reader = new RecordedRequestReader(spec, undefined);
    await expect(reader.inputsOf({ predictionId: 'p1', asked, sealed })).rejects.toThrow(
      'seals none',
    );
  });

  test('misses only what the model is asked', () => {
    const hashed = aModel('m', {
      features: [
        ...spec.features,
        featuresOf().identifier('card', 'A card.', { required: false, log: 'hash' }),
      ],
    });
    const reader = new RecordedRequestReader(hashed, undefined);
    expect(reader.missing({ withheld: ['a', 'card'] })).toEqual(['a']);
  });
});

describe('a trial', () => {
  const trialOf = (backend: Backend) =>
    new Trial({ spec, backends: { open: async () => backend }, memoryMb: () => 256 });
  const request = { served: servedVersion('2'), requests: [{ asked }], repeat: 3 };

  test('answers every repetition, and keeps the outputs of the first', async () => {
    const { answers, memoryMb, openMs } = await trialOf(answering(1)).run(request);
    expect(answers[0]?.timesMs).toHaveLength(3);
    expect(answers[0]?.outputs).toEqual([
      { name: 'o', datatype: 'FP32', shape: [1, 1], data: [2] },
    ]);
    expect(memoryMb).toBe(256);
    expect(openMs).toBeGreaterThanOrEqual(0);
  });

  test('finds out what a version fails at', async () => {
    const { answers } = await trialOf(broken).run(request);
    expect(answers).toEqual([{ timesMs: [], failure: 'no such category' }]);
  });

  test('of a version that does not open fails as a whole', async () => {
    const open = () => Promise.reject(new Error('not an ONNX file'));
    const trial = new Trial({ spec, backends: { open }, memoryMb: () => 0 });
    await expect(trial.run(request)).rejects.toThrow('not an ONNX file');
  });
});

describe('a shadow', () => {
  const ARMS = ['champion', 'challenger'] as const;

  /** What it writes about a line. */
  async function shadowed(
    line: PredictionLine,
    backend: Backend,
    route: Route | undefined = aRoute({
      challenger: aChallenger({ promotion: 'm-p1', isShadowed: true }),
    }),
  ) {
    const written: Record<string, unknown>[] = [];
    const opened: string[] = [];
    const shadow = new Shadow({
      spec,
      routes: { current: async () => route && { route } } as unknown as RouteCache,
      backends: {
        open: async ({ version }) => {
          opened.push(version);
          return backend;
        },
      },
      clock: new ManualClock(),
      writeLine: (text) => void written.push(JSON.parse(text)),
    });
    await shadow.run(line);
    return { line: written[0] ?? {}, opened };
  }
  const line = (over: Partial<PredictionLine> = {}) =>
    aLine({
      asked,
      promotion: 'm-p1',
      unit: 'u1',
      outputs: [{ name: 'o', datatype: 'FP32', shape: [1, 1], data: [1] }],
      ...over,
    });

  test('compares the challenger with the champion’s own answer', async () => {
    const found = await shadowed(line(), answering(0.5));
    expect(found.opened).toEqual(['2']);
    expect(found.line).toMatchObject({
      kind: 'shadow',
      promotion: 'm-p1',
      comparison: { rows: 1, agreed: 1, flipped: 0, scores: [[1, 1.5]], failed: false },
    });
    expect(found.line).not.toHaveProperty('covariate');
  });

  test.each(ARMS)(
    'asks the champion for the covariate of an enrolled unit of the %s',
    async (arm) => {
      const found = await shadowed(line({ arm, isEnrolled: true, assigned: arm }), answering(0));
      expect(found.opened).toEqual(['1']);
      expect(found.line).toMatchObject({ unit: 'u1', covariate: 1 });
      expect(found.line).not.toHaveProperty('comparison');
    },
  );

  test('compares a request of before the A/B test, however late, and gives nobody a covariate', async () => {
    const exposing = aChallenger({
      promotion: 'm-p1',
      isShadowed: true,
      exposureBasisPoints: 10_000,
    });
    const found = await shadowed(line(), answering(0.5), aRoute({ challenger: exposing }));
    expect(found.opened).toEqual(['2']);
    expect(found.line).toMatchObject({ comparison: { scores: [[1, 1.5]] } });
    expect(found.line).not.toHaveProperty('covariate');
  });

  test.each(ARMS)(
    'compares nothing of the %s in an A/B test that is over when it comes',
    async (arm) => {
      const hidden = aChallenger({ promotion: 'm-p1', isShadowed: true, exposureBasisPoints: 0 });
      const found = await shadowed(
        line({ arm, isEnrolled: true, assigned: arm }),
        answering(0),
        aRoute({ challenger: hidden }),
      );
      expect(found.opened).toEqual(['1']);
      expect(found.line).not.toHaveProperty('comparison');
    },
  );

  test('that fails agrees in nothing, and throws nothing', async () => {
    expect((await shadowed(line(), broken)).line).toMatchObject({
      comparison: { agreed: 0, failed: true },
      failure: { message: 'no such category' },
    });
  });

  test.each(ARMS)(
    'of a covariate of the %s that fails is counted, and no comparison',
    async (arm) => {
      const failed = await shadowed(line({ arm, isEnrolled: true, assigned: arm }), broken);
      expect(failed.line).toMatchObject({ ShadowFailures: 1 });
      expect(failed.line).not.toHaveProperty('comparison');
      expect(failed.line).not.toHaveProperty('covariate');
    },
  );

  test.each<[string, Partial<PredictionLine>, Route | undefined, string]>([
    ['of a promotion that is over', { promotion: 'm-p0' }, undefined, 'the promotion is over'],
    ['when nothing is shadowed', {}, aRoute(), 'the promotion is over'],
    ['when inputs were withheld', { withheld: ['a'] }, undefined, 'not in the log: a'],
  ])('%s is skipped, with the reason', async (_, over, route, reason) => {
    const found = await shadowed(line(over), answering(0), route);
    expect(found.opened).toEqual([]);
    expect(found.line).toMatchObject({ reason });
  });
});
