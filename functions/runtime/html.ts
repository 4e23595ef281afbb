/**
 * HTML whose every interpolated text is escaped; only what this file's template made goes in as it is.
 * A template engine would bring a parser and a cache for what is one replace.
 */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

type Piece = string | number | Html | readonly Html[];

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string =>
  // Control characters have no place in a page, and some turn what is read around (U+202E).
  text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? '').replaceAll(UNSEEN, '�');

const UNSEEN = /(?![\t\n\r])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

function render(piece: Piece): string {
  if (piece instanceof Html) return piece.text;
  if (typeof piece === 'string') return escaped(piece);
  if (typeof piece === 'number') return String(piece);
  return piece.map(({ text }) => text).join('');
}

export const html = (strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html =>
  new Html(
    strings.map((text, at) => text + (at < pieces.length ? render(pieces[at] ?? '') : '')).join(''),
  );
