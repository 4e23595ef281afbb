/** What an object's prefix may name. */
export interface PrefixContext {
  readonly nowMs: number;
  /** By the name in the metadata query. */
  readonly partitionKeys: ReadonlyMap<string, string>;
  /** Of error prefixes only. */
  readonly errorType?: string;
  readonly randomText: () => string;
}

export type Prefix = (context: PrefixContext) => string;

const EXPRESSION = /!\{([\w-]+):([^}]*)\}/g;

/** Java's letters for parts of a time in UTC, as far as they are emulated. */
const TIME_PARTS: readonly (readonly [letters: string, start: number, end: number])[] = [
  ['yyyy', 0, 4],
  ['MM', 5, 7],
  ['dd', 8, 10],
  ['HH', 11, 13],
  ['mm', 14, 16],
  ['ss', 17, 19],
];

/**
 * `day=!{partitionKeyFromQuery:day}/!{timestamp:yyyy/MM/dd}/!{firehose:random-string}/`.
 * https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
 * @throws TypeError for an expression that is not emulated.
 */
export function compilePrefix(text: string, partitionNames: ReadonlySet<string>): Prefix {
  for (const [expression, space = '', value = ''] of text.matchAll(EXPRESSION))
    if (!isKnown(space, value, partitionNames))
      throw new TypeError(`the expression ${expression} of the prefix ${text} is not emulated`);
  return (context) =>
    text.replaceAll(EXPRESSION, (_, space: string, value: string) => {
      if (space === 'partitionKeyFromQuery') return context.partitionKeys.get(value) ?? '';
      if (space === 'timestamp') return formatTime(value, context.nowMs);
      return value === 'random-string' ? context.randomText() : (context.errorType ?? '');
    });
}

function isKnown(space: string, value: string, partitionNames: ReadonlySet<string>): boolean {
  if (space === 'partitionKeyFromQuery') return partitionNames.has(value);
  if (space === 'firehose') return value === 'random-string' || value === 'error-output-type';
  const rest = TIME_PARTS.reduce((left, [letters]) => left.replaceAll(letters, ''), value);
  return space === 'timestamp' && !/[a-z]/i.test(rest);
}

function formatTime(format: string, nowMs: number): string {
  const iso = new Date(nowMs).toISOString();
  return TIME_PARTS.reduce(
    (text, [letters, start, end]) => text.replaceAll(letters, iso.slice(start, end)),
    format,
  );
}
