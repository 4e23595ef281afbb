import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { dispatch } from './aws-json.ts';
import type { Call, Emulator, Reply, Resource } from './emulator.ts';
import { StateMachines, type StateMachinesOptions } from './states-machines.ts';
import { statesOperations } from './states-operations.ts';
import { StatesStore } from './states-store.ts';
import { STATES_TYPES } from './states-types.ts';

export type StatesOptions = Omit<StateMachinesOptions, 'store'> & { readonly folder: string };

/** Step Functions: standard state machines in JSONata, whose executions outlive the runner. */
export class StatesEmulator implements Emulator {
  readonly signingName = 'states';
  readonly types = STATES_TYPES;
  readonly #options: StatesOptions;
  #level: Level<string, unknown> | undefined;
  #machines: StateMachines | undefined;

  constructor(options: StatesOptions) {
    this.#options = options;
  }

  get machines(): StateMachines {
    if (this.#machines) return this.#machines;
    throw new Error('Step Functions has not started');
  }

  async start(resources: readonly Resource[]): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true });
    this.#level = new Level(join(this.#options.folder, 'level'), { valueEncoding: 'json' });
    const { folder: _folder, ...options } = this.#options;
    this.#machines = new StateMachines({ ...options, store: new StatesStore(this.#level) });
    await this.#machines.open(resources.map(declaredMachine));
  }

  handle(call: Call): Promise<Reply> {
    const operations = statesOperations(this.machines);
    const protocol = { targetPrefix: 'AWSStepFunctions', version: '1.0' } as const;
    return dispatch({ name: 'Step Functions', ...protocol, operations }, call);
  }

  async stop(): Promise<void> {
    await this.#machines?.close();
    await this.#level?.close();
  }
}

function declaredMachine({ ref, attributes, properties }: Resource) {
  const { DefinitionString, RoleArn, StateMachineType = 'STANDARD' } = properties;
  const name = attributes['Name'] ?? ref;
  if (StateMachineType !== 'STANDARD')
    throw new Error(
      `${name} is ${String(StateMachineType)}: the local runner runs standard machines only`,
    );
  if (typeof DefinitionString !== 'string')
    throw new Error(`${name} has no DefinitionString: the local runner reads no other definition`);
  return { arn: ref, name, roleArn: String(RoleArn), definition: DefinitionString };
}
