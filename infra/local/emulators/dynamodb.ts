import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { dispatch } from './aws-json.ts';
import { openStore } from './dynalite.ts';
import { type Database, dynamoDbOperations } from './dynamodb-operations.ts';
import { openTables } from './dynamodb-tables.ts';
import { tableTypes } from './dynamodb-template.ts';
import { forgetTokens } from './dynamodb-transactions.ts';
import { Expiry } from './dynamodb-ttl.ts';
import { Writer } from './dynamodb-writes.ts';
import type { Emulator, Place, Resource } from './emulator.ts';
import type { InjectedFaults } from './injected-faults.ts';

/** Where tables live and which clock items expire by. */
export interface DynamoDbOptions {
  /** Where the LevelDB files live. */
  readonly folder: string;
  readonly place: Place;
  /** Drives time to live. */
  readonly clock: Clock;
  readonly faults?: InjectedFaults;
  /** Told when a sweep fails, which no caller would see. */
  readonly onFault: (fault: unknown) => void;
}

/** The emulator with what only the runner and tests may ask of it. */
export interface DynamoDb extends Emulator {
  /** Deletes items whose time to live has passed, without waiting for the next sweep; gives how many. */
  sweep(): Promise<number>;
}

interface OpenDatabase extends Database {
  readonly expiry: Expiry;
}

/**
 * DynamoDB's data plane on dynalite's expression engine and LevelDB. A write is acknowledged once the
 * operating system has it, so that it survives `kill -9`, though not a loss of power.
 */
export function createDynamoDb(options: DynamoDbOptions): DynamoDb {
  let database: OpenDatabase | undefined;
  const opened = (): OpenDatabase => {
    if (database === undefined) throw new Error('the DynamoDB emulator is not started');
    return database;
  };
  return {
    signingName: 'dynamodb',
    types: tableTypes,
    async start(resources) {
      database = await openDatabase(options, resources);
    },
    handle(call) {
      const operations = dynamoDbOperations(opened());
      const protocol = { targetPrefix: 'DynamoDB_20120810', version: '1.0' } as const;
      return dispatch({ name: 'DynamoDB', ...protocol, operations, faults: options.faults }, call);
    },
    sweep: () => opened().expiry.sweep(),
    async stop() {
      const closing = opened();
      await closing.expiry.stop();
      // Waits for its turn behind every write that was let in.
      await closing.writer.write(async () => {});
      await closing.store.db.close();
      database = undefined;
    },
  };
}

async function openDatabase(
  { folder, place, clock, onFault }: DynamoDbOptions,
  resources: readonly Resource[],
): Promise<OpenDatabase> {
  await mkdir(folder, { recursive: true });
  const store = await openStore(join(folder, 'level'));
  try {
    const tables = await openTables(store, resources, place);
    const expiry = new Expiry(store, () => writer, tables.values(), clock);
    const writer = new Writer(store, (changes) => expiry.observe(changes));
    await forgetTokens(store);
    await expiry.start(onFault);
    return { place, store, writer, tables, expiry };
  } catch (failure) {
    await store.db.close();
    throw failure;
  }
}
