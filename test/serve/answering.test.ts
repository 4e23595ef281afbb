import { describe, expect, test } from 'vitest';
import {
  answerWith,
  candidatesFor,
  type PredictionFailed,
} from '../../functions/serve/answering.ts';
import { VersionUnavailable } from '../../functions/serve/backend-pool.ts';
import { ModelMisbehaved, RequestRefused } from '../../functions/serve/fault.ts';
import { aRoute, servedVersion } from '../builders/route.ts';

type Behaviour = 'answers' | 'does not open' | 'throws';

/** Versions by how they behave; the answer says who gave it. */
const run = (
  behaviours: Readonly<Record<string, Behaviour>>,
  arm: 'champion' | 'challenger' | 'pinned' = 'champion',
  render = (version: string) => version,
) => {
  const route = aRoute({ formerChampion: servedVersion('0') });
  const served = servedVersion(arm === 'champion' ? '1' : '2');
  return answerWith(
    candidatesFor({ arm, served, isEnrolled: true }, route),
    [],
    async ({ version }) => {
      if (behaviours[version] === 'does not open')
        throw new VersionUnavailable(version, new Error('corrupt'));
      return {
        run: async () => {
          if (behaviours[version] === 'throws') throw new Error('shape mismatch');
          return [];
        },
        release: async () => undefined,
      };
    },
    (_, candidate) => render(candidate.served.version),
  );
};

describe('who answers', () => {
  test.each<[string, Record<string, Behaviour>, 'champion' | 'challenger', string, string]>([
    ['the challenger when it can', { 2: 'answers' }, 'challenger', '2', 'challenger'],
    ['the champion when the challenger throws', { 2: 'throws' }, 'challenger', '1', 'champion'],
    [
      'the champion when the challenger does not open',
      { 2: 'does not open' },
      'challenger',
      '1',
      'champion',
    ],
    [
      'the former champion when nothing else opens',
      { 2: 'does not open', 1: 'does not open' },
      'challenger',
      '0',
      'champion',
    ],
    [
      'the former champion when the champion does not open',
      { 1: 'does not open' },
      'champion',
      '0',
      'champion',
    ],
  ])('%s', async (_, behaviours, arm, version, answeredAs) => {
    const answer = await run(behaviours, arm);
    expect({ version: answer.rendered, arm: answer.arm, failed: answer.failures.length }).toEqual({
      version,
      arm: answeredAs,
      failed: Object.values(behaviours).filter((each) => each !== 'answers').length,
    });
  });

  test('a challenger whose outputs are not what the spec says has failed', async () => {
    const answer = await run({}, 'challenger', (version) => {
      if (version === '2') throw new ModelMisbehaved('no output "o"');
      return version;
    });
    expect(answer).toMatchObject({
      rendered: '1',
      failures: [{ version: '2', arm: 'challenger' }],
    });
  });
});

describe('when nobody answers', () => {
  const failure = async (attempt: Promise<unknown>): Promise<PredictionFailed> =>
    attempt.then(
      () => expect.fail('it answered'),
      (error: PredictionFailed) => error,
    );

  test('because the champion throws, it is a 500 that names no internals', async () => {
    expect(await failure(run({ 1: 'throws' }))).toMatchObject({
      status: 500,
      code: 'INFERENCE_FAILED',
      message: 'version 1 failed at this request',
    });
  });

  test('because nothing opens, it is a 503 to retry, with every version tried in the log', async () => {
    const failed = await failure(run({ 0: 'does not open', 1: 'does not open' }));
    expect(failed).toMatchObject({
      status: 503,
      code: 'NOT_READY',
      headers: { 'retry-after': '2' },
    });
    expect(failed.failures.map(({ version }) => version)).toEqual(['1', '0']);
  });

  test('a version that the caller named stands alone', async () => {
    expect(
      (await failure(run({ 2: 'throws' }, 'pinned'))).failures.map(({ version }) => version),
    ).toEqual(['2']);
  });

  test('what the caller did wrong is no failure of a version', async () => {
    const tooLarge = new RequestRefused(413, 'REPLY_TOO_LARGE', 'too many rows');
    await expect(
      run({}, 'challenger', () => {
        throw tooLarge;
      }),
    ).rejects.toBe(tooLarge);
  });
});
