import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';

/** Invokes functions that answer a step, and waits for them. */
export class FunctionStore {
  readonly #client: LambdaClient;

  constructor(client: LambdaClient) {
    this.#client = client;
  }

  /** @throws with the function's own words when it failed. */
  async ask(functionName: string, payload: unknown): Promise<unknown> {
    const { Payload, FunctionError } = await this.#client.send(
      new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(payload) }),
    );
    const answer: unknown = JSON.parse(Buffer.from(Payload ?? []).toString('utf8') || 'null');
    if (FunctionError === undefined) return answer;
    throw new Error(`${functionName} failed: ${JSON.stringify(answer).slice(0, 1000)}`);
  }
}
