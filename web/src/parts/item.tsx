// One transcript item. Holds no state but what is folded open. Not for the order
// of items (screens/thread.tsx).
import { createMemo, For, Match, Show, Switch } from 'solid-js';
import { bareCommand } from '../model/approval-view.ts';
import type { Item } from '../model/items.ts';
import { shownNow } from './latency.ts';
import { ChangeView, Fold, Output } from './later.tsx';
import { Markdown } from './markdown.tsx';

type Of<T extends Item['type']> = Extract<Item, { type: T }>;

const as = <T extends Item['type']>(item: Item, type: T): Of<T> | undefined =>
  item.type === type ? (item as Of<T>) : undefined;

/** `asking`: an approval for this item waits for an answer. */
export function ItemView(props: { item: Item; cwd: string; asking: boolean }) {
  const is = <T extends Item['type']>(type: T) => as(props.item, type);
  return (
    <article
      class={`item ${props.item.type}`}
      data-item-id={props.item.id}
      data-item-type={props.item.type}
      data-done={props.item.done}
    >
      <Switch>
        <Match when={is('user')}>{(item) => <UserItem item={item()} />}</Match>
        <Match when={is('agent')}>
          {(item) => (
            <Markdown text={item().text} done={item().done} painted={() => shownNow(item().emittedAtMs)} />
          )}
        </Match>
        <Match when={is('reasoning')}>{(item) => <Reasoning item={item()} />}</Match>
        <Match when={is('command')}>{(item) => <Command item={item()} asking={props.asking} />}</Match>
        <Match when={is('change')}>
          {(item) => <Change item={item()} asking={props.asking} cwd={props.cwd} />}
        </Match>
        <Match when={is('plan')}>
          {(item) => (
            <section aria-label="Plan">
              <h3 class="tag">Plan</h3>
              <Markdown text={item().text} done={item().done} />
            </section>
          )}
        </Match>
        <Match when={is('tool')}>
          {(item) => (
            <Folded
              title={item().title}
              state={statusWord(item())}
              detail={item().detail}
              live={item().progress}
            />
          )}
        </Match>
        <Match when={is('other')}>
          {(item) => <Folded title={item().title} state="" detail={item().detail} live="" />}
        </Match>
      </Switch>
      <Show when={missing(props.item)}>{(words) => <p class="muted small">{words()}</p>}</Show>
    </article>
  );
}

/** Of what reads as if it were all. Reasoning, commands and tools say in their own heads that they were cut off. */
function missing(item: Item): string {
  const text = item.type === 'agent' || item.type === 'plan';
  if (item.partial && item.cutOff)
    return text ? 'Cut off here, and a part before that may be missing.' : 'A part of this may be missing.';
  if (item.partial && item.done) return 'A part of this may be missing.';
  return item.cutOff && text ? 'Cut off here.' : '';
}

function UserItem(props: { item: Of<'user'> }) {
  return (
    <div class="bubble">
      <span class="sr">You: </span>
      {props.item.text}
      <Show when={props.item.attachments}>
        {(n) => (
          <div class="muted small">
            {n()} attachment{n() === 1 ? '' : 's'}
          </div>
        )}
      </Show>
    </div>
  );
}

function Reasoning(props: { item: Of<'reasoning'> }) {
  const parts = () => (props.item.summary.length ? props.item.summary : props.item.content);
  const heading = createMemo(() => {
    const last = parts().findLast((part) => part.trim() !== '') ?? '';
    return (/\*\*(.+?)\*\*/.exec(last)?.[1] ?? '').slice(0, 120);
  });
  return (
    <Show when={parts().some(Boolean) || !props.item.done}>
      <details class="fold reasoning">
        <summary>
          {props.item.cutOff ? 'Reasoning, cut off' : props.item.done ? 'Reasoning' : 'Thinking'}
          <Show when={heading()}>
            <span class="muted"> · {heading()}</span>
          </Show>
        </summary>
        <For each={parts()}>{(part) => <Markdown text={part} done={props.item.done} />}</For>
      </details>
    </Show>
  );
}

/** What is done and has no end of its own was let go of with its turn. */
function statusWord({ status, done }: { status: string; done: boolean }): string {
  if (done && status === 'inProgress') return 'ended';
  return (
    { inProgress: 'running', completed: 'done', failed: 'failed', declined: 'declined' }[status] ?? status
  );
}

export function duration(ms: number | undefined): string {
  // Codex says 0 of what it did not measure.
  if (ms === undefined || ms === 0) return '';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

function Command(props: { item: Of<'command'>; asking: boolean }) {
  const ran = (): string => {
    if (props.asking) return 'waits for you';
    const { exitCode, durationMs } = props.item;
    const code = exitCode === undefined ? '' : `exit ${exitCode}`;
    return [code || statusWord(props.item), duration(durationMs)].filter(Boolean).join(' · ');
  };
  const bad = (): boolean =>
    props.item.status === 'failed' || props.item.status === 'declined' || (props.item.exitCode ?? 0) !== 0;
  return (
    <section class="cmd" aria-label={`Command ${props.item.command.slice(0, 120)}`}>
      <header>
        <code title={props.item.command}>{bareCommand(props.item.command)}</code>
        <span class="state" classList={{ bad: bad(), busy: !props.item.done }}>
          {ran()}
        </span>
      </header>
      <Show when={props.item.output}>
        <Fold title="Output" open={!props.item.done || bad()}>
          <Output text={props.item.output} cut={props.item.cut} />
        </Fold>
      </Show>
    </section>
  );
}

function Change(props: { item: Of<'change'>; cwd: string; asking: boolean }) {
  return (
    <section class="changes" aria-label="File changes">
      <h3 class="tag">
        Files{' '}
        <span
          class="state"
          classList={{
            bad: props.item.status === 'failed' || props.item.status === 'declined',
            busy: !props.item.done,
          }}
        >
          {props.asking ? 'wait for you' : statusWord(props.item)}
        </span>
      </h3>
      <For each={props.item.changes}>
        {(change) => <ChangeView change={change} cwd={props.cwd} open={props.item.changes.length <= 2} />}
      </For>
      <Show when={props.item.more}>
        {(more) => <p class="notice">{more()} more files of this change are on your Mac.</p>}
      </Show>
      <Show when={props.item.output}>
        <pre class="output" tabindex="0">
          {props.item.output}
        </pre>
      </Show>
    </section>
  );
}

function Folded(props: { title: string; state: string; detail: string; live: string }) {
  return (
    <details class="fold">
      <summary>
        {props.title}
        <Show when={props.state || props.live}>
          <span class="muted"> · {props.live || props.state}</span>
        </Show>
      </summary>
      <pre class="output" tabindex="0">
        {props.detail}
      </pre>
    </details>
  );
}
