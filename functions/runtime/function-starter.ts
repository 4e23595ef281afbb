import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';

/** Starts a function that nobody waits for; Lambda repeats it when it fails. */
export class FunctionStarter {
  readonly #client: LambdaClient;
  readonly #functionName: string;

  constructor(client: LambdaClient, functionName: string) {
    this.#client = client;
    this.#functionName = functionName;
  }

  async start(event: object): Promise<void> {
    await this.#client.send(
      new InvokeCommand({
        FunctionName: this.#functionName,
        InvocationType: 'Event',
        Payload: JSON.stringify(event),
      }),
    );
  }
}
