import {
  InvokeEndpointCommand,
  SageMakerRuntimeClient,
  SageMakerRuntimeServiceException,
} from '@aws-sdk/client-sagemaker-runtime';
import { ApiError } from '../contracts/api-error.ts';
import type { Signature } from '../contracts/signature.ts';
import type { Backend } from './backend.ts';
import { ModelMisbehaved } from './fault.ts';
import { readInferenceAnswer, writeInferenceQuestion } from './inference-client.ts';
import type { Tensor } from './tensor.ts';

/**
 * A version behind a SageMaker endpoint whose container speaks the Open Inference Protocol. Nothing is
 * retried: the caller's time is short, and it retries itself.
 */
export class SageMakerBackend implements Backend {
  readonly #endpoint: string;
  readonly #signature: Signature;
  readonly #timeoutMs: number;
  readonly #client = new SageMakerRuntimeClient({ maxAttempts: 1 });

  /** @param timeoutMs what an invocation may take before the caller gets a 504. */
  constructor(endpoint: string, signature: Signature, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#endpoint = endpoint;
    this.#signature = signature;
  }

  async run(inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    const reply = await this.#invoke(writeInferenceQuestion(inputs, this.#signature));
    return readInferenceAnswer(Buffer.from(reply), this.#signature);
  }

  async release(): Promise<void> {
    this.#client.destroy();
  }

  async #invoke(body: string): Promise<Uint8Array> {
    const command = new InvokeEndpointCommand({
      EndpointName: this.#endpoint,
      ContentType: 'application/json',
      Accept: 'application/json',
      Body: body,
    });
    try {
      const { Body } = await this.#client.send(command, {
        abortSignal: AbortSignal.timeout(this.#timeoutMs),
      });
      return Body;
    } catch (error) {
      throw explain(error, this.#endpoint, this.#timeoutMs);
    }
  }
}

/** In the words of this API: who must wait, who must retry, and what is the model's fault. */
function explain(error: unknown, endpoint: string, timeoutMs: number): Error {
  if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError'))
    return new ApiError(
      504,
      'TIMEOUT',
      `the endpoint of the model did not answer within ${timeoutMs} ms`,
    );
  if (!(error instanceof SageMakerRuntimeServiceException))
    return new Error(`endpoint ${endpoint} could not be called`, { cause: error });
  switch (error.name) {
    case 'ThrottlingException':
      return new ApiError(
        429,
        'THROTTLED',
        'the endpoint of the model takes no more requests now; retry after a pause',
      );
    case 'ModelError':
      return new ModelMisbehaved(`endpoint ${endpoint}: ${error.message}`, { cause: error });
    case 'ModelNotReadyException':
    case 'ServiceUnavailable':
    case 'ValidationError':
      return new ApiError(
        503,
        'NOT_READY',
        'the endpoint of the model is not ready; retry after a pause',
      );
    default:
      return new Error(`endpoint ${endpoint}: ${error.name}: ${error.message}`, { cause: error });
  }
}
