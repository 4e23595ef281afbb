import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatasetDigest } from '../../functions/contracts/dataset.ts';
import type { Baseline, EvaluationAnswer } from '../../functions/contracts/dataset-evaluation.ts';
import { DatasetClient } from '../../infra/cli/dataset-client.ts';
import { linearGraph } from '../builders/linear-graph.ts';
import { aModel } from '../builders/model-spec.ts';
import { type RunningStack, serveLinear, startStack, until } from '../builders/running-stack.ts';
import { told } from '../builders/told.ts';

const { monitoring } = aModel('m');
const spec = aModel('m', {
  monitoring: {
    ...monitoring,
    objectives: [
      {
        metric: 'mae',
        comparison: 'at-most',
        threshold: 2,
        severity: 'high',
        minimumLabels: 3,
        periods: { missed: 1, of: 1 },
        silenceMinutes: 10,
      },
    ],
  },
});
let stack: RunningStack;
let datasets: DatasetClient;

beforeAll(async () => {
  stack = await startStack([spec]);
  datasets = new DatasetClient(stack.client);
  // Answers a + b + c.
  await serveLinear(stack, spec, { weight: 1 });
});
afterAll(() => stack.dispose());

async function digestOf(content: string): Promise<DatasetDigest> {
  const path = join(stack.folder, 'file');
  writeFileSync(path, content);
  const { state } = await datasets.import('m', await datasets.upload('m', path));
  if (state.kind === 'imported') return state.digest;
  throw new Error(JSON.stringify(state));
}

async function baselineOf(epoch: number): Promise<Baseline> {
  let found: Baseline | undefined;
  await until(async () => {
    const { baselines } = await stack.client.request<{ baselines: Baseline[] }>(
      'GET',
      '/v1/datasets/m/baselines',
    );
    found = baselines.find((each) => each.epoch === epoch);
    return found !== undefined;
  });
  if (!found) throw new Error('until waited for nothing');
  return found;
}

const factsTold = async () => (await told(stack)).map(({ type }) => type);

/** As a step of a promotion asks. */
async function evaluate(request: object): Promise<EvaluationAnswer> {
  const lambda = new LambdaClient({
    endpoint: stack.endpoint,
    region: stack.place.region,
    credentials: stack.operator,
  });
  const evaluator = stack.graph.resources.find(
    ({ type, path }) =>
      type === 'AWS::Lambda::Function' && path.includes('EvaluateDatasetEvaluation'),
  );
  const { Payload, FunctionError } = await lambda.send(
    new InvokeCommand({ FunctionName: evaluator?.ref, Payload: JSON.stringify(request) }),
  );
  const answer: unknown = JSON.parse(Buffer.from(Payload ?? []).toString('utf8'));
  if (FunctionError) throw new Error(JSON.stringify(answer));
  return answer as EvaluationAnswer;
}

const near = 'a,b,c,y\n1,1,1,4\n2,2,2,6\n3,3,3,8\n';
const far = 'a,b,c,y\n1,1,1,9\n2,2,2,12\n3,3,3,15\n4,4,4,18\n';

describe('a validation pointer that moves', () => {
  test('has the champion judged on the new set, and says which objectives it misses there', async () => {
    const easy = await digestOf(near);
    const hard = await digestOf(far);
    const first = await datasets.move('m', 'validation', {
      digest: easy,
      expectedEpoch: 0,
      reason: 'the first',
    });
    const before = await baselineOf(first.epoch);
    expect(before).toMatchObject({ epoch: 1, missed: [], evaluation: { dataset: easy, units: 3 } });
    expect(before.evaluation.metrics['mae']).toBeCloseTo(2 / 3, 6);
    await datasets.move('m', 'validation', { digest: hard, expectedEpoch: 1, reason: 'harder' });
    const after = await baselineOf(2);
    expect(after.missed).toEqual([
      { metric: 'mae', comparison: 'at-most', threshold: 2, value: 6 },
    ]);
    expect(after.evaluation.dataset).toBe(hard);
    // Each function tells of its own facts, so that those of two may come in either order.
    const expected = [
      'BaselineMeasured',
      'BaselineMeasured',
      'BaselineMissed',
      'DatasetImported',
      'DatasetImported',
      'PointerMoved',
      'PointerMoved',
      'RouteChanged',
    ];
    await until(async () => (await factsTold()).length >= expected.length);
    expect((await factsTold()).toSorted()).toEqual(expected);
  });
});

describe('an evaluation of two versions on one dataset', () => {
  test('gives metrics overall and by slice, and asks no version twice', async () => {
    const dataset = await digestOf(far);
    const { version } = await stack.client.register('m', linearGraph(spec, { weight: 2 }), 'two');
    const request = { model: 'm', versions: ['1', version], dataset, slices: ['a'] };
    const results = (await evaluate(request)).results;
    expect(results.map((each) => [each.version, each.dataset, each.units])).toEqual([
      ['1', dataset, 4],
      [version, dataset, 4],
    ]);
    expect(results.map(({ metrics }) => metrics['mae'])).toEqual([6, 3]);
    expect(results[1]?.slices.map(({ value, metrics }) => [value, metrics['mae']])).toEqual([
      ['1', 3],
      ['2', 0],
      ['3', 3],
      ['4', 6],
    ]);
    const again = await evaluate(request);
    expect(again.results).toEqual(results);
    expect(again.changes).toEqual([
      { version, metrics: expect.objectContaining({ mae: { from: 6, to: 3 } }) },
    ]);
  });

  test('fails loudly for a version that does not exist', async () => {
    const dataset = await digestOf(far);
    await expect(evaluate({ model: 'm', versions: ['99'], dataset })).rejects.toThrow(
      /m has no version 99/,
    );
  });
});

test('nothing failed that was nobody’s fault', () => {
  expect(stack.faults).toEqual([]);
});
