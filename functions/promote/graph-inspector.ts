import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { GraphInspection } from './graph-inspection.ts';

/** Has an upload opened by the inspecting function. */
export class GraphInspector {
  readonly #client: LambdaClient;
  readonly #functionName: string;

  constructor(client: LambdaClient, functionName: string) {
    this.#client = client;
    this.#functionName = functionName;
  }

  /** @param url presigned, readable for as long as an inspection takes. */
  async inspect(url: string): Promise<GraphInspection> {
    const reply = await this.#client.send(
      new InvokeCommand({ FunctionName: this.#functionName, Payload: JSON.stringify({ url }) }),
    );
    const payload: unknown = JSON.parse(
      Buffer.from(reply.Payload ?? []).toString('utf8') || 'null',
    );
    // A native crash, a time-out or exhausted memory of the inspecting function is the graph's doing.
    if (reply.FunctionError)
      return {
        kind: 'refused',
        reasons: [`opening the graph ended the runtime: ${crashOf(payload)}`],
      };
    return GraphInspection.parse(payload);
  }
}

const crashOf = (payload: unknown): string =>
  typeof payload === 'object' && payload !== null && 'errorMessage' in payload
    ? String(payload.errorMessage)
    : 'no reason given';
