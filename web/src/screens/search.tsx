// Finds a thread by its title or by what was said in it, among the archived too. Not for finding within one thread:
// a hit opens at its place (screens/thread.tsx).
import { createEffect, createMemo, createSignal, For, on, onCleanup, onMount, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { EVERY_SOURCE } from '../app/inbox.ts';
import type { InboxStore } from '../app/inbox.ts';
import { messageOf } from '../app/message.ts';
import { to } from '../app/route.ts';
import { unarchive } from '../app/thread-actions.ts';
import { arr, obj, str } from '../model/read.ts';
import { rowFrom } from '../model/thread-list.ts';
import type { ThreadRow } from '../model/thread-list.ts';
import { visibleLine } from '../model/visible.ts';
import { Icon } from '../parts/icon.tsx';
import { ThreadRowView } from '../parts/thread-row.tsx';

const ASK_AFTER_MS = 250;
const HITS = 40;
const SNIPPET_CHARACTERS_MAX = 200;

interface Hit {
  row: ThreadRow;
  snippet: string;
}

function readHits(result: unknown): Hit[] {
  return arr(obj(result)['data']).flatMap((value) => {
    const hit = obj(value);
    // `thread/list` has the threads themselves, `thread/search` a snippet of each.
    const row = rowFrom(hit['thread'] ?? value);
    return row ? [{ row, snippet: visibleLine(str(hit['snippet']), SNIPPET_CHARACTERS_MAX) }] : [];
  });
}

export default function Search(props: { client: Client; inbox: InboxStore }) {
  const { client } = props;
  const [words, setWords] = createSignal('');
  const [archived, setArchived] = createSignal(false);
  const [hits, setHits] = createSignal<readonly Hit[]>([]);
  const [next, setNext] = createSignal('');
  const [asking, setAsking] = createSignal(false);
  const [error, setError] = createSignal('');
  let box!: HTMLInputElement;
  let asked = 0;

  const term = (): string => words().trim();
  /** What this phone knows is there before the Mac has answered. */
  const known = createMemo<readonly Hit[]>(() => {
    const text = term().toLowerCase();
    if (!text || archived()) return [];
    return props.inbox
      .threads()
      .filter((row) => `${row.title}\n${row.cwd}\n${row.branch}`.toLowerCase().includes(text))
      .slice(0, HITS)
      .map((row) => ({ row, snippet: '' }));
  });
  const shown = createMemo(() => {
    const ids = new Set(hits().map(({ row }) => row.id));
    return [...hits(), ...known().filter(({ row }) => !ids.has(row.id))];
  });

  async function ask(cursor: string): Promise<void> {
    const run = ++asked;
    setAsking(true);
    const common = { limit: HITS, archived: archived(), ...(cursor ? { cursor } : {}) };
    try {
      const result = term()
        ? await client.call('thread/search', {
            ...common,
            searchTerm: term(),
            sourceKinds: EVERY_SOURCE.sourceKinds,
          })
        : await client.call('thread/list', { ...common, ...EVERY_SOURCE, sortKey: 'recency_at' });
      if (run !== asked) return;
      setHits((before) => (cursor ? [...before, ...readHits(result)] : readHits(result)));
      setNext(str(obj(result)['nextCursor']));
      setError('');
    } catch (failure) {
      if (run === asked) setError(messageOf(failure));
    } finally {
      if (run === asked) setAsking(false);
    }
  }

  let timer: ReturnType<typeof setTimeout> | undefined;
  createEffect(
    on([term, archived, () => client.attach().state], ([text, among, state]) => {
      clearTimeout(timer);
      asked++;
      setAsking(false);
      if (!text && !among) {
        setHits([]);
        return setNext('');
      }
      if (state === 'yes') timer = setTimeout(() => void ask(''), ASK_AFTER_MS);
    }),
  );
  onCleanup(() => clearTimeout(timer));
  onMount(() => box.focus());

  const restore = async (row: ThreadRow): Promise<void> => {
    try {
      await unarchive(client, row.id);
      setHits((before) => before.filter((hit) => hit.row.id !== row.id));
      void props.inbox.refresh();
    } catch (failure) {
      setError(messageOf(failure));
    }
  };

  return (
    <>
      <header class="bar">
        <a class="round" href={to.threads} aria-label="Back to threads">
          <Icon name="back" />
        </a>
        <input
          ref={box}
          class="text grow"
          type="search"
          enterkeyhint="search"
          autocomplete="off"
          aria-label="Search threads"
          placeholder="Titles, folders, what was said"
          value={words()}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
      </header>
      <main class="list">
        <div class="chips pad" role="group" aria-label="Where to look">
          <button type="button" aria-pressed={!archived()} onClick={() => setArchived(false)}>
            Threads
          </button>
          <button type="button" aria-pressed={archived()} onClick={() => setArchived(true)}>
            Archived
          </button>
        </div>
        <ul aria-label="Found">
          <For each={shown()}>
            {(hit) => (
              <Show
                when={archived()}
                fallback={
                  <ThreadRowView
                    row={hit.row}
                    client={client}
                    snippet={hit.snippet === hit.row.title ? '' : hit.snippet}
                    href={hit.snippet ? to.found(hit.row.id, term()) : to.thread(hit.row.id)}
                  />
                }
              >
                <li class="row">
                  <span class="main">
                    <span class="title">{hit.row.title || 'Untitled thread'}</span>
                    <span class="sub">{hit.snippet}</span>
                  </span>
                  <Show when={client.may('operator')}>
                    <button type="button" class="plain" onClick={() => void restore(hit.row)}>
                      Restore
                    </button>
                  </Show>
                </li>
              </Show>
            )}
          </For>
        </ul>
        <Show when={error()}>
          <p class="notice bad" role="alert">
            The search failed: {error()}
          </p>
        </Show>
        <p class="empty muted" role="status">
          {asking()
            ? 'Searching…'
            : (term() || archived()) && shown().length === 0
              ? client.attach().state === 'yes'
                ? 'Nothing found.'
                : 'Your Mac is not connected: only titles that this phone knows were searched.'
              : ''}
        </p>
        <Show when={next()}>
          <button type="button" class="older" disabled={asking()} onClick={() => void ask(next())}>
            More
          </button>
        </Show>
      </main>
    </>
  );
}
