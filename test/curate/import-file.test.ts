import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { aModel } from '../builders/model-spec.ts';
import { accepted, everyKind, parquetOf, refused, rowsOf } from './dataset-files.ts';

const small = aModel('small');

describe('a CSV file', () => {
  test('becomes typed rows', async () => {
    const { file, rows, reading } = await accepted(
      'orderId,orderedAt,a,isNew,zone,size,y\n007,2026-11-23 18:30:00.50+01:00,1e2,TRUE,north,s,3\n,,,0,,,4.0\n',
    );
    expect(rows).toBe(2);
    expect(reading).toEqual({
      format: 'csv',
      encoding: 'utf-8',
      encodingBy: 'valid UTF-8',
      delimiter: ',',
    });
    expect(await rowsOf(file)).toEqual([
      {
        orderId: '007',
        orderedAt: '2026-11-23T18:30:00.5+01:00',
        a: 100,
        isNew: true,
        zone: 'north',
        size: 's',
        y: 3,
      },
      { isNew: false, y: 4 },
    ]);
  });

  test.each([
    [';', 'a;y\n1;2\n'],
    ['\t', 'a\ty\n1\t2\n'],
    ['|', 'a|y\n1|2\n'],
    [',', '"a",y\n1,2\n'],
  ])('has its delimiter %j detected and stated', async (delimiter, content) => {
    const { reading, file } = await accepted(content, small);
    expect(reading.delimiter).toBe(delimiter);
    expect(await rowsOf(file)).toEqual([{ a: 1, y: 2 }]);
  });

  test('may quote delimiters, quotes and line feeds', async () => {
    const { file } = await accepted('zone,y\n"a,""b""\nc",1\n');
    expect(await rowsOf(file)).toEqual([{ zone: 'a,"b"\nc', y: 1 }]);
  });

  test('may end its lines with CR LF, and leave the last one open', async () => {
    const { file } = await accepted('a,y\r\n1,2\r\n3,4', small);
    expect(await rowsOf(file)).toEqual([
      { a: 1, y: 2 },
      { a: 3, y: 4 },
    ]);
  });

  test('keeps formulas as the data they are', async () => {
    const formulas = ['=1+1', '@SUM(A1)', '+1', '-1', '=HYPERLINK("http://x";"y")'];
    const { file } = await accepted(
      `zone,y\n${formulas.map((text) => `"${text.replaceAll('"', '""')}",1`).join('\n')}\n`,
    );
    expect((await rowsOf(file)).map(({ zone }) => zone)).toEqual(formulas);
  });

  test('in Latin-1 is decoded, and said to be a guess', async () => {
    const lines = ['Größe', 'Straße', 'Übergröße', 'Mädchen', 'schön', 'für', 'Tür'];
    const text = `zone,y\n${lines.map((line) => `${line},1`).join('\n')}\n`;
    const { file, reading } = await accepted(Buffer.from(text, 'latin1'));
    expect(reading).toMatchObject({ encoding: 'windows-1252', encodingBy: 'guess' });
    expect((await rowsOf(file)).map(({ zone }) => zone)).toEqual(lines);
  });

  test.each([
    ['utf-8', Buffer.from('\uFEFFzone,y\nüber,1\n', 'utf8')],
    ['utf-16le', Buffer.from('\uFEFFzone,y\nüber,1\n', 'utf16le')],
    ['utf-16be', Buffer.from('\uFEFFzone,y\nüber,1\n', 'utf16le').swap16()],
  ])('with a byte-order mark is read as %s', async (encoding, content) => {
    const { file, reading } = await accepted(content);
    expect(reading).toMatchObject({ encoding, encodingBy: 'byte-order mark' });
    expect(await rowsOf(file)).toEqual([{ zone: 'über', y: 1 }]);
  });

  test('with names of its own is read by the names it is given', async () => {
    const content = ',Entfernung (km),Zeit\n0,7,9\n';
    const { file } = await accepted(content, small, {
      columns: { '': null, 'Entfernung (km)': 'a', Zeit: 'y' },
    });
    expect(await rowsOf(file)).toEqual([{ a: 7, y: 9 }]);
  });
});

describe('a row that does not fit', () => {
  test('is listed with its number, its columns and why, and nothing is kept', async () => {
    const { reason, faultyRows, listed } = await refused(
      'orderedAt,a,b,isNew,size,y\n,1,1,true,s,1\nyesterday,"1,5",11,maybe,xl,\n',
    );
    expect(reason).toBe('1 of 2 rows do not fit the spec of kinds; nothing was kept');
    expect(faultyRows).toBe(1);
    expect(listed).toEqual([
      {
        row: 2,
        faults: [
          {
            column: 'orderedAt',
            problem:
              'expected an instant with an offset such as 2026-11-23T18:30:00+01:00, got "yesterday"',
          },
          {
            column: 'a',
            problem: 'expected a number such as 12.5, got "1,5" (a decimal comma: write a point)',
          },
          { column: 'b', problem: '11 is outside -10 to 10 kg' },
          { column: 'isNew', problem: 'expected true or false, got "maybe"' },
          { column: 'size', problem: '"xl" is none of "s", "m"' },
          { column: 'y', problem: 'required, and missing' },
        ],
      },
    ]);
  });

  test('is listed up to a limit, and counted beyond it', async () => {
    const count = LIMITS.faultyRowsListed + 7;
    const { faultyRows, listed } = await refused(`a,y\n${'1,x\n'.repeat(count)}`, small);
    expect(faultyRows).toBe(count);
    expect(listed).toHaveLength(LIMITS.faultyRowsListed);
  });

  test.each(['0x10', '1_000', 'Infinity', 'NaN', '1e39', ' 1', '--1', '1.2.3'])(
    'has the number %j',
    async (number) => {
      const { listed } = await refused(`a,y\n"${number}",1\n`, small);
      expect(listed[0]?.faults[0]?.problem).toMatch(/expected a number such as 12.5/);
    },
  );

  test('has more or fewer cells than the header', async () => {
    const { listed } = await refused('a,b,y\n1,2,3\n1,2\n1,2,3,4\n', small);
    expect(listed.map(({ row, faults }) => [row, faults[0]?.problem])).toEqual([
      [2, 'the row has 2 cells, the header 3'],
      [3, 'the row has 4 cells, the header 3'],
    ]);
  });
});

describe('a file is refused as a whole', () => {
  test.each([
    ['it is empty', '', 'the file is empty'],
    ['it has a header only', 'a,y\n', 'the file has no rows'],
    ['two headers are the same', 'a,a,y\n1,2,3\n', /two columns are named "a"/],
    ['a column is unknown', 'a,colour,y\n1,2,3\n', /unknown: "colour" \(name them in "columns"/],
    ['the label is missing', 'a,b\n1,2\n', /missing: y/],
    ['a quote is never closed', 'a,y\n1,2\n"3,4\n', /after row 1 .* a quote is opened and never/],
    ['it is packed', Buffer.from([0x1f, 0x8b, 8, 0]), 'the file is gzip: upload it unpacked'],
    ['it is a spreadsheet', Buffer.from('PK\u0003\u0004…'), /a ZIP archive or a spreadsheet/],
    ['it is a JSON array', '[{"a":1,"y":2}]', /write newline JSON, one object a line/],
    ['it is half a Parquet file', Buffer.from('PAR1 and no more'), /cannot be read as such/],
  ])('when %s', async (_, content, reason) => {
    expect((await refused(content, small)).reason).toMatch(reason);
  });

  test('when a name it is given is no column', async () => {
    const { reason } = await refused('q,y\n1,2\n', small, { columns: { q: 'colour' } });
    expect(reason).toMatch(/"columns" says that "q" is "colour", which is no column/);
  });

  test('when a record outgrows the memory it may take', async () => {
    const long = 'x'.repeat(LIMITS.datasetRecordBytes + 10);
    expect((await refused(`zone,y\n"${long}\n`)).reason).toMatch(/longer than 1000000 characters/);
    expect((await refused(`{"zone":"${long}`)).reason).toMatch(/longer than 1000000 characters/);
  });
});

describe('newline JSON', () => {
  test('becomes the same typed rows', async () => {
    const { file, reading } = await accepted(
      '{"a":1.50,"isNew":true,"orderId":7,"y":2}\n\n{"y":3,"zone":null,"a":null}\n',
    );
    expect(reading.format).toBe('json-lines');
    expect(await rowsOf(file)).toEqual([{ a: 1.5, isNew: true, orderId: '7', y: 2 }, { y: 3 }]);
  });

  test('keeps its types: a text is no number, a number is no boolean', async () => {
    const { listed } = await refused(
      '{"a":"1","y":1}\n{"isNew":1,"y":1}\n{"zone":3,"y":1}\n{"a":[1],"y":1}\n{"zone":"\\ud800","y":1}\n',
    );
    expect(listed.map(({ faults }) => faults[0]?.column)).toEqual([
      'a',
      'isNew',
      'zone',
      'a',
      'zone',
    ]);
  });

  test('has its broken lines listed', async () => {
    const { listed } = await refused('{"y":1}\n{"y":1\n[1]\n{"y":1,"colour":2}\n');
    expect(listed.map(({ row, faults }) => [row, faults[0]?.problem])).toEqual([
      [2, 'no JSON: "{\\"y\\":1"'],
      [3, 'expected a JSON object a line, got "[1]"'],
      [4, 'unknown: "colour" (name it in "columns", with null to leave it out)'],
    ]);
  });
});

describe('a Parquet file', () => {
  const parquet = (columnData: Parameters<typeof parquetWriteBuffer>[0]['columnData']) =>
    new Uint8Array(parquetWriteBuffer({ columnData }));

  test('becomes the same typed rows', async () => {
    const content = parquet([
      { name: 'y', data: [1, 2], type: 'DOUBLE' },
      { name: 'orderId', data: [7n, null], type: 'INT64' },
      { name: 'orderedAt', data: [new Date(0), null], type: 'TIMESTAMP' },
      { name: 'a', data: [Number.NaN, 3], type: 'DOUBLE' },
      { name: 'isNew', data: [true, false], type: 'BOOLEAN' },
    ]);
    const { file, reading } = await accepted(content);
    expect(reading).toEqual({ format: 'parquet' });
    expect(await rowsOf(file)).toEqual([
      { y: 1, orderId: '7', orderedAt: '1970-01-01T00:00:00Z', isNew: true },
      { y: 2, a: 3, isNew: false },
    ]);
  });

  test('with another schema is refused with what is missing and what is unknown', async () => {
    const content = parquet([{ name: 'colour', data: ['red'], type: 'STRING' }]);
    expect((await refused(content)).reason).toMatch(/missing: y; unknown: "colour"/);
  });

  test('with other types has its rows listed', async () => {
    const content = parquet([
      { name: 'y', data: [1], type: 'DOUBLE' },
      { name: 'a', data: ['one'], type: 'STRING' },
    ]);
    expect((await refused(content)).listed).toEqual([
      { row: 1, faults: [{ column: 'a', problem: 'expected a number such as 12.5, got "one"' }] },
    ]);
  });

  test('is stored in row groups, and what it lacks is not stored', async () => {
    const rows = LIMITS.datasetRowGroupRows + 1;
    const { file } = await accepted(`a,y\n${'1,2\n'.repeat(rows)}`, small);
    const { groups, columns } = await parquetOf(file);
    expect(groups.map((group) => group.rows)).toEqual([LIMITS.datasetRowGroupRows, 1]);
    expect(columns).toEqual(['a', 'y']);
  });
});

describe('the rows of a query', () => {
  const { features, task } = searchRanking;
  const given = features.filter(({ required, name }) => required || name === 'queryId');
  const row = (queryId: string, values: Readonly<Record<string, unknown>> = {}) => {
    const cells = given.map((feature): [string, unknown] => {
      if (feature.name === 'queryId') return [feature.name, queryId];
      if (feature.kind === 'number') return [feature.name, feature.range.minimum];
      if (feature.kind === 'boolean') return [feature.name, true];
      if (feature.kind === 'category') return [feature.name, feature.values[0]];
      return [feature.name, '2026-11-23T18:30:00Z'];
    });
    return `${JSON.stringify({ ...Object.fromEntries(cells), [task.label]: 1, ...values })}\n`;
  };

  test('lie together', async () => {
    await expect(accepted(row('q') + row('q') + row('r'), searchRanking)).resolves.toMatchObject({
      rows: 3,
    });
    const { listed } = await refused(row('q') + row('r') + row('q'), searchRanking);
    expect(listed).toEqual([
      {
        row: 3,
        faults: [
          {
            column: 'queryId',
            problem: 'query "q" comes back after another began: keep the rows of a query together',
          },
        ],
      },
    ]);
  });

  test('have what belongs to the query in common', async () => {
    const ofQuery = given.find(({ of, kind }) => of === 'query' && kind === 'number');
    if (ofQuery?.kind !== 'number') throw new Error('search-ranking has no number of the query');
    const other = { [ofQuery.name]: ofQuery.range.maximum };
    const { listed } = await refused(row('q') + row('q', other), searchRanking);
    expect(listed[0]?.faults[0]?.problem).toMatch(/it belongs to the query/);
  });

  test('have a relevance from 0 to 31', async () => {
    const { listed } = await refused(row('q', { [task.label]: 32 }), searchRanking);
    expect(listed[0]?.faults).toEqual([{ column: task.label, problem: '32 is outside 0 to 31' }]);
  });
});

test('duplicates are counted, not refused', async () => {
  const { duplicateRows } = await accepted('a,y\n1,2\n1,2\n1.0,2e0\n2,2\n', small);
  expect(duplicateRows).toBe(2);
});

test('a class of a classification is one of the two', async () => {
  const spec = aModel('fraud', {
    task: {
      kind: 'classification',
      label: 'y',
      classes: ['0', '1'],
      score: 'points',
      threshold: 0.5,
      cost: { currency: 'EUR', falsePositive: 1, falseNegative: 1 },
    },
    monitoring: {
      ...everyKind.monitoring,
      objectives: everyKind.monitoring.objectives
        .slice(0, 1)
        .map((each) => ({ ...each, metric: 'brier' })),
    },
  });
  expect((await accepted('{"y":1}\n{"y":"0"}\n', spec)).rows).toBe(2);
  expect((await refused('{"y":2}\n', spec)).listed[0]?.faults).toEqual([
    { column: 'y', problem: '"2" is none of "0", "1"' },
  ]);
});
