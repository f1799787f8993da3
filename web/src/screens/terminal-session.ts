// A terminal that lives on while its screen is not looked at: the shell, what xterm.js holds of it, and how it is.
// It ends when it is ended, by either side, or with the sign-in. Not for the screen around it (terminal.tsx).
import { FitAddon } from '@xterm/addon-fit';
import { Terminal as XTerm } from '@xterm/xterm';
import { createEffect, createRoot, createSignal, on } from 'solid-js';
import type { Client } from '../app/client.ts';
import { messageOf } from '../app/message.ts';
import { startShell } from '../app/shell.ts';
import type { Shell } from '../app/shell.ts';

export const TERMINALS_MAX = 4;
const SCROLLBACK_LINES = 5_000;

export type TerminalState = 'waiting' | 'starting' | 'running' | 'away' | 'ended';

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

export class TerminalSession {
  readonly cwd: string;
  readonly thread: string;
  readonly state: () => TerminalState;
  readonly ended: () => string;
  readonly term: XTerm;
  readonly #client: Client;
  readonly #fit = new FitAddon();
  readonly #setState: (state: TerminalState) => void;
  readonly #setEnded: (why: string) => void;
  readonly #dispose: () => void;
  /** Moved from screen to screen, with all that was drawn in it. */
  readonly #element = document.createElement('div');
  #shell: Shell | undefined;

  constructor(client: Client, cwd: string, thread: string) {
    this.cwd = cwd;
    this.thread = thread;
    this.#client = client;
    const [state, setState] = createSignal<TerminalState>('waiting');
    const [ended, setEnded] = createSignal('');
    this.state = state;
    this.ended = ended;
    this.#setState = (next) => void setState(next);
    this.#setEnded = (why) => void setEnded(why);
    this.term = new XTerm({
      fontFamily: 'ui-monospace, Menlo, monospace',
      fontSize: 13,
      cursorBlink: true,
      scrollback: SCROLLBACK_LINES,
      theme: theme(),
      screenReaderMode: false,
    });
    this.#element.className = 'fill';
    this.term.loadAddon(this.#fit);
    this.term.onData((data) => this.write(data));
    this.term.onResize(({ rows, cols }) => this.#shell?.resize(rows, cols));
    this.#dispose = createRoot((dispose) => {
      createEffect(
        on(
          () => client.attach().state,
          (now) => this.#connection(now),
        ),
      );
      // With the sign-in, and with the Mac that it runs on.
      createEffect(() => client.auth() === 'out' && this.end());
      createEffect(on(client.macLink, () => this.end(), { defer: true }));
      return dispose;
    });
  }

  /** Into the screen's box; its size is the box's. */
  show(box: HTMLElement): void {
    box.append(this.#element);
    if (!this.term.element) this.term.open(this.#element);
    this.term.options.theme = theme();
    this.fit();
    if (this.state() === 'running') this.term.focus();
    this.#connection(this.#client.attach().state);
  }

  fit(): void {
    if (this.#element.isConnected) this.#fit.fit();
  }

  hide(): void {
    this.#element.remove();
  }

  write(text: string): void {
    if (this.state() === 'running') this.#shell?.write(text);
  }

  async start(): Promise<void> {
    this.#setEnded('');
    this.#setState('starting');
    this.#shell?.close();
    try {
      this.#shell = await startShell(
        this.#client,
        {
          cwd: this.cwd || this.#client.info()?.home || '/',
          rows: this.term.rows,
          cols: this.term.cols,
        },
        {
          output: (bytes) => this.term.write(bytes),
          note: (words) => this.term.write(`\r\n\x1b[2m[${words}]\x1b[0m\r\n`),
          ended: (why) => {
            this.#setEnded(why);
            this.#setState('ended');
          },
        },
      );
      if (this.state() === 'starting') this.#setState('running');
      this.term.focus();
    } catch (failure) {
      this.#setEnded(messageOf(failure));
      this.#setState('ended');
    }
  }

  end(): void {
    this.#shell?.close();
    this.#dispose();
    this.term.dispose();
    this.hide();
    sessions.delete(keyOf(this.cwd, this.thread));
    setOpen([...sessions.values()]);
  }

  #connection(now: string): void {
    const state = this.state();
    if (now === 'yes' && state === 'waiting' && this.term.element && this.#client.may('owner'))
      void this.start();
    if (now === 'yes' && state === 'away') {
      this.#setState('running');
      void this.#shell?.back();
    }
    if (now === 'no' && state === 'running') this.#setState('away');
  }
}

const keyOf = (cwd: string, thread: string): string => `${thread} ${cwd}`;
const sessions = new Map<string, TerminalSession>();
const [open, setOpen] = createSignal<readonly TerminalSession[]>([]);
/** Those that live, the oldest first. */
export { open };

/** The one of this folder and thread, or a new one; undefined when there are too many. */
export function terminalOf(client: Client, cwd: string, thread: string): TerminalSession | undefined {
  const key = keyOf(cwd, thread);
  const known = sessions.get(key);
  if (known || sessions.size >= TERMINALS_MAX) return known;
  const session = new TerminalSession(client, cwd, thread);
  sessions.set(key, session);
  setOpen([...sessions.values()]);
  return session;
}
