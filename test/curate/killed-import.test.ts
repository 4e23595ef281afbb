import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DatasetVersion } from '../../functions/contracts/dataset.ts';
import type { BusEvent } from '../../functions/contracts/event-bus.ts';
import { type Importer, runImport } from '../../functions/curate/import-dataset.ts';
import type { ImportRecord, ImportState } from '../../functions/curate/import-record.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { everyKind, temporaryFolder } from './dataset-files.ts';

class Killed extends Error {}

const request: ImportRecord = {
  model: everyKind.name,
  importId: 'i',
  uploadId: 'u',
  columns: {},
  description: '',
  requestedAt: instantOf(0),
  requestedBy: 'operator',
  state: { kind: 'running' },
};

/** Stores that last while functions are killed: at their n-th call, before or after it took effect. */
function world(content: string) {
  const disk = temporaryFolder();
  const upload = join(temporaryFolder(), 'upload');
  writeFileSync(upload, content);
  let record = request;
  const versions = new Map<string, DatasetVersion>();
  const objects = new Map<string, number>();
  const events: BusEvent[] = [];
  let calls = 0;
  let killAt = Number.POSITIVE_INFINITY;
  const mortal = async <Result>(work: () => Result): Promise<Result> => {
    calls += 1;
    // Each call can be the last one twice: its effect lost, and its effect kept.
    if (calls * 2 - 1 === killAt) throw new Killed();
    const result = work();
    if (calls * 2 === killAt) throw new Killed();
    return result;
  };
  const importer = {
    specs: [everyKind],
    disk,
    clock: { nowMs: () => 1000, now: () => instantOf(1000) },
    store: {
      downloadUpload: (_model: string, _id: string, path: string) =>
        mortal(() => {
          copyFileSync(upload, path);
          return 'f'.repeat(64);
        }),
      keep: (_model: string, { digest }: { digest: string }) =>
        mortal(() => objects.set(digest, (objects.get(digest) ?? 0) + 1)),
      keepDigests: () => mortal(() => {}),
    },
    table: {
      findImport: () => mortal(() => record),
      finishImport: (from: ImportRecord, state: ImportState) =>
        mortal(() => (record = { ...from, state })),
      find: (_model: string, digest: string) => mortal(() => versions.get(digest)),
      add: (version: DatasetVersion) =>
        mortal(() => {
          const known = versions.get(version.digest) ?? version;
          versions.set(version.digest, known);
          return known;
        }),
    },
    events: {
      publish: (all: readonly BusEvent[]) => mortal(() => void events.push(...all)),
    },
  } as unknown as Importer;
  return {
    disk,
    /** @returns whether it lived to its end. */
    async run(killedAt = Number.POSITIVE_INFINITY): Promise<boolean> {
      [calls, killAt] = [0, killedAt];
      try {
        await runImport({ model: request.model, importId: 'i' }, importer);
        return true;
      } catch (error) {
        if (error instanceof Killed) return false;
        throw error;
      }
    },
    ends: () => ({ state: record.state, versions: [...versions], objects: [...objects.keys()] }),
    facts: () => new Set(events.map((event) => JSON.stringify(event))),
  };
}

describe.each([
  ['an import', 'a,y\n1,2\n3,4\n', 'imported'],
  ['an import that is refused', 'a,y\n1,2\n3,\n', 'refused'],
])('%s', (_, content, kind) => {
  test('that is killed at any call and repeated ends as one that was not', async () => {
    const undisturbed = world(content);
    expect(await undisturbed.run()).toBe(true);
    expect(undisturbed.ends().state.kind).toBe(kind);
    let killed = 0;
    for (let at = 1; ; at += 1) {
      const disturbed = world(content);
      if (await disturbed.run(at)) break;
      killed += 1;
      expect(await disturbed.run()).toBe(true);
      expect(disturbed.ends()).toEqual(undisturbed.ends());
      expect(disturbed.facts()).toEqual(undisturbed.facts());
      expect(readdirSync(disturbed.disk)).toEqual([]);
    }
    expect(killed).toBeGreaterThan(5);
  });

  test('that is repeated after its end only says it again', async () => {
    const once = world(content);
    await once.run();
    const before = once.ends();
    await once.run();
    expect(once.ends()).toEqual(before);
    expect(once.facts().size).toBe(1);
  });
});
