import type { Declaration } from './emulated-account.ts';
import { startAccount } from './emulated-account.ts';

/** Runs an account that has a role `writer` until it is killed: `node emulated-account-process.ts <folder> <declarations>`. */
const [, , folder = '', declarations = '[]'] = process.argv;
const account = await startAccount(JSON.parse(declarations) as Declaration[], { folder });
process.send?.({ endpoint: account.endpoint, credentials: account.keysOf('writer') });
