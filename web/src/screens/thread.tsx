// One thread, live: transcript, what is on its way, open approvals, composer.
// Not for the state behind it (app/thread.ts).
import {
  createEffect,
  createMemo,
  createSignal,
  For,
  lazy,
  on,
  onCleanup,
  onMount,
  Show,
  Suspense,
} from 'solid-js';
import type { JSX } from 'solid-js';
import type { Client } from '../app/client.ts';
import type { InboxStore } from '../app/inbox.ts';
import { sendPrompt } from '../app/orders.ts';
import { replace, to } from '../app/route.ts';
import { messageOf } from '../app/message.ts';
import { openThread, runningTurn } from '../app/thread.ts';
import { markRead } from '../app/thread-actions.ts';
import type { OpenThread } from '../app/thread.ts';
import { isFinal } from '../link/outbox.ts';
import type { Entry } from '../link/outbox.ts';
import { isOpen } from '../model/approvals.ts';
import type { Approval } from '../model/approvals.ts';
import { summaryOf } from '../model/approval-view.ts';
import { stateWords } from '../model/approval-words.ts';
import { ago } from '../model/freshness.ts';
import { obj, str } from '../model/read.ts';
import { visibleLine } from '../model/visible.ts';
import { Icon } from '../parts/icon.tsx';
import { preloadParts } from '../parts/later.tsx';
import { Pending } from '../parts/pending.tsx';
import { TurnView } from '../parts/turn.tsx';
import type { Settled } from '../parts/turn.tsx';
import { Composer } from './composer.tsx';
import { Menu } from './thread-menu.tsx';
import './thread.css';

/** Its own chunk, fetched as soon as the first thread is drawn: the transcript does not wait for it. */
const ApprovalSheet = lazy(() => import('./approval-sheet.tsx'));
const Finder = lazy(() => import('./finder.tsx'));

/** Closer to the end than this, the transcript follows what is new. */
const FOLLOW_PX = 120;
/** So long after a touch, a key or a wheel a scroll is a person's. */
const HAND_MS = 1_000;
const TITLE_CHARACTERS_MAX = 200;

export default function Thread(props: {
  client: Client;
  inbox: InboxStore;
  thread: string;
  approval: string;
  /** Words to be shown where they are said. */
  find: string;
}) {
  const { client } = props;
  const thread = openThread(client, props.thread);
  const running = createMemo(() => runningTurn(thread.view)?.id);
  const truth = createMemo(() => {
    const three = client.hops();
    const known = three.every((hop) => hop.state === 'proven');
    return { known, sinceMs: known ? 0 : three[2].atMs };
  });
  const approvals = createMemo(() => newest(props.thread, props.inbox, thread));
  const open = createMemo(() => approvals().filter(isOpen));
  const shown = createMemo(() => approvals().find((approval) => approval.id === props.approval));
  const asking = createMemo(() => new Set(open().map((approval) => approval.item)));
  const settled = createMemo(() => byItem(approvals().filter((approval) => !isOpen(approval))));
  const drawn = createMemo(
    () => new Set(thread.view.turns.flatMap((turn) => turn.items.map((item) => item.id))),
  );
  const pending = createMemo(() =>
    client.entries().filter((entry) => waitsHere(entry, props.thread, thread)),
  );
  // What is looked at is read: Codex's other windows show it so too.
  const unread = createMemo(() => props.inbox.threads().find((row) => row.id === props.thread)?.unread ?? '');
  createEffect(() => {
    if (unread() && thread.atHead() && client.may('operator'))
      // Told anew either way: it is read, or something came meanwhile and has another receipt.
      void markRead(client, props.thread, unread()).finally(() => props.inbox.refresh());
  });
  onMount(() =>
    setTimeout(() => {
      void ApprovalSheet.preload();
      preloadParts();
    }, 0),
  );

  return (
    <>
      <Head client={client} thread={thread} />
      <Show when={props.find}>
        <Suspense>
          <Finder thread={thread} words={props.find} />
        </Suspense>
      </Show>
      <Transcript thread={thread} sent={pending().length} still={props.find !== ''}>
        <Show when={thread.hasOlder()}>
          <button
            type="button"
            class="older"
            disabled={thread.readingOlder()}
            onClick={() => void thread.loadOlder()}
          >
            {thread.readingOlder() ? 'Reading older turns…' : 'Show older turns'}
          </button>
        </Show>
        <Show when={thread.keptAtMs()}>
          <p class="muted small asof" role="status">
            As it was {ago(thread.keptAtMs(), client.now())}
          </p>
        </Show>
        <Show when={thread.view.turns.length === 0 && pending().length === 0}>
          <p class="empty muted" role="status">
            {thread.history() === 'yes'
              ? 'Nothing here yet.'
              : client.attach().state === 'yes'
                ? 'Reading from your Mac…'
                : 'Not known yet: your Mac has not been heard from.'}
          </p>
        </Show>
        <For each={thread.view.turns}>
          {(turn, at) => (
            <TurnView
              turn={turn}
              cwd={thread.view.cwd}
              last={at() === thread.view.turns.length - 1}
              truth={truth()}
              waiting={open().length > 0}
              asking={asking()}
              settled={settled()}
            />
          )}
        </For>
        <For each={pending()}>
          {(entry) => (
            <Pending
              client={client}
              entry={entry}
              again={() => void again(client, entry, running(), thread)}
            />
          )}
        </For>
        <Closed
          approvals={approvals().filter((approval) => !drawn().has(approval.item))}
          thread={props.thread}
        />
        <Show when={thread.error()}>
          <p class="notice bad" role="alert">
            {thread.error()}{' '}
            <button type="button" class="link" onClick={() => void thread.reload()}>
              Try again
            </button>
          </p>
        </Show>
      </Transcript>
      <footer class="foot">
        <For each={open()}>{(approval) => <AskBar approval={approval} />}</For>
        <Composer client={client} thread={props.thread} running={running()} />
      </footer>
      <p class="sr" role="status" aria-live="assertive">
        {open().length
          ? `${open().length} approval${open().length === 1 ? '' : 's'} waiting: ${summaryOf(open()[0] as Approval)}`
          : ''}
      </p>
      {/* What was typed or seen in one sheet is not another one's, nor that of the same approval with other bytes. */}
      <Show when={sheetKey(shown())} keyed>
        {(_id) => (
          <Suspense>
            <ApprovalSheet
              client={client}
              approval={shown() as Approval}
              next={[...open(), ...props.inbox.open()].find(
                (other) => other.id !== props.approval && other.state === 'open',
              )}
              close={() => replace(to.thread(props.thread))}
            />
          </Suspense>
        )}
      </Show>
    </>
  );
}

function sheetKey(approval: Approval | undefined): string {
  return approval ? [approval.id, approval.digest, approval.bytes, approval.verified].join() : '';
}

/** The inbox and the thread's own stream both tell of approvals: the newer word counts. */
function newest(id: string, inbox: InboxStore, thread: OpenThread): Approval[] {
  const out = new Map(thread.approvals());
  for (const approval of inbox.inbox().approvals.values()) {
    const other = out.get(approval.id);
    if (approval.thread === id && (!other || approval.seq >= other.seq)) out.set(approval.id, approval);
  }
  return [...out.values()].sort((a, b) => a.at - b.at);
}

function byItem(approvals: readonly Approval[]): Settled {
  const out = new Map<string, Approval[]>();
  for (const approval of approvals) out.set(approval.item, [...(out.get(approval.item) ?? []), approval]);
  return out;
}

/** On its way, until the transcript itself shows it. */
function waitsHere(entry: Entry, id: string, thread: OpenThread): boolean {
  const { purpose } = entry;
  if (purpose.kind === 'stop') return purpose.thread === id && isFinal(entry.state) && entry.state !== 'done';
  if (purpose.kind !== 'prompt' || purpose.thread !== id) return false;
  const inTranscript = thread.view.turns.some((turn) =>
    turn.items.some((item) => item.type === 'user' && item.clientId === entry.id),
  );
  if (inTranscript) return false;
  if (entry.state !== 'done') return true;
  // Codex has it; its turn ending without an echo would leave the bubble for ever.
  const result = obj(entry.result);
  const turn = str(obj(result['turn'])['id']) || str(result['turnId']);
  return (
    thread.view.turns.find((known) => known.id === turn)?.status === 'inProgress' ||
    !thread.view.turns.some((known) => known.id === turn)
  );
}

async function again(
  client: Client,
  entry: Entry,
  running: string | undefined,
  thread: OpenThread,
): Promise<void> {
  if (entry.purpose.kind !== 'prompt') return client.outbox.dismiss(entry.id);
  try {
    await sendPrompt(client, thread.id, entry.purpose.text, running);
    await client.outbox.dismiss(entry.id);
  } catch (failure) {
    client.setTrouble(messageOf(failure));
  }
}

function Head(props: { client: Client; thread: OpenThread }) {
  const view = props.thread.view;
  const context = (): string => {
    const tokens = view.tokens;
    return tokens?.window
      ? `${Math.min(100, Math.round((tokens.used / tokens.window) * 100))}% of context`
      : '';
  };
  const firstWords = (): string => {
    const item = view.turns[0]?.items.find((one) => one.type === 'user');
    return item?.type === 'user' ? item.text.slice(0, 120) : '';
  };
  const title = (): string => visibleLine(view.name || firstWords(), TITLE_CHARACTERS_MAX);
  const about = (): string =>
    [view.cwd.split('/').filter(Boolean).at(-1), view.model, view.effort, context()]
      .filter(Boolean)
      .join(' · ');
  return (
    <header class="bar">
      <a class="round" href={to.threads} aria-label="Back to threads">
        <Icon name="back" />
      </a>
      <div class="grow">
        <h1>{title() || 'Thread'}</h1>
        <p class="sub">{about()}</p>
      </div>
      <Show when={props.client.may('operator')}>
        <Menu client={props.client} thread={props.thread} title={title()} />
      </Show>
      <Show when={view.cwd}>
        <a class="round" href={to.terminal(view.cwd, props.thread.id)} aria-label="Terminal">
          <Icon name="terminal" />
        </a>
      </Show>
    </header>
  );
}

/** `still`: another place than its end is looked at. */
function Transcript(props: { thread: OpenThread; sent: number; still: boolean; children: JSX.Element }) {
  let box!: HTMLElement;
  const [atEnd, setAtEnd] = createSignal(true);
  const follow = (): boolean => atEnd() && !props.still;
  // What grows or is turned moves by itself, and that is no wish to read elsewhere: a hand's is.
  let handAtMs = -HAND_MS;
  const hand = (): void => {
    handAtMs = performance.now();
  };
  const scrolled = (): void => {
    if (box.scrollHeight - box.scrollTop - box.clientHeight < FOLLOW_PX) return void setAtEnd(true);
    if (!props.still && performance.now() - handAtMs > HAND_MS) return;
    // A throw goes on for as long as it rolls.
    hand();
    setAtEnd(false);
  };
  const toEnd = (): void => {
    box.scrollTop = box.scrollHeight;
  };
  onMount(() => {
    // The content grows by itself while text streams in: watch its size, not the events.
    const watch = new ResizeObserver(() => {
      if (follow()) toEnd();
    });
    watch.observe(box.firstElementChild as Element);
    watch.observe(box);
    onCleanup(() => watch.disconnect());
  });
  createEffect(
    on(
      () => props.thread.history(),
      () => follow() && toEnd(),
    ),
  );
  // Whoever sends wants to see what comes of it.
  createEffect(
    on(
      () => props.sent,
      (now, before) => {
        if (now > (before ?? 0)) toEnd();
      },
      { defer: true },
    ),
  );
  return (
    <main
      class="transcript"
      ref={box}
      tabindex="0"
      aria-label="Transcript"
      onScroll={scrolled}
      onWheel={hand}
      onTouchMove={hand}
      onPointerDown={hand}
      onKeyDown={hand}
      onFocusIn={hand}
    >
      <div class="flow">{props.children}</div>
      <Show when={!atEnd()}>
        <button type="button" class="toend" aria-label="Jump to the latest" onClick={toEnd}>
          Latest
        </button>
      </Show>
    </main>
  );
}

function AskBar(props: { approval: Approval }) {
  return (
    <a
      class="askbar"
      href={to.thread(props.approval.thread, props.approval.id)}
      data-approval-row={props.approval.id}
    >
      <span class="sr">Answer: </span>
      <Icon name="shield" />
      <span class="mono grow">{summaryOf(props.approval)}</span>
      <span class="act">{props.approval.state === 'deciding' ? 'Deciding' : 'Answer'}</span>
    </a>
  );
}

/** The last words on approvals that are over, so that nobody has to guess who answered. */
function Closed(props: { approvals: readonly Approval[]; thread: string }) {
  const over = createMemo(() => props.approvals.filter((approval) => !isOpen(approval)).slice(-5));
  return (
    <Show when={over().length}>
      <ul class="closed" aria-label="Answered approvals">
        <For each={over()}>
          {(approval) => (
            <li>
              <a href={to.thread(props.thread, approval.id)} data-approval-state={approval.state}>
                <span class="mono">{summaryOf(approval)}</span>{' '}
                <span class="muted">{stateWords(approval)}</span>
              </a>
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}
