import { afterAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { DEFAULTS } from '../../infra/config.ts';
import { MetricDataQuery, MetricQueries } from '../../infra/local/emulators/metric-queries.ts';
import { MetricStore } from '../../infra/local/emulators/metrics.ts';
import { buildApp } from '../builders/assembly.ts';
import { aModel } from '../builders/model-spec.ts';
import { type Json, listOf, objectOf, synthesize, textOf } from '../builders/templates.ts';

const { runtime } = deliveryTime;
if (runtime.kind !== 'lambda') throw new Error('the model of this test is answered by Lambda');
const oneGb = { ...runtime, memoryMb: 1024 };
const app = synthesize(
  [
    aModel('plain', { runtime: oneGb }),
    aModel('arm', { runtime: { ...oneGb, architecture: 'arm64' } }),
    aModel('url', { runtime: { ...oneGb, functionUrl: true } }),
    aModel('warm', { runtime: { ...oneGb, memoryMb: 2048, provisionedConcurrency: 3 } }),
  ],
  { prices: '{"apiRequest":4e-6}' },
);
afterAll(() => app[Symbol.dispose]());

interface Graph {
  readonly title: string;
  readonly queries: MetricQueries;
}

/** A widget's lines as CloudWatch asks for them. */
function graphOf(widget: Record<string, Json>): Graph {
  const { title, metrics } = widget;
  const queries = listOf(metrics).map((line, at) => {
    const parts = listOf(line);
    const options = objectOf(parts.at(-1));
    const { expression, period: Period = 300 } = options;
    if (expression !== undefined) return { Id: `e${at}`, Expression: expression, Period };
    const [Namespace, MetricName, ...dimensions] = parts.slice(0, -1);
    const Dimensions = dimensions.flatMap((Name, each) =>
      each % 2 === 0 ? [{ Name, Value: dimensions[each + 1] }] : [],
    );
    const Metric = { Namespace, MetricName, Dimensions };
    const MetricStat = { Metric, Period, Stat: options['stat'] };
    return { Id: options['id'], MetricStat, ReturnData: options['visible'] !== false };
  });
  return {
    title: textOf(title),
    queries: new MetricQueries(z.array(MetricDataQuery).parse(queries)),
  };
}

const graphs = app.of('AWS::CloudWatch::Dashboard').flatMap(({ name, properties }) =>
  listOf(objectOf(JSON.parse(textOf(properties['DashboardBody'])))['widgets'])
    .map((widget) => objectOf(objectOf(widget)['properties']))
    .filter(({ title }) => typeof title === 'string' && title.startsWith('Cost'))
    .map((widget) => ({ dashboard: name, model: modelOf(widget), ...graphOf(widget) })),
);
function modelOf({ metrics }: Record<string, Json>): string {
  const lines = listOf(metrics).map(listOf);
  return textOf(lines.find(([namespace]) => namespace === 'Slipway')?.[3]);
}
const graphAt = (dashboard: string, model: string) => {
  const found = graphs.find((each) => each.dashboard === dashboard && each.model === model);
  if (!found) throw new Error(`${dashboard} has no cost of ${model}`);
  return found;
};

const AT_MS = Date.UTC(2026, 0, 1);

function costOf({ queries }: Graph, values: readonly (readonly [string, object, number])[]) {
  const store = new MetricStore();
  for (const [name, dimensions, value] of values) {
    const [namespace = '', metric = ''] = name.split(' ');
    store.put(
      { namespace, name: metric, dimensions: { ...dimensions }, unit: 'None', atMs: AT_MS },
      value,
    );
  }
  const [points] = queries.answer(store, { startMs: AT_MS, endMs: AT_MS + 300_000 }).values();
  return points?.get(AT_MS);
}

/** 500 requests of two rows each, 1,250 ms in all. */
const measured = (model: string) => {
  const server = { FunctionName: `<${model}/Server>` };
  return [
    ['AWS/Lambda Duration', server, 1_250],
    ['AWS/Lambda Invocations', server, 500],
    ['Slipway Rows', { Model: model }, 1_000],
  ] as const;
};

describe('what a million predictions cost to answer', () => {
  test.each([
    // 1.5 s of one GB, half a millisecond an invocation being what rounding up adds; 500 requests of both.
    ['plain', 1e6 * (1.5 * 1.66667e-5 + 500 * (0.2e-6 + 4e-6))],
    ['arm', 1e6 * (1.5 * 1.33334e-5 + 500 * (0.2e-6 + 4e-6))],
    ['url', 1e6 * (1.5 * 1.66667e-5 + 500 * (0.2e-6 + 4e-6))],
    ['warm', 1e6 * (1.5 * 2 * 9.7222e-6 + 500 * (0.2e-6 + 4e-6))],
  ])('%s: time by memory and architecture, requests and the API', (model, dollarsOfAll) => {
    const cost = costOf(graphAt(`${model}/Dashboard`, model), measured(model));
    expect(cost).toBeCloseTo(dollarsOfAll / 1_000, 6);
  });

  test('leaves out the API’s price of what came past it', () => {
    const past = ['AWS/Lambda UrlRequestCount', { FunctionName: '<url/Server>' }, 400] as const;
    const cost = costOf(graphAt('url/Dashboard', 'url'), [...measured('url'), past]);
    expect(cost).toBeCloseTo((1e6 * (1.5 * 1.66667e-5 + 500 * 0.2e-6 + 100 * 4e-6)) / 1_000, 6);
  });

  test('is absent while nothing is predicted, whatever was refused', () => {
    expect(costOf(graphAt('plain/Dashboard', 'plain'), measured('plain').slice(0, 2))).toBe(
      undefined,
    );
  });

  test('names what is paid beside it', () => {
    expect(graphAt('plain/Dashboard', 'plain').title).toBe('Cost of answering');
    // Three environments of 2 GB for an hour.
    expect(graphAt('warm/Dashboard', 'warm').title).toBe(
      'Cost of answering, beside $0.09 an hour for being kept warm',
    );
  });

  test.each(['plain', 'arm', 'url', 'warm'])('%s: is near that in the overview', (model) => {
    const dimensions = { Model: model };
    const graph = graphAt('operations/OverviewDashboard', model);
    const own = costOf(graph, [
      ['Slipway LatencyMs', dimensions, 1_250],
      ['Slipway Requests', dimensions, 500],
      ['Slipway Rows', dimensions, 1_000],
    ]);
    expect(own).toBeCloseTo(
      Number(costOf(graphAt(`${model}/Dashboard`, model), measured(model))),
      6,
    );
  });
});

test('prices are the list’s where the context names no other, and a misspelt one is refused', () => {
  const synthesizeWith = (prices: object) => () => buildApp([], undefined, { prices });
  expect(synthesizeWith({ apiRequests: 4e-6 })).toThrow('apiRequests');
  expect(synthesizeWith({ apiRequest: -1 })).toThrow('apiRequest');
  expect(DEFAULTS.prices.apiRequest).toBe(3.5e-6);
});
