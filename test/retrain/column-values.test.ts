import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  categoryValue,
  columnValue,
  timestampPart,
} from '../../functions/contracts/column-values.ts';

describe('instants', () => {
  it.each([
    ['2026-11-23T18:30:00+01:00', 18.5, 0, 20_780],
    ['2026-11-23T00:30:00+01:00', 0.5, 0, 20_779],
    ['2024-02-29T12:00:00Z', 12, 3, 19_782],
    ['2000-02-29t06:15:00z', 6.25, 1, 11_016],
    ['1969-12-31T23:00:00-02:00', 23, 2, 0],
    ['1970-01-01 00:00:00Z', 0, 3, 0],
    ['0001-01-01T00:00:00Z', 0, 0, -719_162],
    ['2026-01-01T10:00:45.5Z', Math.fround(10 + 45.5 / 3600), 3, 20_454],
  ])('%s', (text, hour, weekday, days) => {
    expect(timestampPart(text, 'hour-of-day')).toBe(hour);
    expect(timestampPart(text, 'day-of-week')).toBe(weekday);
    expect(timestampPart(text, 'days-since-epoch')).toBe(days);
  });

  it('an hour is below 24 in float32 too', () => {
    const hour = timestampPart('2026-02-28T23:59:59.9999999Z', 'hour-of-day') ?? 24;
    expect(hour).toBeLessThan(24);
    expect(Math.fround(hour)).toBe(hour);
  });

  it.each([
    '',
    'yesterday',
    '2026-11-23',
    '2026-11-23T18:30:00',
    '2026-11-23T18:30Z',
    '2026-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-11-23T24:00:00Z',
    '2026-11-23T18:60:00Z',
    '2016-12-31T23:59:60Z',
    '2026-11-23T18:30:00.Z',
    '2026-11-23T18:30:00+0100',
    '2026-11-23T18:30:00+24:00',
    '2026-11-23T18:30:00+01:00 ',
    '２026-11-23T18:30:00Z',
  ])('"%s" is none', (text) => {
    expect(timestampPart(text, 'hour-of-day')).toBeUndefined();
  });

  it('agrees with Date wherever Date reads the text', () => {
    const offset = fc.integer({ min: -14 * 60, max: 14 * 60 });
    const moment = fc.date({
      min: new Date('0100-01-02'),
      max: new Date('9999-01-01'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(moment, offset, (date, minutes) => {
        const local = new Date(date.getTime() + minutes * 60_000);
        const size = Math.abs(minutes);
        const pad = (value: number) => String(value).padStart(2, '0');
        const sign = minutes < 0 ? '-' : '+';
        const text = `${local.toISOString().slice(0, -1)}${sign}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
        expect(timestampPart(text, 'days-since-epoch')).toBe(
          Math.floor(date.getTime() / 86_400_000),
        );
        expect(timestampPart(text, 'day-of-week')).toBe((local.getUTCDay() + 6) % 7);
        const hours =
          local.getUTCHours() + local.getUTCMinutes() / 60 + local.getUTCSeconds() / 3600;
        expect(timestampPart(text, 'hour-of-day')).toBeCloseTo(hours, 2);
      }),
    );
  });
});

describe('columns', () => {
  it.each([
    ['number', 1.1, Math.fround(1.1)],
    ['number', null, Number.NaN],
    ['number', undefined, Number.NaN],
    ['number', Number.NaN, Number.NaN],
    ['number', '1', undefined],
    ['number', true, undefined],
    ['number', 1e39, undefined],
    ['number', Number.POSITIVE_INFINITY, undefined],
    ['boolean', true, 1],
    ['boolean', false, 0],
    ['boolean', 1, undefined],
    ['boolean', null, Number.NaN],
    ['timestamp', '2026-11-23T18:30:00Z', 18.5],
    ['timestamp', 5, undefined],
    ['timestamp', null, Number.NaN],
    ['category', 'red', undefined],
  ] as const)('%s %s', (kind, value, expected) => {
    expect(columnValue({ kind }, 'hour-of-day', value)).toBe(expected);
  });

  it('categories are text, and missing is empty', () => {
    expect([categoryValue('red'), categoryValue(null), categoryValue(undefined)]).toEqual([
      'red',
      '',
      '',
    ]);
    expect([categoryValue(5), categoryValue(true)]).toEqual([undefined, undefined]);
  });
});
