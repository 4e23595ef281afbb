/**
 * Compiles a pattern of IAM policies, in which `*` stands for any characters and `?` for exactly one.
 * Minimatch and picomatch give `/`, `[`, `{` and `!` a meaning that IAM does not.
 */
export function compileWildcard(pattern: string): (text: string) => boolean {
  if (pattern === '*') return () => true;
  if (!/[*?]/.test(pattern)) return (text) => text === pattern;
  const expression = new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\/]/g, String.raw`\$&`)
      .replace(/\*+/g, '.*')
      .replace(/\?/g, '.')}$`,
    'su',
  );
  return (text) => expression.test(text);
}

/** Compiles a pattern for `ArnLike`: wildcards do not reach across the first five colons. */
export function compileArnPattern(pattern: string): (arn: string) => boolean {
  const segments = splitArn(pattern).map(compileWildcard);
  return (arn) => {
    const parts = splitArn(arn);
    return (
      parts.length === segments.length &&
      segments.every((matches, index) => matches(parts[index] ?? ''))
    );
  };
}

function splitArn(arn: string): readonly string[] {
  const parts = arn.split(':');
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')];
}
