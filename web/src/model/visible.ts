// What others wrote, on the glass: nothing in it turns the direction of the text,
// hides, looks like a blank and is none, or pushes the rest out of sight. The same
// rules as the console's (lib/text/visible.h). Pure. For all that is judged, listed or
// pressed; a message of Codex's keeps its joiners (markdown/).

/** Blanks or line ends in a row, of which more are counted instead of shown. */
const BLANKS_SHOWN_MAX = 8;
/** In a text of several lines, where blanks are the form of what is written. */
const INDENT_SHOWN_MAX = 80;

// Unicode 15's categories Cc, Cf, Co, Zl, Zp and Zs but for the blank, what is ignorable by
// default (variation selectors, fillers), U+2800 and noncharacters.
// biome-ignore format: one range after the other
const HIDDEN: readonly (readonly [number, number])[] = [
  [0x0, 0x1f], [0x7f, 0xa0], [0xad, 0xad], [0x34f, 0x34f], [0x600, 0x605], [0x61c, 0x61c], [0x6dd, 0x6dd], [0x70f, 0x70f],
  [0x890, 0x891], [0x8e2, 0x8e2], [0x115f, 0x1160], [0x1680, 0x1680], [0x17b4, 0x17b5], [0x180b, 0x180f], [0x2000, 0x200f],
  [0x2028, 0x202f], [0x205f, 0x206f], [0x2800, 0x2800], [0x3000, 0x3000], [0x3164, 0x3164], [0xd800, 0xf8ff], [0xfdd0, 0xfdef],
  [0xfe00, 0xfe0f], [0xfeff, 0xfeff], [0xffa0, 0xffa0], [0xfff0, 0xfffb], [0x110bd, 0x110bd], [0x110cd, 0x110cd],
  [0x13430, 0x1343f], [0x1bca0, 0x1bca3], [0x1d173, 0x1d17a], [0xe0000, 0xe0fff], [0xf0000, 0x10ffff],
];

export function hides(code: number): boolean {
  return (code & 0xfffe) === 0xfffe || HIDDEN.some(([first, last]) => code >= first && code <= last);
}

export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** 3,000 blanks, 400 line ends, or both. */
function counted(run: string): string {
  const lines = run.split('\n').length - 1;
  if (lines === 0) return `⟨${grouped(run.length)} blanks⟩`;
  if (lines === run.length) return `⟨${grouped(lines)} line ends⟩`;
  return `⟨${grouped(run.length)} blanks and line ends⟩`;
}

function escaped(char: string): string {
  return `⟨U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

const ORDINARY = /^[\x20-\x7e]*$/;
const LONG_RUN = / {9}/;

/** Of several lines: they stay lines, and what is indented stays so. */
export function visible(text: string): string {
  const lines = text.replaceAll('\r\n', '\n');
  // By runs of blanks, lines and what is between.
  return lines.replace(/\n{2,}|[ \t]+|[^ \t\n]+/g, (run, at: number) => {
    if (run[0] === '\n') return run.length > BLANKS_SHOWN_MAX ? `\n${counted(run)}\n` : run;
    if (run[0] !== ' ' && run[0] !== '\t') return ORDINARY.test(run) ? run : each(run);
    const isIndent = at === 0 || lines[at - 1] === '\n';
    return run.length > (isIndent ? INDENT_SHOWN_MAX : INDENT_SHOWN_MAX / 2) ? counted(run) : run;
  });
}

function each(text: string): string {
  let out = '';
  for (const char of text) out += hides(char.codePointAt(0) ?? 0) ? escaped(char) : char;
  return out;
}

/** One line: line ends as ↵, tabs as ⇥. Of a longer one its beginning, and how much follows. */
export function visibleLine(text: string, charactersMax = Number.MAX_SAFE_INTEGER): string {
  if (text.length <= charactersMax && ORDINARY.test(text) && !LONG_RUN.test(text)) return text;
  let out = '';
  let characters = 0;
  let at = 0;
  while (at < text.length) {
    const { piece, length } = pieceAt(text, at);
    const more = [...piece].length;
    if (characters + more > charactersMax) return `${out}… ⟨and ${grouped([...text.slice(at)].length)} more⟩`;
    out += piece;
    characters += more;
    at += length;
  }
  return out;
}

const RUN = /[ \t\r\n]+/y;

function pieceAt(text: string, at: number): { piece: string; length: number } {
  RUN.lastIndex = at;
  const run = RUN.exec(text)?.[0] ?? '';
  if (run.length > BLANKS_SHOWN_MAX) return { piece: counted(run), length: run.length };
  if (text.startsWith('\r\n', at)) return { piece: '↵', length: 2 };
  const char = String.fromCodePoint(text.codePointAt(at) ?? 0);
  const shown = { '\n': '↵', '\t': '⇥' }[char] ?? (hides(char.codePointAt(0) ?? 0) ? escaped(char) : char);
  return { piece: shown, length: char.length };
}
