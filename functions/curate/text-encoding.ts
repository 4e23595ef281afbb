import { analyse } from 'chardet';
import type { FileReading } from '../contracts/dataset.ts';
import { FileRefused } from './refusal.ts';

/** What the first bytes of a file say. */
export type Beginning =
  | { readonly kind: 'parquet' }
  | { readonly kind: 'text'; readonly encoding: string; readonly markBytes: number }
  | { readonly kind: 'unmarked' };

const PACKED: readonly (readonly [number[], string])[] = [
  [[0x1f, 0x8b], 'gzip'],
  [[0x50, 0x4b, 0x03, 0x04], 'a ZIP archive or a spreadsheet'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'Zstandard'],
  [[0x42, 0x5a, 0x68], 'bzip2'],
];
const MARKS: readonly (readonly [number[], string])[] = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
];

const startsWith = (bytes: Uint8Array, mark: readonly number[]): boolean =>
  mark.every((byte, at) => bytes[at] === byte);

/** @throws FileRefused for packed files, which are asked for unpacked: a 500 MB limit means nothing else. */
export function readBeginning(bytes: Uint8Array): Beginning {
  if (bytes.length === 0) throw new FileRefused('the file is empty');
  const packed = PACKED.find(([mark]) => startsWith(bytes, mark));
  if (packed) throw new FileRefused(`the file is ${packed[1]}: upload it unpacked`);
  if (startsWith(bytes, [0x50, 0x41, 0x52, 0x31])) return { kind: 'parquet' };
  const marked = MARKS.find(([mark]) => startsWith(bytes, mark));
  if (marked) return { kind: 'text', encoding: marked[1], markBytes: marked[0].length };
  return { kind: 'unmarked' };
}

/** Tells an encoding from everything else, in chunks; nothing else passes as UTF-8 by chance for long. */
export class EncodingCheck {
  readonly #decoder: InstanceType<typeof TextDecoder>;
  #faultyFrom: number | undefined;
  #bytes = 0;

  constructor(encoding: string) {
    this.#decoder = new TextDecoder(encoding, { fatal: true });
  }

  add(chunk: Uint8Array): void {
    if (this.#faultyFrom === undefined) this.#try(chunk, true);
    this.#bytes += chunk.length;
  }

  /** @returns byte of the file that the first chunk with a fault begins at; undefined without one. */
  end(): number | undefined {
    if (this.#faultyFrom === undefined) this.#try(new Uint8Array(), false);
    return this.#faultyFrom;
  }

  #try(chunk: Uint8Array, stream: boolean): void {
    try {
      this.#decoder.decode(chunk, { stream });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#faultyFrom = this.#bytes;
    }
  }
}

/**
 * Line, from 1, of the first bytes that the encoding has not.
 * @param chunks the file from its first byte, cut as it was for the check.
 * @param faultyFrom what the check found; from there on byte for byte.
 */
export async function faultyLine(
  chunks: AsyncIterable<Uint8Array>,
  encoding: string,
  faultyFrom: number,
): Promise<number> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  let line = 1;
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      const pieces =
        bytes < faultyFrom ? [chunk] : Array.from(chunk, (byte) => Uint8Array.of(byte));
      for (const piece of pieces)
        line += decoder.decode(piece, { stream: true }).split('\n').length - 1;
      bytes += chunk.length;
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  return line;
}

/**
 * The likeliest encoding of bytes that are no UTF-8. Statistics of letters: a guess, and stated as one.
 * @param sample bytes around the first that is no UTF-8.
 */
export function guessEncoding(sample: Uint8Array): string {
  const names = analyse(sample).map(({ name }) => name.toLowerCase());
  const known = names.find((name) => name !== 'utf-8' && name !== 'ascii' && isDecodable(name));
  return new TextDecoder(known ?? 'windows-1252').encoding;
}

function isDecodable(name: string): boolean {
  try {
    return new TextDecoder(name).encoding !== '';
  } catch (error) {
    // An encoding that chardet knows and the platform does not.
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Encoding of a text file and how it is known. */
export type TextReading = Required<Pick<FileReading, 'encoding' | 'encodingBy'>>;

/** Decoded text of chunks; bytes that the encoding has not become U+FFFD, which a guess must survive. */
export async function* decodeText(
  chunks: AsyncIterable<Uint8Array>,
  encoding: string,
): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding);
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    if (text !== '') yield text;
  }
  const rest = decoder.decode();
  if (rest !== '') yield rest;
}
