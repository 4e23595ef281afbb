import { createSecretKey, randomBytes } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import type { APIGatewayProxyEvent, Context } from 'aws-lambda';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Route } from '../../functions/contracts/route.ts';
import { apiHandler } from '../../functions/runtime/api-handler.ts';
import { systemClock } from '../../functions/runtime/clock.ts';
import { BackendPool } from '../../functions/serve/backend-pool.ts';
import { LogKeyCache } from '../../functions/serve/log-keys.ts';
import { ModelServer } from '../../functions/serve/model-server.ts';
import { OnnxBackend } from '../../functions/serve/onnx-backend.ts';
import { compileQuestionReader } from '../../functions/serve/question-reader.ts';
import { RouteCache } from '../../functions/serve/route-cache.ts';
import { onnxTypeOf } from '../../functions/serve/tensor.ts';
import type { BenchModel } from './bench-models.ts';

export interface Overhead {
  readonly what: string;
  readonly bareP50Us: number;
  readonly bareP99Us: number;
  readonly handlerP50Us: number;
  readonly handlerP99Us: number;
  readonly handlerPerSecond: number;
  /** What everything around the graph costs: parsing, routing, the log line, rendering. */
  readonly aboveBareP50Us: number;
  /** The same in processor time a call, which other programs on the machine lengthen less. */
  readonly aboveBareCpuUs: number;
}

export interface Asked {
  readonly what: string;
  readonly model: BenchModel;
  readonly api: 'predict' | 'rank';
  readonly body: object;
  readonly callsOfOneRound: number;
}

const ROUNDS = 30;

/** Calls the handler and the bare session in turns, so that whatever else the machine does meets both. */
export async function measureOverhead(asked: Asked): Promise<Overhead> {
  const body = Buffer.from(JSON.stringify(asked.body));
  const bare = await bareSession(asked, body);
  const handler = handlerOf(asked, body);
  for (let call = 0; call < 3 * asked.callsOfOneRound; call++)
    await Promise.all([bare(), handler()]);
  const times = { bare: newTimes(), handler: newTimes() };
  for (let round = 0; round < ROUNDS; round++) {
    await timeCalls(bare, asked.callsOfOneRound, times.bare);
    await timeCalls(handler, asked.callsOfOneRound, times.handler);
  }
  const at = ({ us }: Times, share: number) =>
    us.toSorted((a, b) => a - b)[Math.floor(us.length * share)] ?? Number.NaN;
  const { us, cpuUs } = times.handler;
  const sum = us.reduce((total, each) => total + each, 0);
  return {
    what: asked.what,
    bareP50Us: at(times.bare, 0.5),
    bareP99Us: at(times.bare, 0.99),
    handlerP50Us: at(times.handler, 0.5),
    handlerP99Us: at(times.handler, 0.99),
    handlerPerSecond: (us.length / sum) * 1e6,
    aboveBareP50Us: at(times.handler, 0.5) - at(times.bare, 0.5),
    aboveBareCpuUs: (cpuUs - times.bare.cpuUs) / us.length,
  };
}

interface Times {
  readonly us: number[];
  cpuUs: number;
}
const newTimes = (): Times => ({ us: [], cpuUs: 0 });

async function timeCalls(call: () => Promise<unknown>, calls: number, times: Times): Promise<void> {
  const cpu = process.cpuUsage();
  for (let at = 0; at < calls; at++) {
    const started = performance.now();
    await call();
    times.us.push((performance.now() - started) * 1000);
  }
  const { user, system } = process.cpuUsage(cpu);
  times.cpuUs += user + system;
}

/** The same graph with the same threads, on tensors that are made already. */
async function bareSession({ model, api }: Asked, body: Buffer): Promise<() => Promise<unknown>> {
  const session = await InferenceSession.create(model.path, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
  });
  const { inputs } = compileQuestionReader(model.spec)(api, body, {});
  const feeds = Object.fromEntries(
    inputs.map(({ name, datatype, data, shape }) => [
      name,
      new Tensor(onnxTypeOf(datatype), data, shape),
    ]),
  );
  return () => session.run(feeds);
}

/** Keys as KMS gives them. */
const keySource = {
  newDataKey: async () => ({
    plaintext: createSecretKey(randomBytes(32)),
    encrypted: 'x'.repeat(248),
  }),
  hashSecret: async () => createSecretKey(randomBytes(32)),
};

/** The deployed path from API Gateway's event to its reply; the log goes nowhere, the route is at hand. */
function handlerOf({ model, api }: Asked, body: Buffer): () => Promise<unknown> {
  const { spec, digest, path } = model;
  const nowhere = openSync('/dev/null', 'w');
  const route = Route.parse({
    model: spec.name,
    epoch: 1,
    champion: { version: '1', digest },
    changedAt: systemClock.now(),
    changedBy: 'bench',
    reason: 'bench',
  });
  const server = new ModelServer({
    spec,
    clock: systemClock,
    routes: new RouteCache({ read: async () => route }, spec.name, systemClock),
    backends: new BackendPool(() => OnnxBackend.open(path, spec.runtime.memoryMb), systemClock),
    findVersion: async () => undefined,
    logKeys: new LogKeyCache(keySource, spec, systemClock, () => undefined),
    writeLine: (line) => void writeSync(nowhere, `${line}\n`),
  });
  const handler = apiHandler((request) => server.answer(request));
  const event = {
    httpMethod: 'POST',
    path: `/v1/models/${spec.name}/${api}`,
    headers: { 'Content-Type': 'application/json' },
    queryStringParameters: null,
    requestContext: { identity: { apiKeyId: 'bench' } },
    body: body.toString('base64'),
    isBase64Encoded: true,
  } as unknown as APIGatewayProxyEvent;
  return async () => {
    const { statusCode, body: answer } = await handler(event, {} as Context);
    if (statusCode !== 200) throw new Error(`answered ${statusCode}: ${answer}`);
  };
}
