// Brings the words that were searched for into view: reads older turns until they are there. Not for the search over
// all threads (screens/search.tsx).
import { createEffect, createMemo, createSignal, onCleanup, Show } from 'solid-js';
import { replace, to } from '../app/route.ts';
import type { OpenThread } from '../app/thread.ts';
import type { Item } from '../model/items.ts';
import { Icon } from '../parts/icon.tsx';

/** Older pages read for one search. */
const PAGES_MAX = 60;

function textOf(item: Item): string {
  switch (item.type) {
    case 'user':
    case 'agent':
    case 'plan':
      return item.text;
    case 'command':
      return `${item.command}\n${item.output}`;
    case 'reasoning':
      return [...item.summary, ...item.content].join('\n');
    default:
      return '';
  }
}

export default function Finder(props: { thread: OpenThread; words: string }) {
  const { thread } = props;
  const [pages, setPages] = createSignal(0);
  const [at, setAt] = createSignal(0);
  /** Ids of the items that say it, the newest first. */
  const hits = createMemo(() => {
    const words = props.words.toLowerCase();
    return thread.view.turns
      .flatMap((turn) => turn.items)
      .filter((item) => textOf(item).toLowerCase().includes(words))
      .map((item) => item.id)
      .reverse();
  });
  const more = (): boolean => thread.hasOlder() && pages() < PAGES_MAX;
  createEffect(() => {
    if (thread.history() !== 'yes' || thread.readingOlder() || hits().length > at() || !more()) return;
    setPages(pages() + 1);
    void thread.loadOlder();
  });
  createEffect(() => {
    const id = hits()[at()];
    if (!id || thread.history() !== 'yes') return;
    const mark = requestAnimationFrame(() => {
      const item = document.querySelector(`[data-item-id=${CSS.escape(id)}]`);
      item?.scrollIntoView({ block: 'center' });
      item?.classList.add('found');
      onEnd.push(() => item?.classList.remove('found'));
    });
    const onEnd: (() => void)[] = [];
    onCleanup(() => {
      cancelAnimationFrame(mark);
      for (const end of onEnd) end();
    });
  });
  const words = (): string => {
    if (hits().length > at()) return `${at() + 1} of ${hits().length}${more() ? ' or more' : ''}`;
    return thread.history() !== 'yes' || thread.readingOlder() || more() ? 'Looking…' : 'Not found here';
  };
  return (
    <div class="finder" role="search">
      <span class="grow" role="status">
        “{props.words}”: {words()}
      </span>
      <Show when={hits().length > at() + 1 || (hits().length > at() && more())}>
        <button type="button" class="link" onClick={() => setAt(at() + 1)}>
          Before
        </button>
      </Show>
      <Show when={at() > 0}>
        <button type="button" class="link" onClick={() => setAt(at() - 1)}>
          After
        </button>
      </Show>
      <button
        type="button"
        class="round small"
        aria-label="Done"
        onClick={() => replace(to.thread(thread.id))}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}
