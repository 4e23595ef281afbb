import { isRecord } from './json.ts';

/** Whether a log event's message passes a subscription filter. */
export type LogFilter = (message: string) => boolean;

const ANY_OF = /^\{ (\(.+\)(?: \|\| \(.+\))+) \}$/;
const IS_BOOLEAN = /^\{ ?\(?\$\.([\w.]+) IS (TRUE|FALSE)\)? ?\}$/;
const EQUALS_TEXT = /^\{ ?\(?\$\.([\w.]+) = "([^"]*)"\)? ?\}$/;

/**
 * Of the filter pattern syntax, what templates here use: everything, `$.x IS TRUE`, `$.x = "text"`
 * and any of several such.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 * @throws on any other pattern, at start.
 */
export function compileFilterPattern(pattern: string): LogFilter {
  if (pattern.trim() === '') return () => true;
  const alternatives = ANY_OF.exec(pattern)?.[1];
  if (alternatives) {
    const filters = alternatives.split(' || ').map((each) => compileFilterPattern(`{ ${each} }`));
    return (message) => filters.some((matches) => matches(message));
  }
  const boolean = IS_BOOLEAN.exec(pattern);
  if (boolean) return (message) => memberOf(message, boolean[1] ?? '') === (boolean[2] === 'TRUE');
  const text = EQUALS_TEXT.exec(pattern);
  if (text) return (message) => memberOf(message, text[1] ?? '') === text[2];
  throw new Error(`the filter pattern ${pattern} is not one the local runner knows`);
}

function memberOf(message: string, path: string): unknown {
  if (!message.startsWith('{')) return undefined;
  return path
    .split('.')
    .reduce<unknown>((value, name) => (isRecord(value) ? value[name] : undefined), parse(message));
}

/** CloudWatch Logs matches JSON patterns against JSON events only; others pass by. */
function parse(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}
