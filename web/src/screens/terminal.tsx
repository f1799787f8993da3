// A real shell on the Mac, with the user's full access. Lives as long as this
// screen and this connection; when it ends, it says why. xterm.js comes only
// when this screen is opened.
import { FitAddon } from '@xterm/addon-fit';
import { Terminal as XTerm } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { createEffect, createSignal, For, on, onCleanup, onMount, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { to } from '../app/route.ts';
import { startShell } from '../app/shell.ts';
import type { Shell } from '../app/shell.ts';
import { Icon } from '../parts/icon.tsx';

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

function theme() {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  return {
    background: color('--bg'),
    foreground: color('--ink'),
    cursor: color('--accent'),
    selectionBackground: color('--select'),
  };
}

export default function TerminalScreen(props: { client: Client; cwd: string; thread: string }) {
  const { client } = props;
  let box!: HTMLDivElement;
  const [ended, setEnded] = createSignal('');
  const [state, setState] = createSignal<'waiting' | 'starting' | 'running' | 'ended'>('waiting');
  const term = new XTerm({
    fontFamily: 'ui-monospace, Menlo, monospace',
    fontSize: 13,
    cursorBlink: true,
    scrollback: 5000,
    theme: theme(),
    screenReaderMode: false,
  });
  const fit = new FitAddon();
  let shell: Shell | undefined;

  const start = async (): Promise<void> => {
    setEnded('');
    setState('starting');
    shell?.close();
    try {
      shell = await startShell(
        client,
        { cwd: props.cwd || client.info()?.home || '/', rows: term.rows, cols: term.cols },
        {
          output: (bytes) => term.write(bytes),
          ended: (why) => {
            setEnded(why);
            setState('ended');
          },
        },
      );
      if (state() === 'starting') setState('running');
      term.focus();
    } catch (failure) {
      setEnded(failure instanceof Error ? failure.message : String(failure));
      setState('ended');
    }
  };

  onMount(() => {
    term.loadAddon(fit);
    term.open(box);
    fit.fit();
    term.onData((data) => shell?.write(data));
    term.onResize(({ rows, cols }) => shell?.resize(rows, cols));
    const watch = new ResizeObserver(() => fit.fit());
    watch.observe(box);
    onCleanup(() => watch.disconnect());
  });
  createEffect(
    on(
      () => client.attach().state,
      (now) => {
        if (now === 'yes' && state() === 'waiting' && client.may('owner')) void start();
        else if (now === 'no' && (state() === 'running' || state() === 'starting')) shell?.lost();
      },
    ),
  );
  onCleanup(() => {
    shell?.close();
    term.dispose();
  });

  return (
    <>
      <header class="bar">
        <a class="round" href={props.thread ? to.thread(props.thread) : to.threads} aria-label="Back">
          <Icon name="back" />
        </a>
        <div class="grow">
          <h1>Terminal</h1>
          <p class="sub mono">{props.cwd}</p>
        </div>
      </header>
      <main class="terminal" aria-label="Terminal">
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
          data-terminal-state={state()}
          ref={box}
          role="region"
          aria-label="Terminal output"
        />
        <Show when={ended()}>
          <p class="notice" role="alert">
            {ended()}{' '}
            <button
              type="button"
              class="link"
              disabled={client.attach().state !== 'yes'}
              onClick={() => void start()}
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
                disabled={state() !== 'running'}
                onClick={() => {
                  shell?.write(data);
                  term.focus();
                }}
              >
                {name}
              </button>
            )}
          </For>
        </div>
      </main>
    </>
  );
}
