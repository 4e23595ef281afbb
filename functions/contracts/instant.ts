import * as z from 'zod/mini';

/** UTC with milliseconds, `2026-11-23T18:41:00.000Z`: instants are text, so they sort and are never added to. */
export const Instant = z.iso.datetime({ precision: 3 }).brand('Instant');
export type Instant = z.infer<typeof Instant>;
