// A block's text to what is in it, as CommonMark's appendix describes it: marks
// that may open or close wait on a list until their partners are found. Pure.
import { entity } from './entities.ts';
import type { Inline, Reference, References } from './nodes.ts';

const LABEL_MAX = 999;
const PARENTHESES_MAX = 32;
/** Of one block; what is written behind so many marks is text. */
const MARKS_MAX = 5_000;

interface Run {
  /** Where its text stands among the pieces. */
  piece: Piece;
  char: string;
  length: number;
  /** As it was found: what three divides (rule 9). */
  found: number;
  opens: boolean;
  closes: boolean;
}

interface Bracket {
  piece: Piece;
  image: boolean;
  active: boolean;
  /** Behind it in the text, and in the list of runs. */
  at: number;
  runs: number;
  bracketAfter: boolean;
}

/** A leaf, or what has been put together already. */
interface Piece {
  node: Inline;
}

export interface Options {
  /** The text goes on: what is open at its end is taken as if it were closed there. */
  open?: boolean;
  /** `zane`: GitHub's, but identifiers, paths and maths are left as they are written. */
  flavor?: 'commonmark' | 'github' | 'zane';
}

export function readInlines(
  text: string,
  references: References,
  { open = false, flavor = 'zane' }: Options = {},
): Inline[] {
  return new Reader(text, references, open, flavor).read();
}

const TEXT = /[^\n`[\]\\!<&*_~hwHW$]+/y;
const ESCAPABLE = /[!-/:-@[-`{-~]/;
/** Of an HTML tag. */
export const ATTRIBUTE = String.raw`\s+[A-Za-z_:][A-Za-z0-9_.:-]*(?:\s*=\s*(?:[^\s"'=<>\x60]+|'[^']*'|"[^"]*"))?`;
const TAG = new RegExp(
  `<(?:[A-Za-z][A-Za-z0-9-]*(?:${ATTRIBUTE})*\\s*/?>|/[A-Za-z][A-Za-z0-9-]*\\s*>|` +
    String.raw`!---?>|!--[^]*?-->|\?[^]*?\?>|![A-Za-z][^>]*>|!\[CDATA\[[^]*?\]\]>)`,
  'y',
);
const AUTOLINK = /<([A-Za-z][A-Za-z0-9.+-]{1,31}:[^<>\x00-\x20]*)>/y;
const EMAIL =
  /<([a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*)>/y;
const ENTITY = /&(?:#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});/y;
/** `$x_i$`, `$$ … $$`, `\\( … \\)` and `\\[ … \\]`. Prices are none: a dollar that ends one has no blank before it and no digit behind. */
const MATHS =
  /\$\$[^]{1,2000}?\$\$|\$(?![\s$])[^\n$]{0,500}?[^\s\\$]\$(?![\d$])|\\\([^]{1,2000}?\\\)|\\\[[^]{1,2000}?\\\]/y;
const BARE = /(?:www\.|https?:\/\/)[^\s<]+/iy;
const MAIL_HOST = /[a-zA-Z0-9_-]+(?:\.[a-zA-Z0-9_-]+)*/y;
const BEFORE_BARE = /[\s*_~(]/;

class Reader {
  readonly #text: string;
  readonly #references: References;
  readonly #open: boolean;
  /** Addresses without any mark are links. */
  readonly #bare: boolean;
  readonly #asWritten: boolean;
  #at = 0;
  readonly #pieces: Piece[] = [];
  readonly #runs: Run[] = [];
  readonly #brackets: Bracket[] = [];
  /** Where runs of backticks begin, by their length; made once they are asked for. */
  #ticks: Map<number, number[]> | undefined;

  constructor(text: string, references: References, open: boolean, flavor: NonNullable<Options['flavor']>) {
    this.#text = text;
    this.#references = references;
    this.#open = open;
    this.#bare = flavor !== 'commonmark';
    this.#asWritten = flavor === 'zane';
  }

  read(): Inline[] {
    while (this.#at < this.#text.length) this.#one();
    this.#pair(0, this.#open);
    return joined(
      this.#pieces.map(({ node }) => node),
      this.#bare,
    );
  }

  #one(): void {
    const char = this.#text[this.#at] as string;
    switch (char) {
      case '\n':
        return this.#lineEnd();
      case '\\':
        return this.#backslash();
      case '`':
        return this.#code();
      case '$':
        return this.#asIs(MATHS);
      case '*':
      case '_':
      case '~':
        return this.#run(char);
      case '[':
        return this.#bracket('[', false);
      case '!':
        return this.#text[this.#at + 1] === '[' ? this.#bracket('![', true) : this.#plain(1);
      case ']':
        return this.#closeBracket();
      case '<':
        return this.#angle();
      case '&':
        return this.#entity();
      case 'h':
      case 'H':
      case 'w':
      case 'W':
        return this.#bareLink();
      default:
        TEXT.lastIndex = this.#at;
        return this.#plain(TEXT.exec(this.#text)?.[0].length ?? 1);
    }
  }

  #push(node: Inline): Piece {
    const piece = { node };
    this.#pieces.push(piece);
    return piece;
  }

  /** Written as it stands. */
  #plain(length: number): void {
    this.#push({ type: 'text', text: this.#text.slice(this.#at, this.#at + length) });
    this.#at += length;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text);
  }

  #lineEnd(): void {
    const last = this.#pieces.at(-1);
    let hard = false;
    if (last?.node.type === 'text') {
      const kept = last.node.text.replace(/ +$/, '');
      hard = last.node.text.length - kept.length >= 2;
      last.node = { type: 'text', text: kept };
    }
    this.#push({ type: 'break', hard });
    this.#at++;
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
  }

  /** A formula is shown as it was written. */
  #asIs(pattern: RegExp): void {
    this.#plain((this.#asWritten && this.#match(pattern)?.[0].length) || 1);
  }

  #backslash(): void {
    const next = this.#text[this.#at + 1] ?? '';
    if (this.#asWritten && this.#match(MATHS)) this.#asIs(MATHS);
    else if (next === '\n') {
      this.#push({ type: 'break', hard: true });
      this.#at += 2;
      while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
    } else if (ESCAPABLE.test(next)) {
      this.#push({ type: 'text', text: next });
      this.#at += 2;
    } else this.#plain(1);
  }

  #code(): void {
    const length = runLength(this.#text, this.#at, '`');
    const start = this.#at + length;
    this.#ticks ??= ticksOf(this.#text);
    const places = this.#ticks.get(length) ?? [];
    while ((places[0] ?? start) < start) places.shift();
    let end = places[0] ?? -1;
    if (end < 0) {
      if (!this.#open || start >= this.#text.length) return this.#plain(length);
      end = this.#text.length;
    }
    let inner = this.#text.slice(start, end).replaceAll('\n', ' ');
    if (inner.startsWith(' ') && inner.endsWith(' ') && /[^ ]/.test(inner)) inner = inner.slice(1, -1);
    this.#push({ type: 'code', text: inner });
    this.#at = Math.min(this.#text.length, end + length);
  }

  #run(char: string): void {
    const found = runLength(this.#text, this.#at, char);
    const before = charBefore(this.#text, this.#at);
    const after = charAfter(this.#text, this.#at + found);
    const left = !isSpace(after) && (!isPunctuation(after) || isSpace(before) || isPunctuation(before));
    const right = !isSpace(before) && (!isPunctuation(before) || isSpace(after) || isPunctuation(after));
    const inWord = char === '_';
    const literal = this.#asWritten && isWritten(this.#text, this.#at, found, char);
    const opens = left && (!inWord || !right || isPunctuation(before));
    const closes = right && (!inWord || !left || isPunctuation(after));
    const piece = this.#push({ type: 'text', text: char.repeat(found) });
    this.#at += found;
    if (literal || (char === '~' && found > 2) || (!opens && !closes) || this.#runs.length >= MARKS_MAX)
      return;
    this.#runs.push({ piece, char, length: found, found, opens, closes });
  }

  #bracket(text: string, image: boolean): void {
    const piece = this.#push({ type: 'text', text });
    const before = this.#brackets.at(-1);
    if (before) before.bracketAfter = true;
    this.#at += text.length;
    this.#brackets.push({
      piece,
      image,
      active: true,
      at: this.#at,
      runs: this.#runs.length,
      bracketAfter: false,
    });
    if (this.#brackets.length > MARKS_MAX) this.#brackets.shift();
  }

  #closeBracket(): void {
    const opener = this.#brackets.at(-1);
    if (!opener) return this.#plain(1);
    const found = opener.active ? this.#target(opener) : undefined;
    if (!found) {
      this.#brackets.pop();
      return this.#plain(1);
    }
    this.#at = found.end;
    this.#link(opener, found.reference);
  }

  #link(opener: Bracket, { to, title }: Reference): void {
    this.#pair(opener.runs);
    const begin = this.#pieces.indexOf(opener.piece);
    const children = joined(
      this.#pieces
        .splice(begin)
        .slice(1)
        .map(({ node }) => node),
      opener.image,
    );
    this.#push({ type: opener.image ? 'image' : 'link', to, title, children });
    this.#brackets.pop();
    // There are no links in links.
    if (!opener.image) for (const bracket of this.#brackets) if (!bracket.image) bracket.active = false;
  }

  /** What a bracket that closes here points to, and where that ends. */
  #target(opener: Bracket): { reference: Reference; end: number } | undefined {
    const behind = this.#at + 1;
    if (this.#text[behind] === '(') {
      const inline = readTarget(this.#text, behind + 1);
      if (inline) return inline;
    }
    // A target that is still being written.
    if (this.#open && this.#text[behind] === '(' && !this.#text.includes(')', behind))
      return { reference: { to: '', title: '' }, end: this.#text.length };
    const label = this.#text[behind] === '[' ? readLabel(this.#text, behind) : undefined;
    const written =
      label && label.length > 2
        ? label.slice(1, -1)
        : opener.bracketAfter
          ? undefined
          : this.#text.slice(opener.at, this.#at);
    if (written === undefined || written.length > LABEL_MAX) return undefined;
    const reference = this.#references.get(labelOf(written));
    return reference && { reference, end: behind + (label?.length ?? 0) };
  }

  #angle(): void {
    const link = this.#match(AUTOLINK);
    const email = link ? null : this.#match(EMAIL);
    const tag = link || email ? null : this.#match(TAG);
    const found = link ?? email ?? tag;
    if (!found) return this.#plain(1);
    const inner = found[1] ?? '';
    if (tag) this.#push({ type: 'html', text: tag[0] });
    else
      this.#push({
        type: 'link',
        to: email ? `mailto:${inner}` : inner,
        title: '',
        children: [{ type: 'text', text: inner }],
      });
    this.#at += found[0].length;
  }

  #entity(): void {
    const found = this.#match(ENTITY)?.[0];
    const char = found && entity(found);
    if (!char) return this.#plain(1);
    this.#push({ type: 'text', text: char });
    this.#at += found.length;
  }

  /** A web address that stands in the text without any mark. */
  #bareLink(): void {
    const before = this.#text[this.#at - 1];
    const isWww = /w/i.test(this.#text[this.#at] as string);
    const free = before === undefined || (isWww ? BEFORE_BARE.test(before) : !/[A-Za-z]/.test(before));
    const found = this.#bare && free ? this.#match(BARE)?.[0] : undefined;
    const text = found && withoutTail(found);
    if (!text || !isAddress(text) || this.#brackets.some(({ image }) => !image)) return this.#plain(1);
    this.#push({
      type: 'link',
      to: text.toLowerCase().startsWith('www.') ? `http://${text}` : text,
      title: '',
      children: [{ type: 'text', text }],
    });
    this.#at += text.length;
  }

  /** Finds partners among the runs from `bottom` on. */
  #pair(bottom: number, open = false): void {
    const runs = this.#runs;
    const floor = new Map<string, number>();
    let at = bottom;
    while (at < runs.length) {
      const closer = runs[at] as Run;
      if (!closer.closes || closer.length === 0) {
        at++;
        continue;
      }
      const key = `${closer.char}${closer.opens}${closer.found % 3}${closer.char === '~' ? closer.found : ''}`;
      const opener = this.#opener(closer, at, Math.max(bottom, floor.get(key) ?? bottom));
      if (opener < 0) {
        floor.set(key, at);
        at++;
        continue;
      }
      at = this.#wrap(opener, at, floor);
    }
    if (open) this.#closeRuns(bottom);
    runs.length = bottom;
  }

  #opener(closer: Run, at: number, bottom: number): number {
    for (let n = at - 1; n >= bottom; n--) {
      const run = this.#runs[n] as Run;
      if (run.char !== closer.char || !run.opens || run.length === 0) continue;
      if (closer.char === '~' ? run.length === closer.length : fits(run, closer)) return n;
    }
    return -1;
  }

  /** Puts what is between two runs into one piece; gives where to go on. */
  #wrap(openerAt: number, closerAt: number, floor: Map<string, number>): number {
    const opener = this.#runs[openerAt] as Run;
    const closer = this.#runs[closerAt] as Run;
    const taken = closer.char === '~' ? closer.length : opener.length >= 2 && closer.length >= 2 ? 2 : 1;
    const begin = this.#pieces.indexOf(opener.piece) + 1;
    const end = this.#pieces.indexOf(closer.piece);
    const children = joined(
      this.#pieces.slice(begin, end).map(({ node }) => node),
      false,
    );
    const type = closer.char === '~' ? 'deleted' : taken === 2 ? 'strong' : 'emphasis';
    shorten(opener, taken);
    shorten(closer, taken);
    this.#pieces.splice(begin, end - begin, { node: { type, children } });
    // What stood between them has no partner any more.
    this.#runs.splice(openerAt + 1, closerAt - openerAt - 1);
    for (const [key, from] of floor) floor.set(key, Math.min(from, openerAt + 1));
    return openerAt + 1;
  }

  /** At the end of a text that goes on: what is open is taken as if it were closed here. */
  #closeRuns(bottom: number): void {
    for (let n = this.#runs.length - 1; n >= bottom; n--) {
      const run = this.#runs[n] as Run;
      const begin = this.#pieces.indexOf(run.piece);
      const isLast = begin === this.#pieces.length - 1;
      if (!run.opens || run.length === 0 || run.length > 2 || isLast) continue;
      const children = joined(
        this.#pieces
          .splice(begin)
          .slice(1)
          .map(({ node }) => node),
        false,
      );
      this.#push({ type: run.char === '~' ? 'deleted' : run.length === 2 ? 'strong' : 'emphasis', children });
    }
  }
}

/**
 * Marks that are part of a name: `__init__`, `pkg/__init__.py`, `2*3*4`, `src/**`. CommonMark
 * takes some of them for emphasis, which prints wrong names.
 */
function isWritten(text: string, at: number, length: number, char: string): boolean {
  const before = text[at - 1] ?? ' ';
  const after = text[at + length] ?? ' ';
  if (char === '*') {
    if (length === 1 && WORD.test(before) && WORD.test(after)) return true;
    const opensPath = before === '/' && /[/.\s]/.test(after);
    return opensPath || (after === '/' && /[\s/("'`]/.test(before));
  }
  if (char !== '_') return false;
  DUNDER.lastIndex = at;
  if (length === 2 && (DUNDER.test(text) || DUNDER_END.test(text.slice(Math.max(0, at - 80), at + 2))))
    return true;
  return JOINS.test(before) || (JOINS.test(after) && WORD.test(text[at + length + 1] ?? ' '));
}

const WORD = /[A-Za-z0-9_]/;
/** Of paths, modules and calls. */
const JOINS = /[/\\.:@$=#-]/;
const DUNDER = /__[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*__(?![A-Za-z0-9_])/y;
const DUNDER_END = /(?:^|[^A-Za-z0-9_])__[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*__$/;

function shorten(run: Run, by: number): void {
  run.length -= by;
  run.piece.node = { type: 'text', text: run.char.repeat(run.length) };
}

/** Rules 9 and 10: where one of them could do both, their sum is no multiple of three, unless both are. */
function fits(opener: Run, closer: Run): boolean {
  if (!opener.closes && !closer.opens) return true;
  return (opener.found + closer.found) % 3 !== 0 || (opener.found % 3 === 0 && closer.found % 3 === 0);
}

/** Neighbouring texts as one, and mail addresses in them as links. */
function joined(nodes: readonly Inline[], links: boolean): Inline[] {
  const out: Inline[] = [];
  for (const node of nodes) {
    const last = out.at(-1);
    if (node.type === 'text' && last?.type === 'text')
      out[out.length - 1] = { type: 'text', text: last.text + node.text };
    else out.push(node);
  }
  return (links ? out.flatMap(withMail) : out).filter((node) => node.type !== 'text' || node.text !== '');
}

function withMail(node: Inline): Inline[] {
  if (node.type === 'emphasis' || node.type === 'strong' || node.type === 'deleted')
    return [{ ...node, children: node.children.flatMap(withMail) }];
  if (node.type !== 'text') return [node];
  const out: Inline[] = [];
  let from = 0;
  for (let at = node.text.indexOf('@'); at >= 0; at = node.text.indexOf('@', at + 1)) {
    const text = mailAround(node.text, at, from);
    if (!text) continue;
    const begin = node.text.indexOf(text, from);
    out.push(
      { type: 'text', text: node.text.slice(from, begin) },
      { type: 'link', to: `mailto:${text}`, title: '', children: [{ type: 'text', text }] },
    );
    from = begin + text.length;
    at = from - 1;
  }
  return [...out, { type: 'text', text: node.text.slice(from) }];
}

function mailAround(text: string, at: number, from: number): string {
  let begin = at;
  while (begin > from && /[a-zA-Z0-9._+-]/.test(text[begin - 1] as string)) begin--;
  MAIL_HOST.lastIndex = at + 1;
  const host = MAIL_HOST.exec(text)?.[0].replace(/\.+$/, '') ?? '';
  return begin < at && host.includes('.') && !/[_-]$/.test(host)
    ? text.slice(begin, at + 1 + host.length)
    : '';
}

/** Punctuation at an address's end is the sentence's. */
function withoutTail(found: string): string {
  let end = found.length;
  let unopened = count(found, ')') - count(found, '(');
  for (; end > 0; end--) {
    const last = found[end - 1] as string;
    const name =
      last === ';' ? /&[A-Za-z0-9]{1,32};$/.exec(found.slice(Math.max(0, end - 40), end))?.[0] : undefined;
    if (name) end -= name.length - 1;
    else if (last === ')' && unopened > 0) unopened--;
    else if (!/[?!.,:;*_~'"]/.test(last)) break;
  }
  return found.slice(0, end);
}

function isAddress(text: string): boolean {
  const host = /^(?:https?:\/\/)?([^/?#:]*)/i.exec(text)?.[1] ?? '';
  const parts = host.split('.');
  if (!parts.every((part) => /^(?:[_-]|[^\s\p{P}])+$/u.test(part))) return false;
  return parts.slice(-2).every((part) => !part.includes('_')) && (parts.length > 1 || /^http/i.test(text));
}

function count(text: string, char: string): number {
  return text.split(char).length - 1;
}

// ---- links' targets and definitions --------------------------------------------------

/** `target "title")`, from behind the parenthesis on. */
function readTarget(text: string, from: number): { reference: Reference; end: number } | undefined {
  let at = skipSpace(text, from);
  const target = readDestination(text, at);
  if (!target) return undefined;
  at = skipSpace(text, target.end);
  let title = { text: '', end: at };
  if (at > target.end) title = readTitle(text, at) ?? title;
  at = skipSpace(text, title.end);
  return text[at] === ')'
    ? { reference: { to: plain(target.text), title: plain(title.text) }, end: at + 1 }
    : undefined;
}

function readDestination(text: string, from: number): { text: string; end: number } | undefined {
  if (text[from] === '<') {
    const found = /<((?:[^<>\n\\]|\\[^\n])*)>/y;
    found.lastIndex = from;
    const match = found.exec(text);
    return match ? { text: match[1] as string, end: from + match[0].length } : undefined;
  }
  let depth = 0;
  let at = from;
  for (; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '\\' && ESCAPABLE.test(text[at + 1] ?? '')) at++;
    else if (char <= ' ' || char === '\x7f') break;
    else if (char === '(' && ++depth > PARENTHESES_MAX) return undefined;
    else if (char === ')' && --depth < 0) break;
  }
  return depth > 0 ? undefined : { text: text.slice(from, at), end: at };
}

const TITLES: readonly RegExp[] = [
  /"((?:[^"\\]|\\[^])*)"/y,
  /'((?:[^'\\]|\\[^])*)'/y,
  /\(((?:[^()\\]|\\[^])*)\)/y,
];

function readTitle(text: string, from: number): { text: string; end: number } | undefined {
  for (const pattern of TITLES) {
    pattern.lastIndex = from;
    const found = pattern.exec(text);
    if (found) return { text: found[1] as string, end: from + found[0].length };
  }
  return undefined;
}

/** With its brackets. */
function readLabel(text: string, from: number): string | undefined {
  const pattern = /\[(?:[^\\[\]]|\\[^])*\]/y;
  pattern.lastIndex = from;
  const found = pattern.exec(text)?.[0];
  return found && found.length <= LABEL_MAX + 2 ? found : undefined;
}

/** Labels are compared without regard to case and blanks. */
export function labelOf(label: string): string {
  return label.trim().replace(/\s+/g, ' ').toLowerCase().toUpperCase();
}

/** A definition at the beginning of a paragraph's text. */
export function readReference(
  text: string,
): { label: string; reference: Reference; length: number } | undefined {
  const label = readLabel(text, 0);
  if (!label || text[label.length] !== ':' || label.slice(1, -1).trim() === '') return undefined;
  const from = skipSpace(text, label.length + 1);
  const target = readDestination(text, from);
  if (!target || (target.text === '' && text[from] !== '<')) return undefined;
  const behind = skipSpace(text, target.end);
  const title = behind > target.end ? readTitle(text, behind) : undefined;
  const ends = [title?.end, target.end].map((end) => (end === undefined ? -1 : lineEndBehind(text, end)));
  const withTitle = (ends[0] as number) >= 0;
  const length = withTitle ? (ends[0] as number) : (ends[1] as number);
  if (length < 0) return undefined;
  return {
    label: labelOf(label.slice(1, -1)),
    reference: { to: plain(target.text), title: withTitle ? plain(title?.text ?? '') : '' },
    length,
  };
}

/** Where the next line begins, when only blanks are left of this one; else -1. */
function lineEndBehind(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t') at++;
  if (at >= text.length) return at;
  return text[at] === '\n' ? at + 1 : -1;
}

/** Blanks, and one line end at most. */
function skipSpace(text: string, from: number): number {
  let at = from;
  let lines = 0;
  for (; at < text.length; at++) {
    if (text[at] === '\n' ? ++lines > 1 : text[at] !== ' ' && text[at] !== '\t') break;
  }
  return at;
}

/** Without backslashes and entities. */
export function plain(text: string): string {
  return text.replace(
    /\\([!-/:-@[-`{-~])|&(?:#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});/g,
    (found, escaped?: string) => escaped ?? (entity(found) || found),
  );
}

// ---- characters ---------------------------------------------------------------------

function runLength(text: string, from: number, char: string): number {
  let at = from;
  while (text[at] === char) at++;
  return at - from;
}

function ticksOf(text: string): Map<number, number[]> {
  const places = new Map<number, number[]>();
  for (let at = text.indexOf('`'); at >= 0; ) {
    const run = runLength(text, at, '`');
    const known = places.get(run);
    if (known) known.push(at);
    else places.set(run, [at]);
    at = text.indexOf('`', at + run);
  }
  return places;
}

function charBefore(text: string, at: number): string {
  const char = text[at - 1];
  if (char === undefined) return '\n';
  return /[\uDC00-\uDFFF]/.test(char) && at >= 2 ? text.slice(at - 2, at) : char;
}

function charAfter(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? '\n' : String.fromCodePoint(code);
}

function isSpace(char: string): boolean {
  return /^\s/u.test(char);
}

function isPunctuation(char: string): boolean {
  return /^[\p{P}\p{S}]/u.test(char);
}
