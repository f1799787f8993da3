// The live list level: threads and approvals of the chosen Mac, as a signal.
// Owns the list stream for as long as the page lives.
import { createEffect, createMemo, createSignal, on, onCleanup } from 'solid-js';
import { isOpen, openApprovals } from '../model/approvals.ts';
import { emptyInbox, reduceInbox, THREADS_MAX, withListed, withOlder } from '../model/thread-list.ts';
import { obj, str } from '../model/read.ts';
import type { Inbox, ThreadRow } from '../model/thread-list.ts';
import type { Client } from './client.ts';
import { eachEvent } from './events.ts';
import type { ReadEvent } from './events.ts';
import { messageOf } from './message.ts';
import { painter } from './paint.ts';
import type { Kept } from './seen.ts';

const LIST_LIMIT = 60;
/** Whatever made them and whichever provider answers; sub-agents' threads belong to their parents. */
export const EVERY_SOURCE = {
  modelProviders: [],
  sourceKinds: ['cli', 'vscode', 'exec', 'appServer', 'unknown'],
};
const RELIST: ReadonlySet<string> = new Set(['thread/started', 'thread/status/changed']);
/** At most one question per this long, however busy the threads are. */
const RELIST_AFTER_MS = 2_000;

const seenName = (mac: string): string => `inbox.${mac}`;

const placeAfter = (result: unknown): string => str(obj(result)['nextCursor']);

export function createInbox(client: Client) {
  let current: Inbox = emptyInbox();
  const [inbox, setInbox] = createSignal<Inbox>(current);
  const [atHead, setAtHead] = createSignal(false);
  const [listed, setListed] = createSignal<'no' | 'asking' | 'yes'>('no');
  const [error, setError] = createSignal('');
  /** As it was when this phone last saw it; until the Mac has told how it is. */
  const [kept, setKept] = createSignal<Kept<readonly ThreadRow[]>>();
  /** Codex's place after the rows that were read; '' at the end. */
  const [older, setOlder] = createSignal('');
  const [readingOlder, setReadingOlder] = createSignal(false);
  const paint = painter(() => setInbox(current));
  let relisting: ReturnType<typeof setTimeout> | undefined;

  const set = (next: Inbox): void => {
    if (next === current) return;
    if (listed() === 'yes' && next.threads !== current.threads) remember();
    current = next;
    paint.request();
  };

  // A new thread has no title until Codex has its first message: the list is asked again soon after a change.
  const relist = (event: ReadEvent): void => {
    if (event.kind !== 'message' || !RELIST.has(String(event.message['method'])) || relisting) return;
    relisting = setTimeout(() => {
      relisting = undefined;
      if (client.attach().state === 'yes') void refresh();
    }, RELIST_AFTER_MS);
  };

  const page = (cursor: string): Promise<unknown> =>
    client.call('thread/list', {
      limit: LIST_LIMIT,
      sortKey: 'recency_at',
      sortDirection: 'desc',
      ...EVERY_SOURCE,
      ...(cursor ? { cursor } : {}),
    });

  async function loadOlder(): Promise<void> {
    if (readingOlder() || !older()) return;
    setReadingOlder(true);
    try {
      const result = await page(older());
      set(withOlder(current, result));
      setOlder(current.threads.length < THREADS_MAX ? placeAfter(result) : '');
      setError('');
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setReadingOlder(false);
    }
  }

  async function refresh(): Promise<void> {
    if (listed() === 'asking') return;
    const before = listed();
    setListed('asking');
    try {
      const result = await page('');
      set(withListed(current, result));
      if (before !== 'yes') setOlder(placeAfter(result));
      setError('');
      setListed('yes');
      setKept(undefined);
      remember();
    } catch (failure) {
      setError(messageOf(failure));
      setListed(before);
    }
  }

  createEffect(
    on(client.macLink, (link) => {
      current = emptyInbox();
      setInbox(current);
      setListed('no');
      setKept(undefined);
      setOlder('');
      if (!link) return;
      void client.seen.read<readonly ThreadRow[]>(seenName(link.id)).then((row) => {
        if (row && listed() !== 'yes' && client.macLink() === link) setKept(row);
      });
      const close = link.streams.open('', {
        reset: (epoch) => set(reduceInbox(current, { kind: 'reset', epoch })),
        apply: (epoch, events) =>
          eachEvent(epoch, events, link.id, client.macKey(), (event) => {
            set(reduceInbox(current, event));
            if (atHead()) relist(event);
          }),
        atHead: setAtHead,
      });
      onCleanup(close);
    }),
  );
  createEffect(
    on(
      () => client.attach().state,
      (state) => void (state === 'yes' && refresh()),
    ),
  );

  function remember(): void {
    const mac = client.macLink()?.id;
    if (mac) client.seen.write(seenName(mac), () => JSON.stringify(current.threads.slice(0, LIST_LIMIT)));
  }

  const threads = createMemo(() => {
    const told = inbox().threads;
    const ids = new Set(told.map((row) => row.id));
    return [...told, ...(kept()?.value ?? []).filter((row) => !ids.has(row.id))];
  });
  const open = createMemo(() => openApprovals(inbox().approvals));
  const openByThread = createMemo(() => {
    const counts = new Map<string, number>();
    for (const approval of open())
      if (isOpen(approval)) counts.set(approval.thread, (counts.get(approval.thread) ?? 0) + 1);
    return counts;
  });
  return {
    inbox,
    threads,
    kept,
    older,
    readingOlder,
    loadOlder,
    atHead,
    listed,
    error,
    refresh,
    open,
    openByThread,
  };
}

export type InboxStore = ReturnType<typeof createInbox>;
