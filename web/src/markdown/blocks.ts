// Lines to blocks, as CommonMark's appendix describes it: each line goes on with
// the blocks that are open, may begin new ones, and what is left is text. Pure.
import { ATTRIBUTE, plain, readReference } from './inlines.ts';
import type { Align, Block, ListItem, Reference } from './nodes.ts';

/** Deeper ones are text: a bound on the stack, far beyond what a person writes. */
const DEPTH_MAX = 60;
const TABLE_COLUMNS_MAX = 100;

type Kind =
  | 'document'
  | 'quote'
  | 'list'
  | 'item'
  | 'paragraph'
  | 'heading'
  | 'code'
  | 'html'
  | 'rule'
  | 'table';

interface Open {
  kind: Kind;
  parent: Open | undefined;
  depth: number;
  children: Open[];
  lines: string[];
  /** Where its first line begins in the text, and the last one. */
  start: number;
  last: number;
  line: number;
  endsBlank: boolean;
  /** A heading's level, a list's first number, or which of the seven kinds of HTML. */
  level: number;
  /** A fence's character, a bullet, or what follows a number. */
  mark: string;
  /** Of a fence; 0 for code that is indented. */
  length: number;
  /** Columns before a fence or a list's marker, and of the marker with its space. */
  offset: number;
  padding: number;
  info: string;
  align: readonly Align[];
}

export interface Blocks {
  blocks: readonly Block[];
  /** Where each begins. */
  starts: readonly number[];
  references: Map<string, Reference>;
}

export function readBlocks(text: string, known: ReadonlyMap<string, Reference> = new Map()): Blocks {
  const reader = new Reader(known);
  let at = 0;
  while (at < text.length) {
    const end = lineEnd(text, at);
    reader.take(text.slice(at, end).replaceAll('\0', '\uFFFD'), at);
    at = text[end] === '\r' && text[end + 1] === '\n' ? end + 2 : end + 1;
  }
  return reader.end();
}

function lineEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === 10 || char === 13) return at;
  }
  return text.length;
}

const HTML_BLOCK =
  'address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul';
const HTML_OPEN: readonly RegExp[] = [
  /^<(?:script|pre|style|textarea)(?:\s|>|$)/i,
  /^<!--/,
  /^<\?/,
  /^<![A-Za-z]/,
  /^<!\[CDATA\[/,
  new RegExp(`^</?(?:${HTML_BLOCK})(?:\\s|/?>|$)`, 'i'),
  new RegExp(`^(?:<[A-Za-z][A-Za-z0-9-]*(?:${ATTRIBUTE})*\\s*/?>|</[A-Za-z][A-Za-z0-9-]*\\s*>)\\s*$`),
];
const HTML_CLOSE: readonly RegExp[] = [/<\/(?:script|pre|style|textarea)>/i, /-->/, /\?>/, />/, /\]\]>/];
const BLANK_ENDS_HTML = 5;
const RULE = /^(?:\*[ \t]*){3,}$|^(?:_[ \t]*){3,}$|^(?:-[ \t]*){3,}$/;

class Reader {
  readonly #root: Open = open('document', undefined, 0, 0);
  readonly #references: Map<string, Reference>;
  #tip = this.#root;
  #number = 0;
  // The line that is read, and how far: `at` in characters, `column` with tabs every four.
  #line = '';
  #start = 0;
  #at = 0;
  #column = 0;
  #inTab = false;
  // Of what comes next.
  #next = 0;
  #indent = 0;
  #blank = false;
  #done = false;

  constructor(known: ReadonlyMap<string, Reference>) {
    this.#references = new Map(known);
  }

  end(): Blocks {
    while (this.#tip.parent) this.#close(this.#tip);
    const kept = this.#root.children;
    return {
      blocks: kept.map(blockOf),
      starts: kept.map(({ start }) => start),
      references: this.#references,
    };
  }

  take(line: string, start: number): void {
    this.#line = line;
    this.#start = start;
    this.#at = this.#column = 0;
    this.#inTab = this.#done = false;
    this.#number++;
    const tip = this.#tip;
    const matched = this.#goOn();
    if (matched === undefined) return;
    const within = this.#begin(matched);
    const lazy = within === matched && tip.kind === 'paragraph' && tip !== within && !this.#blank;
    if (lazy) {
      this.#write(tip);
      return;
    }
    this.#closeTo(within);
    this.#text(within);
  }

  /** The last of the open blocks that goes on with this line; undefined when the line was a closing fence. */
  #goOn(): Open | undefined {
    let block = this.#root;
    for (;;) {
      const last = block.children.at(-1);
      if (!last || !isOpen(last, this.#tip)) return block;
      this.#look();
      const goes = this.#goesOn(last);
      if (goes === 'closed') return undefined;
      if (!goes) return block;
      block = last;
    }
  }

  #goesOn(block: Open): boolean | 'closed' {
    switch (block.kind) {
      case 'list':
        return true;
      case 'quote':
        return this.#takeQuoteMark();
      case 'item':
        if (this.#blank) {
          if (block.children.length === 0) return false;
          this.#skipBlanks();
          return true;
        }
        if (this.#indent < block.offset + block.padding) return false;
        this.#skipColumns(block.offset + block.padding);
        return true;
      case 'code':
        return block.length ? this.#inFence(block) : this.#inIndented();
      case 'html':
        return !(this.#blank && block.level >= BLANK_ENDS_HTML);
      case 'paragraph':
      case 'table':
        return !this.#blank;
      default:
        return false;
    }
  }

  #takeQuoteMark(): boolean {
    if (this.#indent > 3 || this.#line[this.#next] !== '>') return false;
    this.#skipBlanks();
    this.#skipChars(1);
    if (isBlank(this.#line[this.#at])) this.#skipColumns(1);
    return true;
  }

  #inFence(block: Open): boolean | 'closed' {
    const rest = this.#line.slice(this.#next).trimEnd();
    if (this.#indent <= 3 && rest.length >= block.length && rest === block.mark.repeat(rest.length)) {
      this.#closeTo(block);
      this.#close(block);
      return 'closed';
    }
    for (let left = block.offset; left > 0 && isBlank(this.#line[this.#at]); left--) this.#skipColumns(1);
    return true;
  }

  #inIndented(): boolean {
    if (this.#indent >= 4) this.#skipColumns(4);
    else if (this.#blank) this.#skipBlanks();
    else return false;
    return true;
  }

  /** Begins what begins here, within `block`; gives the innermost. */
  #begin(block: Open): Open {
    let within = block;
    while (within.kind !== 'code' && within.kind !== 'html' && within.depth < DEPTH_MAX) {
      this.#look();
      if (this.#blank) break;
      const begun = this.#beginOne(within);
      if (!begun) break;
      within = begun;
      if (!['quote', 'list', 'item'].includes(begun.kind)) break;
    }
    return within;
  }

  #beginOne(within: Open): Open | undefined {
    if (this.#indent > 3) return this.#beginIndented(within);
    const rest = this.#line.slice(this.#next);
    switch (rest[0]) {
      case '>':
        return this.#takeQuoteMark() ? this.#add('quote', within) : undefined;
      case '#':
        return this.#beginHeading(within, rest);
      case '`':
      case '~':
        return this.#beginFence(within, rest);
      case '<':
        return this.#beginHtml(within, rest);
      default:
        return (
          this.#underline(within, rest) ??
          this.#beginTable(within, rest) ??
          this.#beginRule(within, rest) ??
          this.#beginItem(within, rest)
        );
    }
  }

  /** Code that is indented can't interrupt a paragraph. */
  #beginIndented(within: Open): Open | undefined {
    if (this.#tip.kind === 'paragraph') return undefined;
    this.#skipColumns(4);
    return this.#add('code', within);
  }

  #beginHeading(within: Open, rest: string): Open | undefined {
    const marks = /^#{1,6}(?=[ \t]|$)/.exec(rest)?.[0];
    if (!marks) return undefined;
    const heading = this.#add('heading', within, { level: marks.length });
    heading.lines.push(trimmed(rest.slice(marks.length)).replace(/(?:^|[ \t]+)#+$/, ''));
    this.#skipLine();
    return heading;
  }

  #beginFence(within: Open, rest: string): Open | undefined {
    const marks = /^(?:`{3,}(?=[^`]*$)|~{3,})/.exec(rest)?.[0];
    if (!marks) return undefined;
    const offset = this.#indent;
    const fence = this.#add('code', within, {
      mark: marks[0] as string,
      length: marks.length,
      offset,
      info: plain(trimmed(rest.slice(marks.length))),
    });
    this.#skipLine();
    return fence;
  }

  #beginHtml(within: Open, rest: string): Open | undefined {
    const paragraph = within.kind === 'paragraph' || this.#tip.kind === 'paragraph';
    // The last kind can't interrupt a paragraph.
    const level = HTML_OPEN.findIndex((start, at) => start.test(rest) && (at < 6 || !paragraph));
    return level < 0 ? undefined : this.#add('html', within, { level });
  }

  /** A paragraph's text becomes a heading. */
  #underline(within: Open, rest: string): Open | undefined {
    const marks = within.kind === 'paragraph' ? /^(?:=+|-+)[ \t]*$/.exec(rest)?.[0] : undefined;
    if (!marks) return undefined;
    this.#closeTo(within);
    this.#takeReferences(within);
    if (within.lines.length === 0) return undefined;
    within.kind = 'heading';
    within.level = marks[0] === '=' ? 1 : 2;
    within.lines = [trimmed(within.lines.join('\n'))];
    this.#skipLine();
    return within;
  }

  /** A paragraph's last line is a table's head when this one says how its columns stand. */
  #beginTable(within: Open, rest: string): Open | undefined {
    if (within.kind !== 'paragraph' || !/^[|:-]/.test(rest) || !/^[ \t|:-]+$/.test(rest)) return undefined;
    const marks = cellsOf(rest);
    const head = within.lines.at(-1) ?? '';
    if (!head.includes('|') && !rest.includes('|') && !rest.includes(':')) return undefined;
    if (!marks.every((mark) => /^:?-+:?$/.test(mark)) || marks.length > TABLE_COLUMNS_MAX) return undefined;
    if (cellsOf(head).length !== marks.length) return undefined;
    this.#closeTo(within);
    within.lines.pop();
    const align = marks.map(
      (mark): Align =>
        mark.startsWith(':')
          ? mark.endsWith(':') && mark.length > 1
            ? 'center'
            : 'left'
          : mark.endsWith(':')
            ? 'right'
            : '',
    );
    const table = this.#add('table', within.parent as Open, { align, start: within.last });
    table.lines.push(head);
    this.#skipLine();
    return table;
  }

  #beginRule(within: Open, rest: string): Open | undefined {
    if (!RULE.test(rest)) return undefined;
    const rule = this.#add('rule', within);
    this.#skipLine();
    return rule;
  }

  #beginItem(within: Open, rest: string): Open | undefined {
    const marker = /^(?:([*+-])|(\d{1,9})([.)]))(?=[ \t]|$)/.exec(rest);
    if (!marker) return undefined;
    const [whole, bullet, digits = '1'] = marker;
    // To interrupt a paragraph it has to say something, and to begin with one.
    if (
      within.kind === 'paragraph' &&
      (rest.slice(whole.length).trim() === '' || (!bullet && Number(digits) !== 1))
    )
      return undefined;
    const mark = bullet ?? (marker[3] as string);
    const offset = this.#indent;
    this.#skipBlanks();
    this.#skipChars(whole.length);
    const padding = this.#takePadding(whole.length);
    const goesOn = within.kind === 'list' && within.mark === mark;
    const list = goesOn
      ? within
      : this.#add('list', within.kind === 'list' ? (within.parent as Open) : within, {
          mark,
          level: bullet ? -1 : Number(digits),
        });
    return this.#add('item', list, { offset, padding });
  }

  /** The blanks behind a marker belong to it, but for those of code that is indented. */
  #takePadding(marker: number): number {
    this.#look();
    const before = { at: this.#at, column: this.#column, inTab: this.#inTab };
    const blanks = this.#indent;
    if (!this.#blank && blanks >= 1 && blanks <= 4) {
      this.#skipColumns(blanks);
      return marker + blanks;
    }
    this.#at = before.at;
    this.#column = before.column;
    this.#inTab = before.inTab;
    if (isBlank(this.#line[this.#at])) this.#skipColumns(1);
    return marker + 1;
  }

  /** What is left of the line is text of `block`, or of a new paragraph in it. */
  #text(block: Open): void {
    if (this.#done) this.#blank = false;
    else this.#look();
    const last = block.children.at(-1);
    if (this.#blank && last) last.endsBlank = true;
    const endsBlank =
      this.#blank &&
      !(
        block.kind === 'quote' ||
        (block.kind === 'code' && block.length > 0) ||
        (block.kind === 'item' && block.children.length === 0 && block.line === this.#number)
      );
    for (let each: Open | undefined = block; each; each = each.parent) each.endsBlank = endsBlank;
    if (block.kind === 'paragraph' || block.kind === 'table') {
      if (block.kind === 'paragraph' || this.#at < this.#line.length) this.#write(block);
    } else if (block.kind === 'code') {
      if (!(block.length > 0 && block.line === this.#number)) block.lines.push(this.#rest());
    } else if (block.kind === 'html') {
      block.lines.push(this.#rest());
      if (HTML_CLOSE[block.level]?.test(this.#line.slice(this.#at))) this.#close(block);
    } else if (
      !this.#blank &&
      (block.kind === 'document' || block.kind === 'quote' || block.kind === 'item')
    ) {
      this.#write(this.#add('paragraph', block));
    } else if (!this.#blank && block.kind === 'list') {
      this.#write(this.#add('paragraph', block.parent as Open));
    }
  }

  /** What is left of the line, without the blanks before it. */
  #write(block: Open): void {
    block.lines.push(this.#line.slice(this.#next));
    block.last = this.#start;
  }

  #add(kind: Kind, within: Open, more: Partial<Open> = {}): Open {
    this.#closeTo(within);
    // Only a list holds items, and nothing else; a leaf holds nothing.
    let parent = within;
    while (!holds(parent.kind, kind)) {
      this.#close(parent);
      parent = parent.parent as Open;
    }
    const block = Object.assign(open(kind, parent, this.#start, this.#number), more);
    parent.children.push(block);
    this.#tip = block;
    return block;
  }

  /** Closes all that is open within `block`. */
  #closeTo(block: Open): void {
    while (this.#tip !== block && this.#tip.parent && isWithin(this.#tip, block)) this.#close(this.#tip);
  }

  #close(block: Open): void {
    const { parent } = block;
    if (block.kind === 'paragraph') {
      this.#takeReferences(block);
      if (block.lines.length === 0) parent?.children.splice(parent.children.indexOf(block), 1);
    }
    if (block.kind === 'code' && block.length === 0)
      while (block.lines.at(-1)?.trim() === '') block.lines.pop();
    if (parent) this.#tip = parent;
  }

  /** Definitions at a paragraph's beginning are not its text. */
  #takeReferences(paragraph: Open): void {
    if (paragraph.lines[0]?.[0] !== '[') return;
    let text = paragraph.lines.join('\n');
    for (let found = readReference(text); found; found = readReference(text)) {
      if (!this.#references.has(found.label)) this.#references.set(found.label, found.reference);
      text = text.slice(found.length);
    }
    paragraph.lines = text.trim() === '' ? [] : text.split('\n');
  }

  /** Where the next character that is no blank stands, and how far in. */
  #look(): void {
    let at = this.#at;
    let column = this.#column;
    for (; at < this.#line.length; at++) {
      const char = this.#line[at];
      if (char === ' ') column++;
      else if (char === '\t') column += 4 - (column % 4);
      else break;
    }
    this.#next = at;
    this.#indent = column - this.#column;
    this.#blank = at >= this.#line.length;
  }

  #skipChars(count: number): void {
    this.#at += count;
    this.#column += count;
    this.#inTab = false;
  }

  /** Blanks only; a tab may be skipped in part. */
  #skipColumns(count: number): void {
    for (let left = count; left > 0 && this.#at < this.#line.length; ) {
      if (this.#line[this.#at] !== '\t') {
        this.#at++;
        this.#column++;
        left--;
        continue;
      }
      const width = 4 - (this.#column % 4);
      const taken = Math.min(width, left);
      this.#inTab = taken < width;
      this.#column += taken;
      if (!this.#inTab) this.#at++;
      left -= taken;
    }
  }

  #skipBlanks(): void {
    this.#look();
    this.#at = this.#next;
    this.#column += this.#indent;
    this.#inTab = false;
    this.#indent = 0;
  }

  /** All of it has been had. */
  #skipLine(): void {
    this.#at = this.#line.length;
    this.#done = true;
  }

  /** With the columns that are left of a tab as blanks. */
  #rest(): string {
    if (!this.#inTab) return this.#line.slice(this.#at);
    return ' '.repeat(4 - (this.#column % 4)) + this.#line.slice(this.#at + 1);
  }
}

function open(kind: Kind, parent: Open | undefined, start: number, line: number): Open {
  return {
    kind,
    parent,
    depth: (parent?.depth ?? -1) + 1,
    children: [],
    lines: [],
    start,
    last: start,
    line,
    endsBlank: false,
    level: 0,
    mark: '',
    length: 0,
    offset: 0,
    padding: 0,
    info: '',
    align: [],
  };
}

function holds(parent: Kind, child: Kind): boolean {
  if (parent === 'list') return child === 'item';
  return child !== 'item' && (parent === 'document' || parent === 'quote' || parent === 'item');
}

function isWithin(block: Open, outer: Open): boolean {
  for (let each = block.parent; each; each = each.parent) if (each === outer) return true;
  return false;
}

/** The open ones are the tip and all that it is in. */
function isOpen(block: Open, tip: Open): boolean {
  return block === tip || isWithin(tip, block);
}

function trimmed(text: string): string {
  return text.replace(/^[ \t\n]+|[ \t\n]+$/g, '');
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t';
}

/** A row's cells, without the bars; one behind a backslash is the cell's own. */
export function cellsOf(row: string): string[] {
  const cells = row
    .trim()
    .replace(/^\|/, '')
    .split(/(?<!\\)\|/);
  if (cells.length > 1 && cells.at(-1)?.trim() === '') cells.pop();
  return cells.map((cell) => cell.trim().replaceAll('\\|', '|'));
}

function blockOf(block: Open): Block {
  const text = block.lines.join('\n');
  switch (block.kind) {
    case 'heading':
      return { type: 'heading', level: block.level, text };
    case 'code':
      return { type: 'code', info: block.info, text: block.lines.length ? `${text}\n` : '' };
    case 'html':
      return { type: 'html', text };
    case 'rule':
      return { type: 'rule' };
    case 'quote':
      return { type: 'quote', children: block.children.map(blockOf) };
    case 'list':
      return {
        type: 'list',
        ordered: block.level >= 0,
        start: Math.max(0, block.level),
        tight: isTight(block),
        items: block.children.map(itemOf),
      };
    case 'table':
      return tableOf(block);
    default:
      return { type: 'paragraph', text: trimmed(text) };
  }
}

function itemOf(item: Open): ListItem {
  const [first, ...others] = item.children;
  const box =
    first?.kind === 'paragraph' ? /^\[([ \txX])\][ \t\n]+(?=\S)/.exec(first.lines.join('\n')) : null;
  if (!box) return { checked: undefined, children: item.children.map(blockOf) };
  const text = trimmed((first as Open).lines.join('\n').slice(box[0].length));
  return {
    checked: box[1] === 'x' || box[1] === 'X',
    children: [{ type: 'paragraph', text }, ...others.map(blockOf)],
  };
}

function tableOf({ lines, align }: Open): Block {
  const [head, ...rows] = lines.map(cellsOf);
  return {
    type: 'table',
    align,
    head: head ?? [],
    rows: rows.map((row) => align.map((_, at) => row[at] ?? '')),
  };
}

/** Nothing in it is set apart by a blank line. */
function isTight(list: Open): boolean {
  return list.children.every((item, at) => {
    const isLast = at === list.children.length - 1;
    if (!isLast && endsBlank(item)) return false;
    return item.children.every((child, n) => !endsBlank(child) || (isLast && n === item.children.length - 1));
  });
}

function endsBlank(block: Open): boolean {
  if (block.endsBlank) return true;
  const last = block.kind === 'list' || block.kind === 'item' ? block.children.at(-1) : undefined;
  return last ? endsBlank(last) : false;
}
