// A file's unified diff, coloured, scrolling inside its own box. Not a review
// tool: it shows what the Mac sent.
import { createMemo, For, Show } from 'solid-js';
import { readDiff } from '../model/diff.ts';
import type { FileChange } from '../model/items.ts';

const KIND_WORDS: Readonly<Record<string, string>> = { add: 'new', delete: 'deleted', update: 'changed' };

export function DiffText(props: { text: string; kind: string; label: string }) {
  const diff = createMemo(() => readDiff(props.text, props.kind));
  return (
    <div class="diff" role="region" aria-label={props.label} tabindex="0">
      <pre>
        <For each={diff().lines}>{(line) => <span class={`dl ${line.kind}`}>{line.text || ' '}</span>}</For>
        <Show when={diff().more}>
          {(more) => <span class="dl meta">… {more()} more lines on your Mac</span>}
        </Show>
      </pre>
    </div>
  );
}

/** Inside the thread's folder the path from there says it all. */
function within(path: string, cwd: string): string {
  return cwd && path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : path;
}

export function ChangeView(props: { change: FileChange; cwd: string; open: boolean }) {
  const diff = createMemo(() => readDiff(props.change.diff, props.change.kind));
  const name = (): string =>
    [props.change.path, props.change.movedTo]
      .filter(Boolean)
      .map((path) => within(path, props.cwd))
      .join(' → ');
  return (
    <details class="change" open={props.open}>
      <summary>
        <span class="path">{name()}</span>
        <span class="counts">
          <Show when={KIND_WORDS[props.change.kind]}>{(word) => <span class="muted">{word()} </span>}</Show>
          <span class="plus">+{diff().added}</span> <span class="minus">−{diff().removed}</span>
        </span>
      </summary>
      <DiffText text={props.change.diff} kind={props.change.kind} label={`Diff of ${props.change.path}`} />
    </details>
  );
}
