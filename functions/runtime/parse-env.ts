import type * as z from 'zod/mini';
import { explainIssues } from '../contracts/strict-object.ts';

/** @throws at start-up, naming every variable that is missing or malformed. */
export function parseEnv<Schema extends z.core.$ZodType>(
  schema: Schema & { safeParse(value: unknown): z.core.util.SafeParseResult<z.output<Schema>> },
): z.output<Schema> {
  const parsed = schema.safeParse(process.env);
  if (parsed.success) return parsed.data;
  throw new Error(
    `environment of ${process.env['AWS_LAMBDA_FUNCTION_NAME'] ?? 'this process'}: ${explainIssues(parsed.error.issues).join('; ')}`,
  );
}
