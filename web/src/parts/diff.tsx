// Diffs as a person reads them: files with their counts, hunks, numbered lines, what
// changed within a line. Long ones are drawn piece by piece as they are scrolled to.
// What the lines are: model/diff.ts. Not a review with comments.
import { createMemo, createSignal, For, Match, onCleanup, Show, Switch } from 'solid-js';
import type { DiffLine, FileDiff } from '../model/diff.ts';
import { lineEnds, readChange, readPatch } from '../model/diff.ts';
import type { FileChange } from '../model/items.ts';
import { visible, visibleLine } from '../model/visible.ts';

/** Lines drawn at once. */
const PIECE_LINES = 300;
/** The next piece is drawn before its place is reached. */
const AHEAD = '600px';
/** A line of so many may not fit a phone. */
const WIDE_CHARACTERS = 36;
const WRAP = 'zane.wrap';

const [wraps, setWraps] = createSignal(globalThis.localStorage?.getItem(WRAP) !== 'no');
function toggleWrap(): void {
  setWraps(!wraps());
  localStorage.setItem(WRAP, wraps() ? 'yes' : 'no');
}

const KIND_WORDS: Readonly<Record<FileDiff['kind'], string>> = {
  add: 'new',
  delete: 'deleted',
  update: '',
  rename: 'moved',
  copy: 'copied',
};

/** One file as Codex tells of it. */
export function ChangeView(props: { change: FileChange; cwd: string; open: boolean }) {
  const file = createMemo(() => readChange(props.change));
  return <FileView file={file()} cwd={props.cwd} open={props.open} cut={props.change.cut} />;
}

/** A whole `git diff`: its files with totals, each folded. */
export function PatchView(props: { text: string; cwd: string }) {
  const files = createMemo(() => readPatch(props.text));
  const sum = (of: 'added' | 'removed'): number => files().reduce((total, file) => total + file[of], 0);
  return (
    <>
      <p class="totals">
        {files().length} file{files().length === 1 ? '' : 's'}{' '}
        <Counts added={sum('added')} removed={sum('removed')} />
      </p>
      <For each={files()}>
        {(file) => <FileView file={file} cwd={props.cwd} open={files().length === 1} cut={0} />}
      </For>
    </>
  );
}

function Counts(props: { added: number; removed: number }) {
  return (
    <span class="counts">
      <span class="plus">+{props.added}</span> <span class="minus">−{props.removed}</span>
    </span>
  );
}

/** Inside the thread's folder the path from there says it all. */
function within(path: string, cwd: string): string {
  return visibleLine(cwd && path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : path);
}

function FileView(props: { file: FileDiff; cwd: string; open: boolean; cut: number }) {
  const [opened, setOpened] = createSignal(props.open);
  const path = (): string => within(props.file.path, props.cwd);
  const folder = (): string => path().slice(0, path().lastIndexOf('/') + 1);
  return (
    <details
      class="change"
      open={props.open}
      onToggle={(event) => event.currentTarget.open && setOpened(true)}
    >
      <summary>
        <span class="path">
          <Show when={props.file.from}>
            <span class="muted">{within(props.file.from, props.cwd)} → </span>
          </Show>
          <span class="muted">{folder()}</span>
          {path().slice(folder().length)}
        </span>
        <Show when={KIND_WORDS[props.file.kind]}>{(word) => <span class="muted small">{word()}</span>}</Show>
        <Counts added={props.file.added} removed={props.file.removed} />
      </summary>
      <Show when={opened()}>
        <Notes file={props.file} />
        <Lines file={props.file} />
        <Show when={props.file.unread}>
          <pre class="output" tabindex="0" role="region" aria-label="Could not be read as a diff">
            {visible(props.file.unread)}
          </pre>
        </Show>
        <Show when={props.cut}>
          {(cut) => <p class="notice">{cut()} more characters of this diff are on your Mac.</p>}
        </Show>
      </Show>
    </details>
  );
}

/** What is not in the lines. */
function Notes(props: { file: FileDiff }) {
  const notes = createMemo(() => {
    const { file } = props;
    const ends = lineEnds(file);
    return [
      file.mode && `Mode ${file.mode}`,
      file.binary && 'A binary file: its bytes are not shown',
      ends === 'crlf' && 'Lines end with CRLF',
      ends === 'mixed' && 'Lines end differently: ␍ marks those with CRLF',
      !file.binary &&
        !file.unread &&
        file.hunks.every((hunk) => hunk.lines.length === 0) &&
        (file.mode ? '' : 'No lines'),
    ].filter(Boolean);
  });
  return <For each={notes()}>{(note) => <p class="muted small note">{note}</p>}</For>;
}

type Row = { about: string; line?: undefined } | { line: DiffLine };

function rowsOf(file: FileDiff): Row[] {
  const several = file.hunks.length > 1 || file.kind === 'update' || file.kind === 'rename';
  return file.hunks.flatMap((hunk): Row[] => {
    const first = hunk.lines.find((line) => line.after || line.before);
    const place = first ? `line ${first.after || first.before}` : '';
    const head = [place, visibleLine(hunk.about, 200)].filter(Boolean).join(' · ');
    return [...(several ? [{ about: head }] : []), ...hunk.lines.map((line) => ({ line }))];
  });
}

function Lines(props: { file: FileDiff }) {
  const rows = createMemo(() => rowsOf(props.file));
  const returns = createMemo(() => lineEnds(props.file) === 'mixed');
  const wide = createMemo(() => rows().some((row) => (row.line?.text.length ?? 0) > WIDE_CHARACTERS));
  const [drawn, setDrawn] = createSignal(PIECE_LINES);
  const more = (): number => Math.max(0, rows().length - drawn());
  const draw = (): void => void setDrawn((known) => known + PIECE_LINES);
  const watch = (element: HTMLElement): void => {
    const observer = new IntersectionObserver(
      (seen) => seen.some((entry) => entry.isIntersecting) && draw(),
      {
        rootMargin: AHEAD,
      },
    );
    observer.observe(element);
    onCleanup(() => observer.disconnect());
  };
  return (
    <div
      class="diff"
      classList={{ wrap: wraps() }}
      role="region"
      aria-label={`Changes in ${visibleLine(props.file.path)}`}
      tabindex="0"
    >
      <Show when={wide()}>
        <button type="button" class="wraps" onClick={toggleWrap}>
          {wraps() ? 'Do not wrap lines' : 'Wrap lines'}
        </button>
      </Show>
      <For each={rows().slice(0, drawn())}>{(row) => <RowView row={row} returns={returns()} />}</For>
      <Show when={more()}>
        {(left) => (
          <button type="button" class="more" ref={watch} onClick={draw}>
            {left()} more lines
          </button>
        )}
      </Show>
    </div>
  );
}

const SIGNS = { add: '+', del: '−', same: ' ' } as const;

function RowView(props: { row: Row; returns: boolean }) {
  const line = (): DiffLine | undefined => props.row.line;
  return (
    <Switch>
      <Match when={line()}>
        {(known) => (
          <div class={`dl ${known().kind}`}>
            <span class="no">{known().after || known().before}</span>
            <span class="sign">{SIGNS[known().kind]}</span>
            <span class="text">
              <Text line={known()} returns={props.returns} />
              <Show when={known().bare}>
                <span class="muted"> no line end</span>
              </Show>
            </span>
          </div>
        )}
      </Match>
      <Match when={!props.row.line}>
        <div class="dl hunk">{'about' in props.row ? props.row.about : ''}</div>
      </Match>
    </Switch>
  );
}

function Text(props: { line: DiffLine; returns: boolean }) {
  const shown = (text: string): string => {
    const plain = text.endsWith('\r') ? text.slice(0, -1) : text;
    return visible(plain) + (props.returns && plain !== text ? '␍' : '');
  };
  const parts = (): readonly [string, string, string] => {
    const { text, changed = [text.length, text.length] } = props.line;
    return [text.slice(0, changed[0]), text.slice(...changed), text.slice(changed[1])];
  };
  return (
    <Show when={props.line.changed && parts()[1]} fallback={shown(props.line.text)}>
      {visible(parts()[0])}
      <mark>{visible(parts()[1])}</mark>
      {shown(parts()[2])}
    </Show>
  );
}
