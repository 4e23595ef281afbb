import type { ColumnProfile } from '../contracts/dataset-profile.ts';
import { type Html, html } from '../runtime/html.ts';

const WIDTH = 340;
const HEIGHT = 90;
const NOTHING = html``;

type NumberColumn = Extract<ColumnProfile, { kind: 'number' }>;

/** Up to six digits, without idle zeros. */
export const brief = (value: number): string =>
  Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-4)
    ? value.toExponential(2)
    : String(Number(value.toPrecision(6)));

export const percent = (part: number, whole: number): string =>
  whole === 0
    ? '–'
    : `${((100 * part) / whole).toFixed(part > 0 && part / whole < 0.001 ? 3 : 1)} %`;

/** Density of a number: bins hold about the same rows each, so their height is rows per width. */
export function densityPlot({ summary, edges, counts }: NumberColumn): Html {
  if (!summary) return NOTHING;
  const bounds = [summary.minimum, ...edges, summary.maximum];
  // The outermost bins reach to the extremes; an outlier would flatten all else, so the view ends at 1 and 99 %.
  const [low, high] = viewOf(summary);
  if (high <= low) return html`<p class="only">always ${brief(low)}</p>`;
  const bars = counts.slice(0, -1).flatMap((count, bin) => {
    const [from = low, to = high] = [bounds[bin], bounds[bin + 1]];
    const seen = [Math.max(from, low), Math.min(to, high)] as const;
    return to > from && seen[1] > seen[0]
      ? [{ from: seen[0], to: seen[1], density: count / (to - from), count }]
      : [];
  });
  const most = Math.max(...bars.map(({ density }) => density), Number.MIN_VALUE);
  const x = (value: number): number => ((value - low) / (high - low)) * WIDTH;
  return framed(
    bars.map(({ from, to, density, count }) =>
      bar(
        x(from),
        x(to) - x(from),
        density / most,
        `${brief(from)} to ${brief(to)}: ${count} rows`,
      ),
    ),
    [brief(low), brief(high)],
  );
}

function viewOf({ minimum, maximum, quantiles }: NonNullable<NumberColumn['summary']>) {
  const at = (level: number) => quantiles.find((quantile) => quantile.level === level)?.value;
  const [low = minimum, high = maximum] = [at(0.01), at(0.99)];
  return low < high ? ([low, high] as const) : ([minimum, maximum] as const);
}

/** Rows in equal slices of time. */
export function timePlot({ counts, range }: Extract<ColumnProfile, { kind: 'timestamp' }>): Html {
  if (!range) return NOTHING;
  const most = Math.max(...counts, 1);
  const width = WIDTH / counts.length;
  return framed(
    counts.map((count, at) => bar(at * width, width, count / most, `${count} rows`)),
    [range.earliest, range.latest],
  );
}

const bar = (x: number, width: number, share: number, title: string): Html =>
  html`<rect x="${x.toFixed(1)}" y="${(HEIGHT * (1 - share)).toFixed(1)}" width="${Math.max(width - 1, 1).toFixed(1)}" height="${(HEIGHT * share).toFixed(1)}"><title>${title}</title></rect>`;

const framed = (bars: readonly Html[], [left, right]: readonly [string, string]): Html =>
  html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT + 16}" role="img">${bars}<path d="M0 ${HEIGHT}H${WIDTH}"/><text x="0" y="${HEIGHT + 13}">${left}</text><text x="${WIDTH}" y="${HEIGHT + 13}" text-anchor="end">${right}</text></svg>`;

export interface Share {
  readonly label: string;
  readonly count: number;
}

/** One line a value, longest first. */
export function sharePlot(shares: readonly Share[], rows: number): Html {
  const most = Math.max(...shares.map(({ count }) => count), 1);
  return html`<table class="shares">${shares.map(
    ({ label, count }) =>
      html`<tr><th>${label}</th><td><svg viewBox="0 0 100 10" preserveAspectRatio="none"><rect width="${((100 * count) / most).toFixed(1)}" height="10"/></svg></td><td>${percent(count, rows)}</td></tr>`,
  )}</table>`;
}
