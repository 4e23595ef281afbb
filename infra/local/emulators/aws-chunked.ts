import { Transform, type TransformCallback } from 'node:stream';
import { ServiceError } from './emulator.ts';

/** Chunk headers and trailers are short; more than this without a line end is no aws-chunked body. */
const LONGEST_LINE_BYTES = 4096;
const LINE_FEED = 0x0a;

/**
 * Takes the `aws-chunked` framing off a streamed upload. Its trailers, by lower-case name, are complete
 * when the stream has ended. The SDK can write this framing but ships nothing that reads it.
 */
export class AwsChunkedDecoder extends Transform {
  readonly trailers = new Map<string, string>();
  #state: 'size' | 'data' | 'data-end' | 'trailers' | 'done' = 'size';
  /** What is left of the chunk that is being read. */
  #remaining = 0;
  #line = Buffer.alloc(0);

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    try {
      let rest = bytes;
      while (rest.length > 0)
        rest = this.#state === 'data' ? this.#takeData(rest) : this.#takeLine(rest);
      done();
    } catch (failure) {
      done(failure as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    if (this.#state === 'done') done();
    else done(malformed('The body ended inside its aws-chunked framing.'));
  }

  #takeData(bytes: Buffer): Buffer {
    const data = bytes.subarray(0, this.#remaining);
    this.push(data);
    this.#remaining -= data.length;
    if (this.#remaining === 0) this.#state = 'data-end';
    return bytes.subarray(data.length);
  }

  #takeLine(bytes: Buffer): Buffer {
    const end = bytes.indexOf(LINE_FEED);
    const part = end < 0 ? bytes : bytes.subarray(0, end + 1);
    if (this.#line.length + part.length > LONGEST_LINE_BYTES)
      throw malformed('A line is too long.');
    this.#line = Buffer.concat([this.#line, part]);
    if (end >= 0) {
      const line = this.#line.toString('latin1');
      if (!line.endsWith('\r\n')) throw malformed('A line does not end with CRLF.');
      this.#line = Buffer.alloc(0);
      this.#readLine(line.slice(0, -2));
    }
    return bytes.subarray(part.length);
  }

  #readLine(line: string): void {
    switch (this.#state) {
      case 'size':
        this.#beginChunk(line);
        break;
      case 'data-end':
        if (line !== '') throw malformed('A chunk is longer than it declares.');
        this.#state = 'size';
        break;
      case 'trailers':
        this.#readTrailer(line);
        break;
      case 'data':
      case 'done':
        throw malformed('There is data after the end of the body.');
    }
  }

  #beginChunk(line: string): void {
    // Extensions hold the signatures of signed chunks, which are refused before the body is read.
    const size = /^[0-9a-fA-F]{1,8}$/.exec(line.split(';', 1)[0] ?? '');
    if (size === null) throw malformed(`"${line.slice(0, 40)}" is not the size of a chunk.`);
    this.#remaining = Number.parseInt(size[0], 16);
    this.#state = this.#remaining === 0 ? 'trailers' : 'data';
  }

  #readTrailer(line: string): void {
    if (line === '') {
      this.#state = 'done';
      return;
    }
    const [, name, value] = /^([^:]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw malformed('A trailer has no name.');
    this.trailers.set(name.trim().toLowerCase(), value.trim());
  }
}

function malformed(detail: string): ServiceError {
  return new ServiceError(
    400,
    'IncompleteBody',
    `The request body is not the aws-chunked body its headers declare. ${detail}`,
  );
}
