import type { RequestListener } from 'node:http';
import type { Clock } from '../clock.ts';
import type { InvocationMetrics } from './lambda-metrics.ts';
import type { Dimensions, MetricStore } from './metrics.ts';
import type { Queue } from './sqs-queue.ts';

/** What a delivery that failed for good is called, by the service that gave up. */
const FAILURES = {
  'AWS/Events': 'FailedInvocations',
  'AWS/Scheduler': 'TargetErrorCount',
  'AWS/SNS': 'NumberOfNotificationsFailed',
} as const;
export type TargetNamespace = keyof typeof FAILURES;

/** What services publish of themselves, as far as templates alarm on it and it is true here. */
export class ServiceMetrics {
  readonly #metrics: MetricStore;
  readonly #clock: Clock;

  constructor(metrics: MetricStore, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  invocation(functionName: string, invocation: InvocationMetrics): void {
    const dimensions = { FunctionName: functionName };
    const atMs = this.#clock.nowMs();
    for (const [name, value] of Object.entries(invocation)) {
      const unit = name === 'Duration' ? 'Milliseconds' : 'Count';
      this.#metrics.put({ namespace: 'AWS/Lambda', name, dimensions, unit, atMs }, value);
    }
  }

  /** SQS publishes once a minute; what it says belongs to the minute that is just over. */
  queues(queues: Iterable<Queue>, atMs: number): void {
    if (atMs % 60_000 !== 0) return;
    for (const queue of queues) {
      const { visible, inFlight, delayed } = queue.counts();
      const ageMs = atMs - (queue.oldestSentAtMs() ?? atMs);
      this.#queue(queue, 'ApproximateNumberOfMessagesVisible', visible, atMs);
      this.#queue(queue, 'ApproximateNumberOfMessagesNotVisible', inFlight, atMs);
      this.#queue(queue, 'ApproximateNumberOfMessagesDelayed', delayed, atMs);
      this.#queue(queue, 'ApproximateAgeOfOldestMessage', Math.max(ageMs, 0) / 1000, atMs);
    }
  }

  /** Of an API: each answer counts for the API, and for its stage. */
  answers(apiName: string, stage: string): RequestListener {
    return (_request, response) => {
      const startedAtMs = performance.now();
      response.once('close', () => {
        const { statusCode } = response;
        const values = {
          Count: 1,
          Latency: performance.now() - startedAtMs,
          '4XXError': statusCode >= 400 && statusCode < 500 ? 1 : 0,
          '5XXError': statusCode >= 500 ? 1 : 0,
        };
        const atMs = this.#clock.nowMs();
        const ofApi: readonly Dimensions[] = [
          { ApiName: apiName },
          { ApiName: apiName, Stage: stage },
        ];
        for (const dimensions of ofApi)
          for (const [name, value] of Object.entries(values)) {
            const unit = name === 'Latency' ? 'Milliseconds' : 'Count';
            const metric = { namespace: 'AWS/ApiGateway', name, dimensions, unit, atMs };
            this.#metrics.put(metric, value);
          }
      });
    };
  }

  /** A rule or schedule whose target could not be reached for good. */
  failedTarget(namespace: TargetNamespace, dimensions: Dimensions): void {
    const name = FAILURES[namespace];
    const atMs = this.#clock.nowMs();
    this.#metrics.put({ namespace, name, dimensions, unit: 'Count', atMs }, 1);
  }

  #queue({ settings }: Queue, name: string, value: number, atMs: number): void {
    const dimensions = { QueueName: settings.name };
    const unit = name.endsWith('Message') ? 'Seconds' : 'Count';
    this.#metrics.put({ namespace: 'AWS/SQS', name, dimensions, unit, atMs: atMs - 1 }, value);
  }
}
