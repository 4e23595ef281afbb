import { Cron } from 'croner';

/** When a schedule fires. */
export interface Schedule {
  /** The first time after an instant, in epoch milliseconds; undefined where there is none. */
  nextAfter(instantMs: number): number | undefined;
}

const UNITS_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
const RATE = /^rate\((\d+) (minute|hour|day)s?\)$/;
const CRON = /^cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)$/;
const AT = /^at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)$/;

/**
 * `rate(5 minutes)`, `cron(0 8 ? * MON-FRI *)` or `at(2026-11-27T08:00:00)`.
 * Rates count from the epoch: as if each schedule had been made at a multiple of its rate.
 * @throws TypeError for what EventBridge would refuse.
 */
export function parseSchedule(expression: string, timeZone: string): Schedule {
  const rate = RATE.exec(expression);
  if (rate) {
    const everyMs = Number(rate[1]) * UNITS_MS[rate[2] as keyof typeof UNITS_MS];
    if (everyMs === 0) throw new TypeError(`${expression}: a rate is above 0`);
    return {
      nextAfter: (instantMs) => (Math.floor(instantMs / everyMs) + 1) * everyMs,
    };
  }
  const fields = CRON.exec(expression)?.slice(1);
  if (fields) return cronSchedule(expression, fields, timeZone);
  const [, at] = AT.exec(expression) ?? [];
  if (at === undefined) throw new TypeError(`${expression} is no rate, cron or at expression`);
  const atMs = new Cron(at, { timezone: timeZone }).nextRun(new Date(0))?.getTime();
  return { nextAfter: (instantMs) => (atMs !== undefined && atMs > instantMs ? atMs : undefined) };
}

/** Croner knows AWS's fields once a second is put before them and Sunday counts as 1. */
function cronSchedule(expression: string, fields: readonly string[], timeZone: string): Schedule {
  const [minute, hour, dayOfMonth, month, dayOfWeek, year] = fields;
  if ((dayOfMonth === '?') === (dayOfWeek === '?'))
    throw new TypeError(
      `${expression}: one of day of month and day of week is ?, the other is not`,
    );
  const days = [dayOfMonth, dayOfWeek].map((field) => (field === '?' ? '*' : field));
  const pattern = ['0', minute, hour, days[0], month, days[1], year].join(' ');
  let cron: Cron;
  try {
    cron = new Cron(pattern, {
      timezone: timeZone,
      alternativeWeekdays: true,
      mode: '7-part',
      // AWS writes 0/5 for every fifth from 0 on.
      sloppyRanges: true,
      paused: true,
    });
  } catch (cause) {
    throw new TypeError(`${expression} is no cron expression: ${String(cause)}`, { cause });
  }
  return {
    nextAfter(instantMs) {
      let next = cron.nextRun(new Date(instantMs));
      // AWS leaves out a time that the change to summer time skips; croner moves it.
      while (next && !cron.match(next)) next = cron.nextRun(next);
      return next?.getTime();
    },
  };
}
