// Unified diffs as objects: files, hunks by the counts in their headers, lines with
// their numbers, and what changed within a line. Pure. Not a differ: Codex and git
// make the diffs. Line text is as it was written: whoever draws it makes it visible.

export type LineKind = 'same' | 'add' | 'del';

export interface DiffLine {
  kind: LineKind;
  text: string;
  /** Line numbers; 0 on the side where it is not. */
  before: number;
  after: number;
  /** The file's last line, without a line end. */
  bare: boolean;
  /** Of a line that took another one's place: what differs, from and to. */
  changed: readonly [number, number] | undefined;
}

export interface Hunk {
  /** What git says it is in: a function, a heading. */
  about: string;
  lines: readonly DiffLine[];
}

export interface FileDiff {
  path: string;
  /** Where it was before; empty where that is no other place. */
  from: string;
  kind: 'add' | 'delete' | 'update' | 'rename' | 'copy';
  /** `100644 → 100755`, or the mode of a new file that can be run. */
  mode: string;
  binary: boolean;
  hunks: readonly Hunk[];
  added: number;
  removed: number;
  /** What could not be read as a diff, to be shown as it is. */
  unread: string;
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$/;
const NO_LINE_END = /^\\ /;
/** Longer lines are not compared word by word. */
const COMPARED_CHARS_MAX = 2_000;

/** One file's change as Codex tells it: the whole body of a new or deleted one, else its hunks. */
export function readChange(change: { path: string; kind: string; movedTo: string; diff: string }): FileDiff {
  const { path, movedTo } = change;
  const place = movedTo ? { path: movedTo, from: path } : { path, from: '' };
  if (change.kind === 'add' || change.kind === 'delete')
    return fileOf(place, change.kind, [wholeBody(change.diff, change.kind)]);
  const lines = linesOf(change.diff);
  const { hunks, next } = readHunks(lines, skipHead(lines));
  // Codex says at a diff's end where the file went; that is told already.
  const rest = lines
    .slice(next)
    .join('\n')
    .replace(/^\s*Moved to: [^\n]*\s*$/, '')
    .trim();
  return { ...fileOf(place, movedTo ? 'rename' : 'update', hunks), unread: rest };
}

/** All that `git diff` said. */
export function readPatch(text: string): FileDiff[] {
  const lines = linesOf(text);
  const files: FileDiff[] = [];
  let at = 0;
  while (at < lines.length) {
    const { file, next } = readFile(lines, at);
    files.push(file);
    at = next;
  }
  return files.filter((file) => file.path || file.unread.trim());
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** `--- a/x` and `+++ b/x`, where a file's diff begins with them. */
function skipHead(lines: readonly string[]): number {
  const first = lines.findIndex((line) => HUNK.test(line));
  return lines[0]?.startsWith('--- ') && first > 0 ? first : 0;
}

function wholeBody(body: string, kind: 'add' | 'delete'): Hunk {
  const texts = linesOf(body);
  const bare = body !== '' && !body.endsWith('\n');
  const lines = texts.map((text, at): DiffLine => {
    const number = at + 1;
    const last = bare && number === texts.length;
    return kind === 'add'
      ? { kind: 'add', text, before: 0, after: number, bare: last, changed: undefined }
      : { kind: 'del', text, before: number, after: 0, bare: last, changed: undefined };
  });
  return { about: '', lines };
}

function fileOf(
  place: { path: string; from: string },
  kind: FileDiff['kind'],
  hunks: readonly Hunk[],
): FileDiff {
  const count = (of: LineKind): number =>
    hunks.reduce((sum, hunk) => sum + hunk.lines.filter((line) => line.kind === of).length, 0);
  return {
    ...place,
    kind,
    mode: '',
    binary: false,
    hunks,
    added: count('add'),
    removed: count('del'),
    unread: '',
  };
}

function readHunks(lines: readonly string[], from: number): { hunks: Hunk[]; next: number } {
  const hunks: Hunk[] = [];
  let at = from;
  for (;;) {
    const hunk = readHunk(lines, at);
    if (!hunk) return { hunks, next: at };
    hunks.push(hunk.hunk);
    at = hunk.next;
  }
}

/** As many lines as its header says, whatever they look like. */
function readHunk(lines: readonly string[], from: number): { hunk: Hunk; next: number } | undefined {
  const head = HUNK.exec(lines[from] ?? '');
  if (!head) return undefined;
  const [, before = '0', olds = '1', after = '0', news = '1', about = ''] = head;
  const number = { before: Number(before), after: Number(after) };
  let left = { before: Number(olds), after: Number(news) };
  const out: DiffLine[] = [];
  let at = from + 1;
  for (; at < lines.length; at++) {
    const line = lines[at] as string;
    if (NO_LINE_END.test(line)) {
      const last = out.at(-1);
      if (last) out[out.length - 1] = { ...last, bare: true };
      continue;
    }
    if (left.before <= 0 && left.after <= 0) break;
    const kind = ({ '+': 'add', '-': 'del', ' ': 'same', '': 'same' } as const)[line[0] ?? ''];
    // What does not fit its header is not guessed at.
    if (!kind || (kind !== 'add' && left.before <= 0) || (kind !== 'del' && left.after <= 0)) break;
    out.push({
      kind,
      text: line.slice(1),
      before: kind === 'add' ? 0 : number.before++,
      after: kind === 'del' ? 0 : number.after++,
      bare: false,
      changed: undefined,
    });
    left = { before: left.before - (kind === 'add' ? 0 : 1), after: left.after - (kind === 'del' ? 0 : 1) };
  }
  return { hunk: { about, lines: withChanges(out) }, next: at };
}

function readFile(lines: readonly string[], from: number): { file: FileDiff; next: number } {
  const head = { ...NO_HEAD, unread: [] as string[] };
  let at = from;
  let begun = false;
  for (; at < lines.length; at++) {
    const line = lines[at] as string;
    if (HUNK.test(line)) break;
    if (line.startsWith('diff --git ')) {
      if (begun) break;
      begun = true;
      Object.assign(head, pathsOf(line.slice('diff --git '.length)));
    } else if (!readHead(head, line)) head.unread.push(line);
  }
  const { hunks, next } = readHunks(lines, at);
  const { path, from: was, kind, before, after, binary } = head;
  const place = { path, from: kind === 'rename' || kind === 'copy' ? was : '' };
  const mode = before && after ? `${before} → ${after}` : after === '100755' ? after : '';
  const file = { ...fileOf(place, kind, hunks), mode, binary, unread: head.unread.join('\n') };
  // A line that is neither ends the file, and is told.
  return next > from ? { file, next } : { file: { ...file, unread: lines[from] ?? '' }, next: from + 1 };
}

const NO_HEAD = {
  path: '',
  from: '',
  kind: 'update' as FileDiff['kind'],
  before: '',
  after: '',
  binary: false,
  unread: [] as string[],
};

/** One line of what git says before a file's hunks; false when it is none. */
function readHead(head: typeof NO_HEAD, line: string): boolean {
  const [, word = '', rest = ''] =
    /^(old mode|new mode|new file mode|deleted file mode|rename from|rename to|copy from|copy to|similarity index|dissimilarity index|index|---|\+\+\+|Binary files|GIT binary patch|literal|delta)(?: (.*))?$/.exec(
      line,
    ) ?? [];
  switch (word) {
    case '':
      return head.binary;
    case 'old mode':
      head.before = rest;
      return true;
    case 'new mode':
      head.after = rest;
      return true;
    case 'new file mode':
      Object.assign(head, { kind: 'add', after: rest });
      return true;
    case 'deleted file mode':
      head.kind = 'delete';
      return true;
    case 'rename from':
    case 'copy from':
      Object.assign(head, { kind: word.startsWith('rename') ? 'rename' : 'copy', from: unquoted(rest) });
      return true;
    case 'rename to':
    case 'copy to':
      head.path = unquoted(rest);
      return true;
    case 'Binary files':
    case 'GIT binary patch':
      head.binary = true;
      return true;
    case '---':
    case '+++': {
      const path = sideOf(rest);
      if (path && (word === '+++' || !head.path)) head.path = path;
      return true;
    }
    default:
      return true;
  }
}

/** `a/x b/x`: both the same, unless it was renamed, which other lines say. */
function pathsOf(text: string): { path: string } {
  if (text.startsWith('"')) return { path: sideOf(text.slice(text.lastIndexOf(' "') + 1)) };
  return { path: text.slice(2, (text.length - 1) / 2) };
}

function sideOf(text: string): string {
  const path = unquoted(text.replace(/\t.*$/, ''));
  return path === '/dev/null' ? '' : path.replace(/^[ab]\//, '');
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '"': '"',
  '\\': '\\',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

/** As git quotes a name with bytes of its own: in C's way, byte by byte. */
function unquoted(text: string): string {
  if (!text.startsWith('"') || !text.endsWith('"')) return text;
  const bytes: number[] = [];
  for (const [, octal, named, plain] of text.slice(1, -1).matchAll(/\\([0-7]{3})|\\(.)|([^\\]+)/g)) {
    if (octal) bytes.push(Number.parseInt(octal, 8) & 255);
    else bytes.push(...new TextEncoder().encode(named ? (ESCAPES[named] ?? named) : plain));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

// ---- within a line -------------------------------------------------------------------

/** A run of removed lines and the added ones behind it: each takes the place of its opposite. */
function withChanges(lines: readonly DiffLine[]): DiffLine[] {
  const out = [...lines];
  for (let at = 0; at < out.length; at++) {
    if (out[at]?.kind !== 'del') continue;
    let adds = at;
    while (out[adds]?.kind === 'del') adds++;
    let end = adds;
    while (out[end]?.kind === 'add') end++;
    // As many as before: else nobody knows which became which.
    for (let n = 0; adds - at === end - adds && n < adds - at; n++) {
      const [del, add] = [out[at + n] as DiffLine, out[adds + n] as DiffLine];
      const change = between(del.text, add.text);
      if (!change) continue;
      out[at + n] = { ...del, changed: change.before };
      out[adds + n] = { ...add, changed: change.after };
    }
    at = end - 1;
  }
  return out;
}

interface Change {
  before: readonly [number, number];
  after: readonly [number, number];
}

/** How a file's lines end: `mixed` where not all end alike, and each shows its own. */
export function lineEnds(file: FileDiff): 'lf' | 'crlf' | 'mixed' {
  const lines = file.hunks.flatMap((hunk) => hunk.lines);
  const returns = lines.filter((line) => line.text.endsWith('\r')).length;
  return returns === 0 ? 'lf' : returns === lines.length ? 'crlf' : 'mixed';
}

/** What two lines do not share, in whole words; nothing when that is most of them. */
function between(before: string, after: string): Change | undefined {
  if (before === after || Math.max(before.length, after.length) > COMPARED_CHARS_MAX) return undefined;
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  let same = 0;
  const most = Math.min(before.length, after.length) - start;
  while (same < most && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  while (start > 0 && isWord(before[start - 1]) && (isWord(before[start]) || isWord(after[start]))) start--;
  const inWord = (text: string): boolean =>
    isWord(text[text.length - same]) && isWord(text[text.length - same - 1]);
  while (same > 0 && (inWord(before) || inWord(after))) same--;
  const shared = start + same - (/^\s*/.exec(before)?.[0].length ?? 0);
  if (shared < Math.max(before.trim().length, after.trim().length) * 0.3) return undefined;
  return { before: [start, before.length - same], after: [start, after.length - same] };
}

function isWord(char: string | undefined): boolean {
  return char !== undefined && /[\p{L}\p{N}_]/u.test(char);
}
