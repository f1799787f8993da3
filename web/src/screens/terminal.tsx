// A real shell on the Mac, with the user's full access, and the keys a phone lacks. It goes on while another screen
// is looked at (terminal-session.ts). xterm.js comes only when this screen is opened.
import '@xterm/xterm/css/xterm.css';
import { For, onCleanup, onMount, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { replace, to } from '../app/route.ts';
import { visibleLine } from '../model/visible.ts';
import { Icon } from '../parts/icon.tsx';
import { open, terminalOf } from './terminal-session.ts';
import type { TerminalSession } from './terminal-session.ts';

const KEYS = [
  ['Esc', '\x1b'],
  ['Tab', '\t'],
  ['Ctrl C', '\x03'],
  ['Ctrl D', '\x04'],
  ['↑', '\x1b[A'],
  ['↓', '\x1b[B'],
  ['←', '\x1b[D'],
  ['→', '\x1b[C'],
] as const;

export default function TerminalScreen(props: { client: Client; cwd: string; thread: string }) {
  const session = terminalOf(props.client, props.cwd, props.thread);
  const back = (): string => (props.thread ? to.thread(props.thread) : to.threads);
  const end = (): void => {
    session?.end();
    replace(back());
  };
  return (
    <>
      <header class="bar">
        <a class="round" href={back()} aria-label="Back">
          <Icon name="back" />
        </a>
        <div class="grow">
          <h1>Terminal</h1>
          <p class="sub mono">{visibleLine(props.cwd)}</p>
        </div>
        <Show when={session}>
          <button type="button" class="plain slim" onClick={end}>
            End
          </button>
        </Show>
      </header>
      <main class="terminal" aria-label="Terminal">
        <Show when={session} fallback={<TooMany />}>
          {(one) => <Running client={props.client} session={one()} />}
        </Show>
      </main>
    </>
  );
}

function TooMany() {
  return (
    <div class="form">
      <p class="notice" role="alert">
        {open().length} terminals are open: end one of them first.
      </p>
      <ul>
        <For each={open()}>
          {(one) => (
            <li>
              <a href={to.terminal(one.cwd, one.thread)}>{visibleLine(one.cwd)}</a>
            </li>
          )}
        </For>
      </ul>
    </div>
  );
}

function Running(props: { client: Client; session: TerminalSession }) {
  const { client, session } = props;
  let box!: HTMLDivElement;
  onMount(() => {
    session.show(box);
    const watch = new ResizeObserver(() => session.fit());
    watch.observe(box);
    onCleanup(() => {
      watch.disconnect();
      session.hide();
    });
  });
  return (
    <>
      <p class="notice warn slim" role="note">
        This shell has your full access on {client.mac()?.name || 'your Mac'}: no sandbox, no questions.
      </p>
      <Show when={!client.may('owner')}>
        <p class="notice bad">
          Only an owner's device may open a terminal. This one is {client.mac()?.role || 'unknown'}.
        </p>
      </Show>
      <div
        class="term"
        data-testid="terminal"
        data-terminal-state={session.state()}
        ref={box}
        role="region"
        aria-label="Terminal output"
      />
      <Show when={session.state() === 'away'}>
        <p class="notice slim" role="status">
          Not connected. The shell goes on on your Mac for ten minutes.
        </p>
      </Show>
      <Show when={session.ended()}>
        <p class="notice" role="alert">
          {session.ended()}{' '}
          <button
            type="button"
            class="link"
            disabled={client.attach().state !== 'yes'}
            onClick={() => void session.start()}
          >
            New shell
          </button>
        </p>
      </Show>
      <div class="keys" role="toolbar" aria-label="Terminal keys">
        <For each={KEYS}>
          {([name, data]) => (
            <button
              type="button"
              disabled={session.state() !== 'running'}
              onClick={() => {
                session.write(data);
                session.term.focus();
              }}
            >
              {name}
            </button>
          )}
        </For>
      </div>
    </>
  );
}
