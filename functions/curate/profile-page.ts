import type { DatasetVersion } from '../contracts/dataset.ts';
import type { ColumnProfile, DatasetProfile } from '../contracts/dataset-profile.ts';
import { type Html, html } from '../runtime/html.ts';
import { brief, densityPlot, percent, type Share, sharePlot, timePlot } from './profile-plots.ts';

/** Categories shown; the profile has more. */
const MOST_SHOWN = 10;

const STYLE = html`body{font:14px/1.4 system-ui,sans-serif;margin:2em auto;max-width:1120px;padding:0 1em;color:#1b1f24}
h1{font-size:20px}h2{font-size:15px;margin:0 0 .3em}code{font-size:12px;word-break:break-all}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:16px}
section{border:1px solid #d5dae0;border-radius:6px;padding:12px;overflow:hidden}section.label{border-color:#1f6feb;border-width:2px}
dl{display:grid;grid-template-columns:auto 1fr;gap:2px 12px;margin:0 0 1em}dt{color:#59636e}dd{margin:0}
p.facts{margin:.2em 0;color:#59636e;font-size:12px}p.only{margin:1em 0}
svg{display:block;width:100%;fill:#7ba7dd}svg path{stroke:#59636e;fill:none}svg text{font-size:10px;fill:#59636e}
table.shares{width:100%;border-collapse:collapse;table-layout:fixed;font-size:12px}.shares th{text-align:left;font-weight:normal;width:38%;overflow:hidden;text-overflow:ellipsis;white-space:pre}
.shares td:last-child{text-align:right;width:58px}.shares svg{height:10px}`;

/** The profile of a dataset version as one page that loads nothing from anywhere. */
export function profilePage(version: DatasetVersion, profile: DatasetProfile): string {
  const { model, digest, rows, duplicateRows, description, createdAt, createdBy } = version;
  const page = html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${model} ${digest.slice(0, 12)}</title><style>${STYLE}</style></head><body>
<h1>Dataset of ${model}</h1>
<dl><dt>digest</dt><dd><code>${digest}</code></dd><dt>rows</dt><dd>${rows} (${duplicateRows} repeat an earlier one)</dd><dt>from</dt><dd>${originOf(version)}</dd><dt>description</dt><dd>${description}</dd><dt>made</dt><dd>${createdAt} by ${createdBy}</dd></dl>
<main>${profile.columns.map((column) => section(column, profile.rows))}</main></body></html>
`;
  return page.text;
}

function originOf({ source }: DatasetVersion): string {
  if (source.kind === 'snapshot')
    return `predictions from ${source.from} to ${source.to}, a sample of ${source.eligibleRows} rows`;
  const { format, encoding, encodingBy, delimiter } = source.file;
  const text = encoding ? `, ${encoding} (${encodingBy})` : '';
  return `${format}${text}${delimiter ? `, cells end with ${JSON.stringify(delimiter)}` : ''}`;
}

function section(column: ColumnProfile, rows: number): Html {
  const { name, role, unit, kind, missing } = column;
  const facts = [
    role === 'feature' ? kind : `${role}, ${kind}`,
    unit,
    `${percent(missing, rows)} missing`,
    ...distinctOf(column),
  ];
  return html`<section class="${role}"><h2>${name}</h2><p class="facts">${facts.filter((fact) => fact !== undefined).join(' · ')}</p>${plotOf(column, rows)}</section>`;
}

function distinctOf(column: ColumnProfile): string[] {
  if (!('distinct' in column)) return [];
  const isLeast = 'isDistinctAtLeast' in column && column.isDistinctAtLeast;
  return [`${isLeast ? '≥ ' : ''}${column.distinct} distinct`];
}

function plotOf(column: ColumnProfile, rows: number): Html {
  switch (column.kind) {
    case 'number':
      return html`${densityPlot(column)}<p class="facts">${summaryOf(column)}</p>`;
    case 'timestamp':
      return timePlot(column);
    case 'boolean':
      return sharePlot(
        [
          { label: 'true', count: column.yes },
          { label: 'false', count: column.no },
        ],
        rows,
      );
    case 'category':
      return sharePlot(sharesOf(column), rows);
    case 'identifier':
      return html``;
  }
}

function sharesOf({ top, other }: Extract<ColumnProfile, { kind: 'category' }>): Share[] {
  const shares = top.slice(0, MOST_SHOWN).map(({ value, count }) => ({ label: value, count }));
  const rest = top.slice(MOST_SHOWN).reduce((sum, { count }) => sum + count, other);
  return rest > 0 ? [...shares, { label: '(others)', count: rest }] : shares;
}

function summaryOf({ summary }: Extract<ColumnProfile, { kind: 'number' }>): string {
  if (!summary) return '';
  const { minimum, maximum, mean, deviation, quantiles } = summary;
  const median = quantiles.find(({ level }) => level === 0.5)?.value;
  return [
    `minimum ${brief(minimum)}`,
    ...(median === undefined ? [] : [`median ${brief(median)}`]),
    `mean ${brief(mean)}`,
    `maximum ${brief(maximum)}`,
    `deviation ${brief(deviation)}`,
  ].join(' · ');
}
