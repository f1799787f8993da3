// Home: who needs me, what runs, what was. Approvals can be opened from here
// without going through the thread. Not for a thread's content.
import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import type { InboxStore } from '../app/inbox.ts';
import { go, to } from '../app/route.ts';
import type { Approval } from '../model/approvals.ts';
import { summaryOf } from '../model/approval-view.ts';
import { ago } from '../model/freshness.ts';
import { needsYou, ordered } from '../model/thread-list.ts';
import { Icon } from '../parts/icon.tsx';
import { Pending } from '../parts/pending.tsx';
import { ThreadRowView } from '../parts/thread-row.tsx';

export function Threads(props: { client: Client; inbox: InboxStore }) {
  const { client, inbox } = props;
  const rows = createMemo(() => ordered(inbox.threads(), inbox.openByThread()));
  const pending = createMemo(() =>
    client.entries().filter((entry) => entry.purpose.kind === 'task' && entry.state !== 'done'),
  );
  const title = (thread: string): string => inbox.threads().find((row) => row.id === thread)?.title ?? '';
  return (
    <>
      <header class="bar">
        <h1>{client.mac()?.name || 'Zane'}</h1>
        <a class="round" href={to.search} aria-label="Search threads">
          <Icon name="search" />
        </a>
        <button
          type="button"
          class="round"
          aria-label="Refresh threads"
          disabled={inbox.listed() === 'asking'}
          onClick={() => void inbox.refresh()}
        >
          <Icon name="refresh" />
        </button>
        <a class="round" href={to.status} aria-label="Status and devices">
          <Icon name="device" />
        </a>
      </header>
      <main class="list">
        <Show when={inbox.open().length}>
          <section aria-label="Needs you" class="needs">
            <h2>
              Needs you{' '}
              <span class="count" data-testid="open-approvals">
                {inbox.open().length}
              </span>
            </h2>
            <ul>
              <For each={inbox.open()}>
                {(approval) => (
                  <ApprovalRow approval={approval} title={title(approval.thread)} now={client.now()} />
                )}
              </For>
            </ul>
          </section>
        </Show>
        <Show when={pending().length}>
          <section aria-label="Starting">
            <h2>Starting</h2>
            <ul>
              <For each={pending()}>
                {(entry) => (
                  <li class="pad">
                    <Pending
                      client={client}
                      entry={entry}
                      gone={(how) => how === 'taken-back' && go(to.new)}
                    />
                  </li>
                )}
              </For>
            </ul>
          </section>
        </Show>
        <section aria-label="Threads">
          <h2>Threads</h2>
          <Show when={inbox.kept()}>
            {(kept) => (
              <p class="muted small asof" role="status">
                As it was {ago(kept().atMs, client.now())}
              </p>
            )}
          </Show>
          <ul>
            <For each={rows()} fallback={<Empty client={client} inbox={inbox} />}>
              {(row) => (
                <ThreadRowView
                  row={row}
                  href={to.thread(row.id)}
                  open={inbox.openByThread().get(row.id) ?? 0}
                  client={client}
                  needs={needsYou(row, inbox.openByThread())}
                />
              )}
            </For>
          </ul>
          <Show when={inbox.older()}>
            <Older inbox={inbox} />
          </Show>
          <Show when={inbox.error()}>
            <p class="notice bad" role="alert">
              The list could not be read: {inbox.error()}
            </p>
          </Show>
        </section>
      </main>
      <nav class="contents" aria-label="New">
        <a class="fab" href={to.new}>
          <Icon name="plus" />
          New task
        </a>
      </nav>
    </>
  );
}

function ApprovalRow(props: { approval: Approval; title: string; now: number }) {
  return (
    <li>
      <a
        class="row ask"
        href={to.thread(props.approval.thread, props.approval.id)}
        data-approval-row={props.approval.id}
      >
        <span class="sr">Answer: </span>
        <span class="main">
          <span class="title mono">{summaryOf(props.approval)}</span>
          <span class="sub">
            <Show when={props.title}>{props.title} · </Show>
            {ago(props.approval.askedAt, props.now)}
            <Show when={!props.approval.verified}> · could not be verified</Show>
          </span>
        </span>
        <span class="act">{props.approval.state === 'deciding' ? 'Deciding' : 'Answer'}</span>
      </a>
    </li>
  );
}

/** Read as soon as it comes into view; a tap does too. */
function Older(props: { inbox: InboxStore }) {
  let button!: HTMLButtonElement;
  onMount(() => {
    const watch = new IntersectionObserver(
      (seen) => seen.some((one) => one.isIntersecting) && void props.inbox.loadOlder(),
      { rootMargin: '400px' },
    );
    // Anew after each page: one that brought less than a screen leaves it in view.
    createEffect(() => {
      if (props.inbox.readingOlder()) return;
      watch.unobserve(button);
      watch.observe(button);
    });
    onCleanup(() => watch.disconnect());
  });
  return (
    <button
      ref={button}
      type="button"
      class="older"
      disabled={props.inbox.readingOlder()}
      onClick={() => void props.inbox.loadOlder()}
    >
      {props.inbox.readingOlder() ? 'Reading older threads…' : 'Older threads'}
    </button>
  );
}

function Empty(props: { client: Client; inbox: InboxStore }) {
  const [since] = createSignal(Date.now());
  const waiting = (): boolean => props.inbox.listed() !== 'yes';
  const words = (): string => {
    if (!waiting()) return 'No threads yet: start a task.';
    return props.client.now() - since() > 4000
      ? 'Not known yet: your Mac has not been heard from.'
      : 'Asking your Mac…';
  };
  return <li class="empty muted">{words()}</li>;
}
