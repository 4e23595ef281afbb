import { describe, expect, test } from 'vitest';
import type { DatasetVersion } from '../../functions/contracts/dataset.ts';
import { profileDataset } from '../../functions/curate/dataset-profiling.ts';
import { profilePage } from '../../functions/curate/profile-page.ts';
import { accepted, parquetOf } from './dataset-files.ts';

async function profileOf(content: string) {
  const { file, columns, ...dataset } = await accepted(content);
  const profile = await profileDataset(await parquetOf(file), columns);
  const version = {
    model: 'kinds',
    digest: dataset.digest,
    rowsDigest: dataset.rowsDigest,
    rows: dataset.rows,
    duplicateRows: dataset.duplicateRows,
    sizeBytes: dataset.sizeBytes,
    source: { kind: 'import', importId: 'i', file: dataset.reading },
    description: '<b>October</b>',
    createdAt: '2026-11-23T18:30:00.000Z',
    createdBy: 'arn:aws:iam::1:user/o',
  } as DatasetVersion;
  return { profile, page: profilePage(version, profile) };
}

describe('a profile', () => {
  test('says of each kind of column what it holds', async () => {
    const lines = Array.from({ length: 100 }, (_, at) =>
      JSON.stringify({
        orderId: `o${at % 50}`,
        orderedAt: `2026-11-${String((at % 28) + 1).padStart(2, '0')}T12:00:00Z`,
        ...(at < 90 && { a: at + 1 }),
        isNew: at < 30,
        zone: at < 60 ? 'north' : 'south',
        y: 5,
      }),
    );
    const { profile } = await profileOf(lines.join('\n'));
    const column = (name: string) => profile.columns.find((each) => each.name === name);
    expect(profile.rows).toBe(100);
    expect(column('a')).toMatchObject({
      kind: 'number',
      unit: 'km',
      missing: 10,
      distinct: 90,
      summary: { minimum: 1, maximum: 90, mean: 45.5 },
      edges: [9.9, 18.8, 27.7, 36.6, 45.5, 54.4, 63.3, 72.2, expect.closeTo(81.1, 9)],
      counts: [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 10],
    });
    expect(column('y')).toMatchObject({
      role: 'label',
      distinct: 1,
      edges: [5],
      counts: [100, 0, 0],
    });
    expect(column('isNew')).toMatchObject({ yes: 30, no: 70, missing: 0 });
    expect(column('zone')).toMatchObject({
      distinct: 2,
      top: [
        { value: 'north', count: 60 },
        { value: 'south', count: 40 },
      ],
      other: 0,
    });
    expect(column('orderId')).toMatchObject({ distinct: 50, isDistinctAtLeast: false });
    expect(column('orderedAt')).toMatchObject({
      range: { earliest: '2026-11-01T12:00:00Z', latest: '2026-11-28T12:00:00Z' },
    });
  });

  test('of a column that is always missing has no summary', async () => {
    const { profile, page } = await profileOf('{"y":1}\n{"y":2}\n');
    expect(profile.columns.find(({ name }) => name === 'a')).toMatchObject({
      missing: 2,
      edges: [],
      counts: [0, 2],
    });
    expect(page).toContain('100.0 % missing');
  });
});

describe('the page of a profile', () => {
  test('escapes whatever came from rows or people', async () => {
    const zones = [
      '<script>alert(1)</script>',
      '"><img src=x onerror=alert(1)>',
      '=cmd|calc',
      '\u202Eevil\u0007',
    ];
    const { page } = await profileOf(
      zones.map((zone) => JSON.stringify({ zone, y: 1 })).join('\n'),
    );
    expect(page).not.toMatch(/<script|<img|<b>|[\u202E]|\p{Cc}(?<!\n)/u);
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).toContain('&lt;b&gt;October&lt;/b&gt;');
  });

  test('loads nothing from anywhere', async () => {
    const { page } = await profileOf('{"y":1}\n');
    expect(page).not.toMatch(/\b(?:src|href)=|url\(|@import/);
  });
});
