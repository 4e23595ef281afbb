import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { artifactKey, type Digest } from '../contracts/version.ts';

/** What lies in the bucket is not what was registered; it must never answer a request. */
export class ArtifactCorrupted extends Error {
  override readonly name = 'ArtifactCorrupted';
  constructor(key: string, expected: Digest, found: string) {
    super(`artifact ${key} has the digest ${found}, registered was ${expected}`);
  }
}

/** Artifacts on the function's own disk, by digest, each verified before its first use. */
export class ArtifactCache {
  readonly #bucket: string;
  readonly #folder: string;
  readonly #capacityBytes: number;

  /** @param capacityBytes what may lie in `folder`; the oldest artifacts make room. */
  constructor(bucket: string, folder: string, capacityBytes: number) {
    this.#bucket = bucket;
    this.#folder = folder;
    this.#capacityBytes = capacityBytes;
  }

  /** Path of the verified artifact. @throws ArtifactCorrupted, or what S3 throws. */
  async path(model: string, digest: Digest): Promise<string> {
    const path = join(this.#folder, `${digest}.onnx`);
    if (existsSync(path)) return path;
    await mkdir(this.#folder, { recursive: true });
    const partial = `${path}.partial`;
    try {
      await this.#download(artifactKey(model, digest), digest, partial);
      await this.#makeRoom(statSync(partial).size);
      await rename(partial, path);
    } finally {
      await rm(partial, { force: true });
    }
    return path;
  }

  async #download(key: string, digest: Digest, file: string): Promise<void> {
    // Loaded here only: most starts find the artifact on disk or never leave the champion.
    const { GetObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
    const { Body } = await new S3Client({}).send(
      new GetObjectCommand({ Bucket: this.#bucket, Key: key }),
    );
    if (!(Body instanceof Readable)) throw new Error(`artifact ${key} came without a body`);
    const hash = createHash('sha256');
    const hashing = new Transform({
      transform(chunk, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(Body, hashing, createWriteStream(file));
    const found = hash.digest('hex');
    if (found !== digest) throw new ArtifactCorrupted(key, digest, found);
  }

  async #makeRoom(neededBytes: number): Promise<void> {
    const files = readdirSync(this.#folder)
      .filter((name) => name.endsWith('.onnx'))
      .map((name) => join(this.#folder, name))
      .map((path) => ({ path, ...pick(statSync(path)) }))
      .sort((a, b) => a.usedAtMs - b.usedAtMs);
    let usedBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const { path, sizeBytes } of files) {
      if (usedBytes + neededBytes <= this.#capacityBytes) return;
      await rm(path, { force: true });
      usedBytes -= sizeBytes;
    }
  }
}

const pick = ({ size, atimeMs }: { size: number; atimeMs: number }) => ({
  sizeBytes: size,
  usedAtMs: atimeMs,
});
