// A command's output, coloured as the program meant it: its end first, all of it on
// demand, copied as plain text. What a terminal makes of the bytes: model/terminal-output.ts.
import { createEffect, createMemo, createSignal, For, Show } from 'solid-js';
import type { Line, Style } from '../model/terminal-output.ts';
import { readOutput } from '../model/terminal-output.ts';
import { visible } from '../model/visible.ts';
import { Copy } from './copy.tsx';

/** Of a longer output so many lines are drawn until all is asked for. */
const LINES_SHOWN = 200;
/** Closer to the end than this, it follows what is new. */
const FOLLOW_PX = 80;

/** `cut`: its beginning is not on this phone. */
export function Output(props: { text: string; cut: boolean }) {
  let box: HTMLPreElement | undefined;
  const [all, setAll] = createSignal(false);
  const lines = createMemo(() => readOutput(props.text.replace(/\n$/, '')));
  const hidden = (): number => (all() ? 0 : Math.max(0, lines().length - LINES_SHOWN));
  const plain = (): string =>
    lines()
      .map((line) => line.map((span) => span.text).join(''))
      .join('\n');
  // Follows the end unless the person has scrolled up in it.
  let following = true;
  createEffect(() => {
    lines();
    if (box && following) box.scrollTop = box.scrollHeight;
  });
  return (
    <div class="outputbox">
      <pre
        ref={box}
        class="output"
        tabindex="0"
        role="region"
        aria-label="Command output"
        onScroll={(event) => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
          following = scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
        }}
      >
        <Show when={props.cut}>
          <span class="muted">… the beginning is on your Mac{'\n'}</span>
        </Show>
        <Show when={hidden()}>
          {(count) => (
            <button type="button" class="link" onClick={() => setAll(true)}>
              Show all: {count()} lines before this
            </button>
          )}
        </Show>
        <For each={lines().slice(hidden())}>{(line) => <LineView line={line} />}</For>
      </pre>
      <Copy text={plain} what="output" />
    </div>
  );
}

function LineView(props: { line: Line }) {
  return (
    <div>
      <For each={props.line} fallback={'\n'}>
        {(span) => <span class={classOf(span.style)}>{visible(span.text) || '\u200b'}</span>}
      </For>
    </div>
  );
}

function classOf({ colour, back, bold, faint, italic, underline }: Style): string | undefined {
  const names = [
    colour === undefined ? '' : `c${colour}`,
    back === undefined ? '' : `b${back}`,
    bold && 'bold',
    faint && 'faint',
    italic && 'italic',
    underline && 'underline',
  ].filter(Boolean);
  return names.join(' ') || undefined;
}
