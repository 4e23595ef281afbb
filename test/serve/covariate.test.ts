import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { bucketOf } from '../../functions/serve/assignment.ts';
import { readLoggedRequests } from '../../functions/serve/logged-requests.ts';
import { ModelServer } from '../../functions/serve/model-server.ts';
import { RouteCache } from '../../functions/serve/route-cache.ts';
import { Shadow } from '../../functions/serve/shadow.ts';
import type { Tensor } from '../../functions/serve/tensor.ts';
import { aModel } from '../builders/model-spec.ts';
import { posted } from '../builders/posted.ts';
import { aChallenger, aRoute, ManualClock } from '../builders/route.ts';
import { recordingWorld } from '../record/recording-world.ts';

const ARMS = ['champion', 'challenger'] as const;
type Arm = (typeof ARMS)[number];

/** Seals a feature, so that without a key it stays out of the log. */
const spec = aModel('m', {
  features: aModel().features.map((feature) =>
    feature.name === 'b' ? { ...feature, log: 'sealed' as const } : feature,
  ),
});

const PROMOTION = 'm-p1';
const units = Array.from({ length: 200 }, (_, at) => `unit-${at}`);
const armOf = (unit: string): Arm =>
  bucketOf(`${PROMOTION}/variant`, unit) < 5_000 ? 'champion' : 'challenger';
const isExposed = (unit: string): boolean => bucketOf(`${PROMOTION}/expose`, unit) < 5_000;
const unitOf = (arm: Arm): string | undefined =>
  units.find((unit) => isExposed(unit) && armOf(unit) === arm);

type Instances = readonly Readonly<Record<string, number>>[];

/** Says the first feature of each row, and the challenger 100 more; the champion fails below 0. */
const answering = (version: string, isBroken: boolean) => ({
  run: async ([input]: readonly Tensor[]): Promise<readonly Tensor[]> => {
    if (isBroken) throw new Error('broken');
    const firsts = Array.from(input?.data as Float32Array).filter((_, at) => at % 3 === 0);
    if (version === '1' && firsts.some((first) => first < 0)) throw new Error('below 0');
    const data = Float32Array.from(firsts, (first) => (version === '2' ? first + 100 : first));
    return [{ name: 'o', datatype: 'FP32', shape: [data.length, 1], data }];
  },
  release: async () => undefined,
});

/** A server, its shadow and the recorder in a test that exposes half of the units. */
function world({ exposureBasisPoints = 5_000, isChallengerBroken = false } = {}) {
  const clock = new ManualClock();
  const route = aRoute({
    challenger: aChallenger({ promotion: PROMOTION, exposureBasisPoints, isShadowed: true }),
  });
  const lines: string[] = [];
  const answers: string[] = [];
  const parts = {
    spec,
    clock,
    routes: new RouteCache({ read: async () => route }, 'm', clock),
    backends: {
      open: async ({ version }: { version: string }) =>
        answering(version, version === '2' && isChallengerBroken),
    },
  };
  const server = new ModelServer({
    ...parts,
    findVersion: async () => undefined,
    writeLine: (line) => void lines.push(line),
  });
  const shadow = new Shadow({ ...parts, writeLine: (line) => void answers.push(line) });
  const recording = recordingWorld([spec]);
  const post = async (path: string, body: object): Promise<void> => {
    // A failure has its own line.
    await server.answer(posted(path, body)).catch(() => undefined);
  };
  const ask = (unit: string | undefined, instances: Instances) =>
    post('v1/models/m/predict', { ...(unit !== undefined && { unit }), instances });
  const flags = () =>
    lines.map((line) => JSON.parse(line)).map(({ isShadowed }): unknown => isShadowed);
  /** @param isDelivered which of the lines come to the shadow; the recorder gets them all. */
  async function covariates(isDelivered: (line: string) => boolean = () => true) {
    const messages = lines.filter((line) => JSON.parse(line).isShadowed && isDelivered(line));
    const logEvents = messages.map((message, at) => ({ id: String(at), timestamp: at, message }));
    const data = gzipSync(JSON.stringify({ messageType: 'DATA_MESSAGE', logEvents }));
    const { predictions, incomplete } = readLoggedRequests({
      awslogs: { data: data.toString('base64') },
    });
    shadow.skipIncomplete(incomplete);
    for (const line of predictions) await shadow.run(line);
    await recording.recording.recordDelivery([...lines, ...answers]);
    const { exposures } = recording.units;
    return [...exposures.values()].map(({ arm, covariate }) => [arm, covariate]);
  }
  return { answers, ask, covariates, flags, post };
}

describe('the covariate of a unit', () => {
  test('is what the champion says of its first request, in both arms', async () => {
    const { ask, covariates } = world();
    for (const arm of ARMS) await ask(unitOf(arm), [{ a: arm === 'champion' ? 7 : 8 }, { a: 20 }]);
    expect(await covariates()).toEqual([
      ['champion', 7],
      ['challenger', 8],
    ]);
  });

  test('is known of a unit whose challenger failed, too', async () => {
    const { ask, covariates } = world({ isChallengerBroken: true });
    await ask(unitOf('challenger'), [{ a: 8 }]);
    expect(await covariates()).toEqual([['challenger', 8]]);
  });

  const large = Array.from({ length: 9_000 }, (_, at) => ({ a: at, c: 123_456 }));
  const isNotLastPart = (line: string): boolean => {
    const { part, of } = JSON.parse(line);
    return part === undefined || part < of;
  };
  test.each<[string, Instances, ((line: string) => boolean)?]>([
    ['was withheld from the log in part', [{ a: 7, b: 1 }]],
    ['came apart in delivery', large, isNotLastPart],
    ['makes the champion fail', [{ a: -1 }]],
    ['was not delivered to the shadow', [{ a: 7 }], () => false],
  ])('is lost in both arms alike where the request %s', async (_, instances, isDelivered) => {
    const { ask, covariates } = world();
    for (const arm of ARMS) await ask(unitOf(arm), instances);
    expect(await covariates(isDelivered)).toEqual([
      ['champion', undefined],
      ['challenger', undefined],
    ]);
  });

  test('survives a large request whose parts come together', async () => {
    const { ask, covariates } = world();
    for (const arm of ARMS) await ask(unitOf(arm), large);
    expect(await covariates()).toEqual([
      ['champion', 0],
      ['challenger', 0],
    ]);
  });
});

describe('the shadow is asked', () => {
  const pinned = (version: string) => `v2/models/m/versions/${version}/infer`;
  const inference = (unit?: string) => ({
    ...(unit !== undefined && { parameters: { unit } }),
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }],
  });

  test('nothing in a test about units that are not enrolled, nor about a version that was named', async () => {
    const { ask, flags, post } = world();
    await ask(
      units.find((unit) => !isExposed(unit)),
      [{ a: 1 }],
    );
    await ask(undefined, [{ a: 1 }]);
    for (const version of ['1', '2'])
      for (const arm of ARMS) await post(pinned(version), inference(unitOf(arm)));
    expect(flags()).toEqual(Array(6).fill(false));
  });

  test('about everything that the champion answers before anybody is exposed, and no covariate', async () => {
    const { answers, ask, covariates, flags, post } = world({ exposureBasisPoints: 0 });
    for (const unit of [...ARMS.map(unitOf), undefined]) await ask(unit, [{ a: 1 }]);
    await post(pinned('1'), inference(unitOf('champion')));
    expect(flags()).toEqual([true, true, true, false]);
    expect(await covariates()).toEqual([]);
    expect(answers.map((line) => JSON.parse(line).comparison?.scores)).toEqual(
      Array(3).fill([[1, 101]]),
    );
  });
});
