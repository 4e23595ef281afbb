import { describe, expect, test } from 'vitest';
import { accepted, refused, rowsOf } from './dataset-files.ts';

describe('a file with a byte-order mark', () => {
  const latin1 = Buffer.from('für,2\n', 'latin1');
  test.each([
    ['utf-8', 3, Buffer.concat([Buffer.from('\uFEFFzone,y\nüber,1\n'), latin1])],
    ['utf-8', 2, Buffer.concat([Buffer.from('\uFEFFzone,y\nüber'), Buffer.of(0xc3)])],
    [
      'utf-8',
      200_002,
      Buffer.concat([Buffer.from(`\uFEFFzone,y\n${'über,1\n'.repeat(200_000)}`), latin1]),
    ],
    ['utf-16le', 2, Buffer.concat([Buffer.from('\uFEFFzone,y\nü', 'utf16le'), Buffer.of(0x20)])],
    ['utf-16be', 2, Buffer.from('\uFEFFzone,y\n\uD800,1\n', 'utf16le').swap16()],
  ])(
    'whose byte-order mark says %s and whose line %i is not is refused',
    async (encoding, line, content) => {
      expect((await refused(content)).reason).toBe(
        `the byte-order mark says ${encoding}, but line ${line} of the file has bytes that are none: write all of it in one encoding`,
      );
    },
  );

  test('may hold U+FFFD that was written as such', async () => {
    const { file } = await accepted('\uFEFFzone,y\n\uFFFD,1\n');
    expect(await rowsOf(file)).toEqual([{ zone: '\uFFFD', y: 1 }]);
  });
});
