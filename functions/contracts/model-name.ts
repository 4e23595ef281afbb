import * as z from 'zod/mini';

/** Also the model's path segment, metric dimension and part of resource names. */
export const ModelName = z.string().check(z.regex(/^[a-z][a-z0-9-]{0,39}$/));
