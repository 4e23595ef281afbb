import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import type { Clock } from '../clock.ts';
import { dispatch, notEmulated } from './aws-json.ts';
import { DurableMap } from './durable-map.ts';
import type { Emulator, Place } from './emulator.ts';
import { type Hosting, hostingOperations } from './sagemaker-control.ts';
import { type Container, SageMakerRuntime } from './sagemaker-runtime.ts';

export type { Container } from './sagemaker-runtime.ts';

const INVOCATION_PATH = /^\/endpoints\/([^/]+)\/invocations$/;

/** Where hosting is recorded, and what answers for containers. */
export interface SageMakerOptions {
  readonly folder: string;
  readonly place: Place;
  readonly clock: Clock;
  readonly container: Container;
  /** In real time; SageMaker gives a container 60 s. */
  readonly invocationTimeoutMs?: number;
}

/** SageMaker hosting: endpoints that take virtual seconds to start, in front of a given container. */
export function createSageMaker(options: SageMakerOptions): Emulator {
  const { folder, place, clock, container, invocationTimeoutMs = 60_000 } = options;
  let level: Level<string, unknown> | undefined;
  let hosting: Hosting | undefined;
  const runtime = new SageMakerRuntime(container, invocationTimeoutMs);
  const opened = (): Hosting => {
    if (hosting === undefined) throw new Error('the SageMaker emulator is not started');
    return hosting;
  };
  return {
    signingName: 'sagemaker',
    // Endpoints come and go with versions, by calls; the template declares none.
    types: {},
    async start() {
      await mkdir(folder, { recursive: true });
      level = new Level(join(folder, 'level'), { valueEncoding: 'json' });
      hosting = {
        place,
        clock,
        models: await DurableMap.open(level, 'model/'),
        configs: await DurableMap.open(level, 'config/'),
        endpoints: await DurableMap.open(level, 'endpoint/'),
      };
    },
    handle(call) {
      const [, endpointName] = INVOCATION_PATH.exec(call.path) ?? [];
      if (endpointName !== undefined) {
        return runtime.invoke(call, opened(), decodeURIComponent(endpointName));
      }
      if (call.path !== '/') {
        throw notEmulated('SageMaker Runtime', `${call.method} ${call.path}`, ['InvokeEndpoint']);
      }
      const operations = hostingOperations(opened());
      const protocol = { targetPrefix: 'SageMaker', version: '1.1' } as const;
      return dispatch({ name: 'SageMaker', ...protocol, operations }, call);
    },
    async stop() {
      await level?.close();
      hosting = undefined;
    },
  };
}
