import { ScanCommand, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, test, vi } from 'vitest';
import type { BusEvent } from '../../functions/contracts/event-bus.ts';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { announcingBy } from '../../functions/runtime/announcement.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { Outbox } from '../../functions/runtime/outbox.ts';
import { modelTable, startTables } from '../builders/model-table.ts';

const START_MS = Date.UTC(2026, 10, 23, 12);
const fact = (number: number, model = 'm', atMs = START_MS + number): BusEvent => ({
  type: 'PromotionAdvanced',
  detail: { at: instantOf(atMs), model, number, share: 0.1, nothing: null },
});

async function startOutbox() {
  const tables = await startTables(modelTable('facts', 'model', 'sk'));
  const { documents } = tables;
  const outbox = new Outbox(documents, 'facts');
  const told: BusEvent[] = [];
  /** Takes what it is told, unless it is refused before. */
  const bus = (refuse: (event: BusEvent) => void = () => {}) => ({
    publish: async (events: readonly BusEvent[]) => {
      events.forEach(refuse);
      told.push(...events);
    },
  });
  return {
    outbox,
    told,
    bus,
    numbers: () => told.map(({ detail }) => detail['number']),
    write: (...events: BusEvent[]) =>
      documents.send(new TransactWriteCommand({ TransactItems: outbox.entries(events) })),
    waiting: async () =>
      (await documents.send(new ScanCommand({ TableName: 'facts', ConsistentRead: true }))).Count,
    [Symbol.asyncDispose]: () => tables[Symbol.asyncDispose](),
  };
}

const away = () => {
  throw new Error('the bus is away');
};

describe('facts that wait', () => {
  test('are told as they were written, in order, and forgotten', async () => {
    await using box = await startOutbox();
    const together = [fact(3), fact(4, 'm', START_MS + 3), fact(5, 'm', START_MS + 3)];
    await box.write(...together);
    // About an earlier moment, but written later.
    await box.write(fact(2));
    await box.outbox.tell(['m'], box.bus());
    expect(box.told).toEqual([...together, fact(2)]);
    await box.outbox.tell(['m'], box.bus());
    expect(box.told).toHaveLength(4);
    expect(await box.waiting()).toBe(0);
  });

  test('wait on while the bus is away, and are then told in order, more than a page of them', async () => {
    await using box = await startOutbox();
    const all = Array.from({ length: LIMITS.pageSize + 3 }, (_, number) => fact(number));
    await box.write(...all);
    await expect(box.outbox.tell(['m'], box.bus(away))).rejects.toThrow('facts of 1 models');
    expect(await box.waiting()).toBe(all.length);
    await box.outbox.tell(['m'], box.bus());
    expect(box.told).toEqual(all);
  });

  test('are not told before the one that the bus does not take', async () => {
    await using box = await startOutbox();
    await box.write(fact(0), fact(1), fact(2));
    const refusing = box.bus(({ detail }) => detail['number'] === 1 && away());
    await expect(box.outbox.tell(['m'], refusing)).rejects.toThrow('facts of 1 models');
    expect(box.numbers()).toEqual([0]);
    await box.outbox.tell(['m'], box.bus());
    expect(box.numbers()).toEqual([0, 1, 2]);
  });

  test('of one model do not keep back those of another', async () => {
    await using box = await startOutbox();
    await box.write(fact(0, 'm'), fact(1, 'n'));
    const refusing = box.bus(({ detail }) => detail.model === 'm' && away());
    await expect(box.outbox.tell(['m', 'n'], refusing)).rejects.toThrow('facts of 1 models');
    expect(box.numbers()).toEqual([1]);
  });

  test('told by two at once are told at least once, and all forgotten', async () => {
    await using box = await startOutbox();
    await box.write(fact(0), fact(1), fact(2));
    await Promise.all([box.outbox.tell(['m'], box.bus()), box.outbox.tell(['m'], box.bus())]);
    expect(new Set(box.numbers())).toEqual(new Set([0, 1, 2]));
    expect(await box.waiting()).toBe(0);
  });
});

test('an announcer that cannot be started holds up nobody', async () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  await announcingBy({ start: away })('m');
  const lines = write.mock.calls.map(([line]) => String(line));
  write.mockRestore();
  expect(lines).toEqual([expect.stringContaining('"kind":"announcement-delayed","model":"m"')]);
});
