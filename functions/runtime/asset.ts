import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Reads a JSON file that was deployed beside the handler. */
export function readAsset(name: string): unknown {
  const folder = process.env['LAMBDA_TASK_ROOT'];
  if (!folder) throw new Error('LAMBDA_TASK_ROOT is not set: this code runs in a Lambda function');
  return JSON.parse(readFileSync(join(folder, name), 'utf8'));
}
