import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AwsChunkedDecoder } from '../../infra/local/emulators/aws-chunked.ts';

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

function encode(
  chunks: readonly Buffer[],
  trailers: Readonly<Record<string, string>> = {},
): Buffer {
  const framed = chunks
    .filter((chunk) => chunk.length > 0)
    .flatMap((chunk) => [
      Buffer.from(`${chunk.length.toString(16)}\r\n`),
      chunk,
      Buffer.from('\r\n'),
    ]);
  const lines = Object.entries(trailers).map(([name, value]) => `${name}:${value}\r\n`);
  return Buffer.concat([...framed, Buffer.from(`0\r\n${lines.join('')}\r\n`)]);
}

/** Cuts a buffer at the given places, as a network may. */
function cut(whole: Buffer, places: readonly number[]): readonly Buffer[] {
  const at = [...new Set(places.map((place) => place % (whole.length + 1)))].toSorted(
    (a, b) => a - b,
  );
  return [0, ...at].map((start, index) => whole.subarray(start, at[index]));
}

async function decode(pieces: readonly Buffer[]) {
  const decoder = new AwsChunkedDecoder();
  const content = await buffer(
    Readable.from(pieces.filter(({ length }) => length > 0)).pipe(decoder),
  );
  return { content, trailers: Object.fromEntries(decoder.trailers) };
}

describe('AwsChunkedDecoder', () => {
  test('gives back what was framed, wherever the network cuts it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(bytes), fc.array(fc.nat()), async (chunks, places) => {
        const trailers = { 'x-amz-checksum-crc32': 'DUoRhQ==' };
        expect(await decode(cut(encode(chunks, trailers), places))).toEqual({
          content: Buffer.concat(chunks),
          trailers,
        });
      }),
    );
  });

  test('refuses every body that ends early', async () => {
    const whole = encode([Buffer.from('hello '), Buffer.from('world')], { a: 'b' });
    for (let end = 0; end < whole.length; end += 1) {
      await expect(decode([whole.subarray(0, end)])).rejects.toMatchObject({
        code: 'IncompleteBody',
      });
    }
  });

  test.each([
    ['a size that is no number', 'zz\r\n'],
    ['a negative size', '-1\r\n'],
    ['a chunk longer than declared', '2\r\nabc\r\n0\r\n\r\n'],
    ['a line without carriage return', '2\nab\r\n0\r\n\r\n'],
    ['a line without end', 'a'.repeat(5000)],
    ['data behind the end', '0\r\n\r\nmore\r\n'],
    ['a trailer without name', '0\r\nnothing\r\n\r\n'],
  ])('refuses %s', async (_, body) => {
    await expect(decode([Buffer.from(body)])).rejects.toMatchObject({
      status: 400,
      code: 'IncompleteBody',
    });
  });
});
