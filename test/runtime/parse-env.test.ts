import { expect, test, vi } from 'vitest';
import * as z from 'zod/mini';
import { parseEnv } from '../../functions/runtime/parse-env.ts';

test('gives the variables of the schema', () => {
  vi.stubEnv('TABLE', 'routes');
  expect(parseEnv(z.object({ TABLE: z.string() }))).toEqual({ TABLE: 'routes' });
});

test('names every variable that is missing, and the function', () => {
  vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', 'server');
  expect(() => parseEnv(z.object({ NOT_SET_A: z.string(), NOT_SET_B: z.string() }))).toThrow(
    /server.*NOT_SET_A.*NOT_SET_B/,
  );
});
