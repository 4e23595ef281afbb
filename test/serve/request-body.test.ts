import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { Faults } from '../../functions/serve/fault.ts';
import { openBody, parseJson, readText } from '../../functions/serve/request-body.ts';
import { isReadOrRefused, refusalOf } from './refusal.ts';

const body = Buffer.from('{"a":1}');
const plain = { bareNaN: 'null', hasExactIntegers: false } as const;
const parse = (text: string, reading: Parameters<typeof parseJson>[1] = plain) =>
  parseJson(Buffer.from(text), reading);

describe('content type', () => {
  test.each([
    undefined,
    '',
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/octet-stream',
    'application/vnd.acme.order+json',
  ])('%s is taken', (contentType) => {
    expect(openBody(body, { 'content-type': contentType })).toEqual(body);
  });

  test.each(['text/plain', 'text/csv; charset=utf-8', 'application/xml', 'json'])(
    '%s is refused',
    (contentType) => {
      const { status, code, error } = refusalOf(() =>
        openBody(body, { 'content-type': contentType }),
      );
      expect({ status, code }).toEqual({ status: 415, code: 'UNSUPPORTED_CONTENT_TYPE' });
      expect(error).toContain('send application/json');
    },
  );

  test('the type that curl sends by default is refused with the option to add', () => {
    const { error } = refusalOf(() =>
      openBody(body, { 'content-type': 'application/x-www-form-urlencoded' }),
    );
    expect(error).toContain("-H 'content-type: application/json'");
  });
});

describe('content encoding', () => {
  test.each([
    ['gzip', gzipSync(body)],
    ['x-gzip', gzipSync(body)],
    ['GZIP', gzipSync(body)],
    ['deflate', deflateSync(body)],
    ['identity', body],
    ['', body],
  ])('%s is undone', (encoding, encoded) => {
    expect(openBody(encoded, { 'content-encoding': encoding }).toString()).toBe('{"a":1}');
  });

  test.each(['br', 'zstd', 'gzip, gzip'])('%s is refused', (encoding) => {
    expect(refusalOf(() => openBody(body, { 'content-encoding': encoding }))).toEqual({
      status: 415,
      code: 'UNSUPPORTED_CONTENT_ENCODING',
      error: `Content-Encoding "${encoding}" is not taken; send gzip, deflate or none`,
      details: [],
    });
  });

  test.each([
    ['gzip', body],
    ['gzip', gzipSync(body).subarray(0, -9)],
    ['deflate', deflateRawSync(body)],
  ])('a body that is not %s is refused', (encoding, encoded) => {
    const { status, error } = refusalOf(() => openBody(encoded, { 'content-encoding': encoding }));
    expect(status).toBe(400);
    expect(error).toMatch(new RegExp(`^the body is not valid ${encoding}`));
  });

  test('a decompression bomb is refused at the limit', () => {
    const bomb = gzipSync(Buffer.alloc(LIMITS.decompressedBodyBytes + 1, 32));
    expect(refusalOf(() => openBody(bomb, { 'content-encoding': 'gzip' })).status).toBe(413);
  });
});

describe('size', () => {
  test('the largest body is taken, one byte more is not, an empty one is not', () => {
    const largest = Buffer.alloc(LIMITS.requestBodyBytes, 32);
    expect(openBody(largest, {})).toBe(largest);
    const { status, code } = refusalOf(() =>
      openBody(Buffer.alloc(LIMITS.requestBodyBytes + 1, 32), {}),
    );
    expect({ status, code }).toEqual({ status: 413, code: 'BODY_TOO_LARGE' });
    expect(refusalOf(() => openBody(Buffer.alloc(0), {})).status).toBe(400);
  });
});

describe('JSON', () => {
  test('bare NaN and infinities are read outside strings only', () => {
    expect(parse('{"a":[NaN,-Infinity,Infinity],"NaN":"a NaN, \\"Infinity\\\\"}')).toEqual({
      a: [null, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
      NaN: 'a NaN, "Infinity\\',
    });
  });

  test('a string ends at its own quote, whatever backslashes stand before it', () => {
    expect(parse('["\\\\",NaN,"\\"NaN",NaN]')).toEqual(['\\', null, '"NaN', null]);
  });

  test('a bare NaN can be told from null where it must be', () => {
    expect(parse('[NaN,null]', { bareNaN: '1e999', hasExactIntegers: false })).toEqual([
      Number.POSITIVE_INFINITY,
      null,
    ]);
  });

  test('a byte order mark is dropped', () => {
    expect(parse('\uFEFF{"a":1}')).toEqual({ a: 1 });
  });

  test('integers beyond 2^53 are exact when asked for', () => {
    const reading = { bareNaN: 'null', hasExactIntegers: true } as const;
    expect(parse('[9007199254740993,-9223372036854775808,1,1.5,1e300]', reading)).toEqual([
      9007199254740993n,
      -9223372036854775808n,
      1,
      1.5,
      1e300,
    ]);
  });

  test('a number of a million digits takes no time', () => {
    const reading = { bareNaN: 'null', hasExactIntegers: true } as const;
    expect(parse(`[${'9'.repeat(1_000_000)}]`, reading)).toEqual([Number.POSITIVE_INFINITY]);
  });

  test('JSON reads the same with bare numbers around it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        expect(parse(`[NaN,${text},Infinity]`)).toEqual([
          null,
          JSON.parse(text),
          Number.POSITIVE_INFINITY,
        ]);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('bytes that are no JSON', () => {
  test.each(['', '{', '{"a":}', "{'a':1}", 'NaNa', '[1NaN]', '-NaN', '"NaN', '[Infinity'])(
    '%s is no JSON',
    (text) => {
      const { status, code } = refusalOf(() => parse(text));
      expect({ status, code }).toEqual({ status: 400, code: 'BAD_BODY' });
    },
  );

  test('bytes that are no UTF-8 are refused', () => {
    expect(refusalOf(() => parseJson(Buffer.from([0x22, 0xff, 0x22]), plain)).error).toBe(
      'the JSON is not valid UTF-8',
    );
  });

  test('nesting counts outside strings only', () => {
    const brackets = `"${'['.repeat(300_000)}\\"${'{'.repeat(1000)}"`;
    const level = (count: number) => `${'['.repeat(count)}${brackets}${']'.repeat(count)}`;
    expect(parse(level(64))).toBeInstanceOf(Array);
    expect(refusalOf(() => parse(level(65))).error).toBe(
      'the JSON is nested deeper than 64 levels',
    );
  });

  test.each([false, true])('nesting too short for that limit is no crash (exact: %s)', (exact) => {
    const deep = `${'['.repeat(120_000)}9007199254740993${']'.repeat(120_000)}`;
    expect(() =>
      isReadOrRefused(() => parse(deep, { bareNaN: 'null', hasExactIntegers: exact })),
    ).not.toThrow();
  });

  test('arbitrary bytes are read or refused', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('gzip', 'deflate', undefined),
        (bytes, encoding) => {
          const read = () =>
            parseJson(openBody(Buffer.from(bytes), { 'content-encoding': encoding }), plain);
          expect(() => isReadOrRefused(read)).not.toThrow();
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('text fields', () => {
  test('absent and null are no text; other kinds and lengths are faults', () => {
    const faults = new Faults();
    expect(readText(undefined, 'id', 0, 3, faults)).toBeUndefined();
    expect(readText(null, 'id', 0, 3, faults)).toBeUndefined();
    expect(readText('abc', 'id', 0, 3, faults)).toBe('abc');
    expect(faults.any).toBe(false);
    readText(7, 'id', 0, 3, faults);
    readText('abcd', 'id', 0, 3, faults);
    expect(refusalOf(() => faults.settle()).details).toEqual([
      'id: expected text, got 7',
      'id: expected 0 to 3 characters, got 4',
    ]);
  });
});
