import { setTimeout as realSleep } from 'node:timers/promises';
import { readBody } from './aws-json.ts';
import type { Call, Reply } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import {
  type Endpoint,
  type HostedModel,
  type Hosting,
  isInService,
  sageMakerArn,
} from './sagemaker-control.ts';

/** What runs behind an endpoint: it answers as the model's container would. */
export type Container = (
  model: HostedModel,
  request: { readonly body: Buffer; readonly contentType: string },
) => Promise<{ readonly status: number; readonly body: Buffer; readonly contentType: string }>;

type HostedVariant = Endpoint['variants'][number];

const LARGEST_BODY_BYTES = { instance: 6 * 1024 ** 2, serverless: 4 * 1024 ** 2 };

/** Takes invocations to the container behind an endpoint. */
export class SageMakerRuntime {
  readonly #container: Container;
  readonly #timeoutMs: number;
  readonly #gate = new ConcurrencyGate();

  constructor(container: Container, timeoutMs: number) {
    this.#container = container;
    this.#timeoutMs = timeoutMs;
  }

  async invoke(call: Call, { place, clock, endpoints }: Hosting, name: string): Promise<Reply> {
    call.authorize('sagemaker:InvokeEndpoint', sageMakerArn(place, 'endpoint', name));
    const endpoint = endpoints.get(name);
    if (endpoint === undefined || !isInService(endpoint, clock)) {
      const message = `Endpoint ${name} of account ${place.account} not found.`;
      throw new ServiceError(400, 'ValidationError', message);
    }
    const target = call.headers['x-amzn-sagemaker-target-variant']?.toString();
    const { name: variant, model, serverless } = pickVariant(endpoint, target);
    const largest = LARGEST_BODY_BYTES[serverless === undefined ? 'instance' : 'serverless'];
    const body = await readBody(call, largest);
    const contentType = call.headers['content-type'] ?? 'application/octet-stream';
    const answer = await this.#gate.run(name, serverless?.maxConcurrency, () =>
      withTimeout(this.#container(model, { body, contentType }), this.#timeoutMs),
    );
    return {
      status: 200,
      headers: {
        'content-type': answer.contentType,
        'x-amzn-invoked-production-variant': variant,
      },
      body: answer.body,
    };
  }
}

/** The variant that is asked for, else one by weight. */
function pickVariant({ name, variants }: Endpoint, target: string | undefined): HostedVariant {
  if (target !== undefined) {
    const named = variants.find((variant) => variant.name === target);
    if (named !== undefined) return named;
    throw new ServiceError(
      400,
      'ValidationError',
      `Variant ${target} of endpoint ${name} not found.`,
    );
  }
  const total = variants.reduce((sum, { weight }) => sum + weight, 0);
  let remaining = Math.random() * total;
  for (const variant of variants) {
    remaining -= variant.weight;
    if (remaining < 0) return variant;
  }
  throw new ServiceError(
    400,
    'ValidationError',
    `No variant of endpoint ${name} has a weight above 0.`,
  );
}

/** The container's answer, as long as it is one and comes in time. */
async function withTimeout(
  answering: ReturnType<Container>,
  timeoutMs: number,
): Promise<Awaited<ReturnType<Container>>> {
  const done = new AbortController();
  const timeout = realSleep(timeoutMs, 'timed out' as const, { signal: done.signal, ref: false });
  try {
    const answer = await Promise.race([answering, timeout]);
    if (answer === 'timed out') throw modelError(0, TIMED_OUT);
    if (answer.status >= 400) throw modelError(answer.status, answer.body.toString());
    return answer;
  } finally {
    done.abort();
    // Once the container has answered, the timer ends with the abort, which says nothing.
    await timeout.catch(() => {});
  }
}

const TIMED_OUT =
  'Your invocation timed out while waiting for a response from container primary. Review the latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again.';

function modelError(status: number, OriginalMessage: string): ServiceError {
  const side = status >= 400 && status < 500 ? 'client' : 'server';
  const message = `Received ${side} error (${status}) from primary with message "${OriginalMessage}".`;
  return new ServiceError(424, 'ModelError', message, {
    OriginalStatusCode: status,
    OriginalMessage,
  });
}

/** Refuses invocations above a serverless endpoint's concurrency. */
class ConcurrencyGate {
  readonly #running = new Map<string, number>();

  async run<T>(endpoint: string, limit: number | undefined, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(endpoint) ?? 0;
    if (limit !== undefined && running >= limit) {
      const message = `Rate exceeded: ${endpoint} is running ${running} of ${limit} concurrent invocations.`;
      throw new ServiceError(429, 'ThrottlingException', message);
    }
    this.#running.set(endpoint, running + 1);
    try {
      return await work();
    } finally {
      this.#running.set(endpoint, (this.#running.get(endpoint) ?? 1) - 1);
    }
  }
}
