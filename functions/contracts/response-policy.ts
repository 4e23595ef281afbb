import * as z from 'zod/mini';
import { strictObject } from './strict-object.ts';

const positive = z.number().check(z.positive());
const Level = z.enum(['ops', 'on-call', 'senior', 'lead']);

/** Who hears of a ticket, and when. */
export const ResponsePolicy = strictObject({
  /** OPS is paged before on-call. */
  opsFirst: z.boolean(),
  /** Id of a rota; rotas are data, not code. */
  rota: z.string().check(z.regex(/^[a-z][a-z0-9-]{1,39}$/)),
  /** A level is drawn in when nobody has acknowledged for this long since the page before. */
  escalation: z.array(strictObject({ level: Level, afterMinutes: positive })).check(z.minLength(1)),
  resolveWithinHours: strictObject({ high: positive, low: positive }),
  /** No pages for low severity then; wall clock of the time zone. */
  quietHours: z.optional(
    strictObject({
      from: z.iso.time({ precision: -1 }),
      to: z.iso.time({ precision: -1 }),
      timeZone: z.string(),
    }),
  ),
});
export type ResponsePolicy = z.infer<typeof ResponsePolicy>;
