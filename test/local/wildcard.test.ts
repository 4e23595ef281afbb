import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileArnPattern, compileWildcard } from '../../infra/local/emulators/wildcard.ts';

/** Texts and patterns over a small alphabet, so that they meet often; regular expression syntax included. */
const characters = ['a', 'b', '.', '(', '[', '\\', '/', '\n', '😀'];
const text = fc.array(fc.constantFrom(...characters), { maxLength: 6 });
const pattern = fc.array(fc.constantFrom(...characters, '*', '?'), { maxLength: 6 });

/** The definition of wildcards, one character at a time. */
function matches([first, ...rest]: readonly string[], given: readonly string[]): boolean {
  if (first === undefined) return given.length === 0;
  if (first === '*') {
    return matches(rest, given) || (given.length > 0 && matches([first, ...rest], given.slice(1)));
  }
  return given.length > 0 && (first === '?' || first === given[0]) && matches(rest, given.slice(1));
}

describe('compileWildcard', () => {
  test('agrees with the definition', () => {
    fc.assert(
      fc.property(pattern, text, (wanted, given) => {
        expect(compileWildcard(wanted.join(''))(given.join(''))).toBe(matches(wanted, given));
      }),
      { numRuns: 2000 },
    );
  });

  test('* alone matches everything', () => {
    fc.assert(
      fc.property(fc.string(), (given) => {
        expect(compileWildcard('*')(given)).toBe(true);
      }),
    );
  });
});

describe('compileArnPattern', () => {
  test.each([
    ['arn:aws:s3:::bucket/*', 'arn:aws:s3:::bucket/a:b/c', true],
    ['arn:aws:*', 'arn:aws:s3:::bucket', false],
    ['arn:*:logs:*:1:log-group:x', 'arn:aws:logs:eu:1:log-group:x', true],
    ['arn:aws:logs:*:log-group:x', 'arn:aws:logs:eu:1:log-group:x', false],
  ])('%s and %s: %s', (wanted, arn, expected) => {
    expect(compileArnPattern(wanted)(arn)).toBe(expected);
  });
});
