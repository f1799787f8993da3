// One open thread: its stream, its history from Codex, and the painted view.
// Lives as long as its screen. What events do to the state is model/thread.ts.
import { createEffect, createSignal, on, onCleanup } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';
import { reduceApproval } from '../model/approvals.ts';
import type { Approvals } from '../model/approvals.ts';
import { allTurns, readPage, withHistory } from '../model/history.ts';
import { obj } from '../model/read.ts';
import type { Fields } from '../model/read.ts';
import { emptyThread, reduceThread, withThread } from '../model/thread.ts';
import type { ThreadState } from '../model/thread.ts';
import type { Turn } from '../model/turns.ts';
import type { Client } from './client.ts';
import { eachEvent } from './events.ts';
import type { ReadEvent } from './events.ts';
import { messageOf } from './message.ts';
import { painter } from './paint.ts';
import { SEEN_CHARS_MAX } from './seen.ts';
import { readTurns } from './turn-pages.ts';

const NEWEST_AGAIN_MS = [500, 1500, 4000];

export type ThreadView = Omit<ThreadState, 'live' | 'history'> & { turns: readonly Turn[] };

function viewOf({ live, history, ...head }: ThreadState): ThreadView {
  return { ...head, turns: allTurns({ live, history, ...head }) };
}

/** Of a thread, on the phone (seen.ts). */
interface KeptThread {
  name: string;
  cwd: string;
  model: string;
  effort: string;
  turns: readonly Turn[];
}

const KEPT_TURNS_MAX = 20;

/** The newest turns that fit. */
function shortened(thread: KeptThread): string | undefined {
  for (let count = KEPT_TURNS_MAX; count > 0; count = Math.floor(count / 2)) {
    const text = JSON.stringify({ ...thread, turns: thread.turns.slice(-count) });
    if (text.length <= SEEN_CHARS_MAX) return text;
  }
  return undefined;
}

export function openThread(client: Client, id: string) {
  let current = emptyThread(id);
  let older = '';
  let closed = false;
  const [view, setView] = createStore<ThreadView>(viewOf(current));
  const [approvals, setApprovals] = createSignal<Approvals>(new Map());
  const [atHead, setAtHead] = createSignal(false);
  const [history, setHistory] = createSignal<'no' | 'asking' | 'yes'>('no');
  const [hasOlder, setHasOlder] = createSignal(false);
  const [readingOlder, setReadingOlder] = createSignal(false);
  const [error, setError] = createSignal('');
  const paint = painter(() => setView(reconcile(viewOf(current), { key: 'id' })));

  const set = (next: ThreadState): void => {
    if (next === current) return;
    current = next;
    paint.request();
    if (history() === 'yes') client.seen.write(seenAs, keep);
  };
  const take = (event: ReadEvent): void => {
    if (event.kind === 'message') return set(reduceThread(current, event));
    set(reduceThread(current, { kind: 'message', epoch: event.epoch, seq: event.seq, message: {} }));
    setApprovals((known) => reduceApproval(known, event.approval));
  };

  // As it was when this phone last saw it, until Codex has told how it is. Whether its turn still runs is not known.
  const seenAs = `thread.${client.macLink()?.id ?? ''}.${id}`;
  const [keptAtMs, setKeptAtMs] = createSignal(0);
  void client.seen.read<KeptThread>(seenAs).then((kept) => {
    if (!kept || closed || history() === 'yes' || current.history.length) return;
    const { name, cwd, model, effort, turns } = kept.value;
    set({ ...current, status: current.status || 'notLoaded', name, cwd, model, effort, history: turns });
    setKeptAtMs(kept.atMs);
  });
  const keep = (): string | undefined => {
    if (history() !== 'yes' || error()) return undefined;
    const { name, cwd, model, effort } = current;
    return shortened({ name, cwd, model, effort, turns: allTurns(current) });
  };

  const close = client.macLink()?.streams.open(id, {
    reset: (epoch) => {
      set(reduceThread(current, { kind: 'reset', epoch }));
      setApprovals(new Map());
      void load();
    },
    apply: (epoch, events) => eachEvent(epoch, events, client.mac()?.mac ?? '', client.macKey(), take),
    atHead: setAtHead,
  });

  const codexSession = (): string => client.proofs().codexSession;
  let readInSession = '';

  /** Wakes the thread in Codex (so that it can be talked to), then reads its newest turns. */
  async function load(): Promise<void> {
    setHistory('asking');
    readInSession = codexSession();
    try {
      if (client.may('operator')) {
        const told = obj(await client.call('thread/resume', { threadId: id, excludeTurns: true }));
        set(
          withThread(current, {
            ...obj(told['thread']),
            model: told['model'],
            reasoningEffort: told['reasoningEffort'],
          }),
        );
      }
    } catch {
      // A thread that was just born is not on disk yet; its stream tells all of it. Any other trouble newest() meets too.
    }
    await newest();
    setHistory('yes');
    client.seen.write(seenAs, keep);
  }

  /**
   * Codex can't list the turns of a thread whose first turn it has not stored yet: it is asked again before that
   * counts as an error. A thread of which nothing is heard either says so after the second time, and is asked on.
   */
  async function newest(): Promise<void> {
    for (const [at, pause] of NEWEST_AGAIN_MS.entries()) {
      const failure = await page('newest');
      if (failure === undefined || closed) return;
      if (at > 0 && current.live.length === 0) setError(failure);
      await new Promise((again) => setTimeout(again, pause));
    }
    const failure = await page('newest');
    if (failure !== undefined) setError(failure);
  }

  /** What went wrong, or undefined. */
  async function page(where: 'newest' | 'older'): Promise<string | undefined> {
    try {
      const call = (method: string, params: Fields) => client.call(method, params);
      const told = readPage(await readTurns(call, id, where === 'older' ? older : ''));
      set(withHistory(current, told, where));
      older = told.older;
      setHasOlder(older !== '');
      setKeptAtMs(0);
      setError('');
      return undefined;
    } catch (failure) {
      return messageOf(failure);
    }
  }

  async function loadOlder(): Promise<void> {
    if (readingOlder()) return;
    setReadingOlder(true);
    const failure = await page('older');
    setReadingOlder(false);
    if (failure !== undefined) setError(failure);
  }

  // Another connection to Codex than the one this was read in: what it said in between was missed.
  createEffect(
    on(
      codexSession,
      (now) => {
        if (now && history() !== 'no' && now !== readInSession) void load();
      },
      { defer: true },
    ),
  );

  onCleanup(() => {
    closed = true;
    void client.seen.flush();
    close?.();
    paint.stop();
  });
  return {
    id,
    view,
    keptAtMs,
    approvals,
    atHead,
    history,
    hasOlder,
    readingOlder,
    error,
    reload: load,
    loadOlder,
  };
}

export type OpenThread = ReturnType<typeof openThread>;

/** The turn that runs, as far as is known. */
export function runningTurn(view: ThreadView): Turn | undefined {
  const last = view.turns.at(-1);
  return last?.status === 'inProgress' && view.status !== 'notLoaded' ? last : undefined;
}
