import {
  SendTaskSuccessCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
  TaskDoesNotExist,
  TaskTimedOut,
} from '@aws-sdk/client-sfn';
import type { Promotion } from '../contracts/promotion.ts';
import { describeError, log } from '../runtime/log.ts';

/** The only code that talks to the state machines. */
export class MachineStore {
  readonly #client: SFNClient;
  readonly #arnPrefix: string;

  constructor(client: SFNClient, arnPrefix: string) {
    this.#client = client;
    this.#arnPrefix = arnPrefix;
  }

  /** Once for a promotion: its id names the execution, and the same start again is the same execution. */
  async start(model: string, promotion: string): Promise<string> {
    const { executionArn } = await this.#client.send(
      new StartExecutionCommand({
        stateMachineArn: `${this.#arnPrefix}${model}`,
        name: promotion,
        input: JSON.stringify({ model, promotion }),
      }),
    );
    if (executionArn === undefined) throw new Error('Step Functions named no execution');
    return executionArn;
  }

  /** Answers a task that waits. `gone`: nobody waits for it any more. */
  async answer(token: string, output: unknown): Promise<'taken' | 'gone'> {
    try {
      await this.#client.send(
        new SendTaskSuccessCommand({ taskToken: token, output: JSON.stringify(output) }),
      );
      return 'taken';
    } catch (error) {
      if (error instanceof TaskTimedOut || error instanceof TaskDoesNotExist) return 'gone';
      throw error;
    }
  }

  /**
   * Stops the execution of a promotion that has ended. The promotion is over whether this works or not, and
   * the machine finds out at its next step: a failure is logged and nobody waits for it.
   */
  async stop({ id, executionArn }: Promotion, reason: string): Promise<void> {
    if (executionArn === undefined) return;
    try {
      await this.#client.send(
        new StopExecutionCommand({ executionArn, error: 'Ended', cause: reason.slice(0, 1000) }),
      );
    } catch (error) {
      log({ kind: 'execution-not-stopped', promotion: id, ...describeError(error) });
    }
  }
}
