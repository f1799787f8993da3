// One `process/spawn` on the Mac: keystrokes out, output in, in order. It is this device's: the Mac keeps it for ten
// minutes while no page of it is there, and what it puts out meanwhile is not kept. Not for drawing.
import { randomId } from '../link/signed.ts';
import { num, obj, str } from '../model/read.ts';
import type { Fields } from '../model/read.ts';
import type { Client } from './client.ts';
import { CallError } from '../link/commands.ts';
import { messageOf } from './message.ts';

/** The user's own login shell, whatever it is. */
const COMMAND = ['/bin/sh', '-c', 'exec "${SHELL:-/bin/zsh}" -l'];

export interface Shell {
  write: (text: string) => void;
  resize: (rows: number, cols: number) => void;
  /** After the connection was away: whether it is still there, drawn anew if it is. */
  back: () => Promise<void>;
  close: () => void;
}

export interface ShellSink {
  output: (bytes: Uint8Array) => void;
  /** What is not sure of what was typed or put out. */
  note: (words: string) => void;
  ended: (why: string) => void;
}

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

export async function startShell(
  client: Client,
  start: { cwd: string; rows: number; cols: number },
  sink: ShellSink,
): Promise<Shell> {
  const processHandle = randomId();
  let over = false;
  const end = (why: string): void => {
    if (over) return;
    over = true;
    stop();
    sink.ended(why);
  };
  const stop = client.onSignal((message) => take(message, processHandle, sink, end));
  let size = { rows: start.rows, cols: start.cols };
  try {
    await client.call(
      'process/spawn',
      {
        command: COMMAND,
        cwd: start.cwd,
        processHandle,
        tty: true,
        size,
        env: { TERM: 'xterm-256color' },
        outputBytesCap: null,
        timeoutMs: null,
      },
      'never',
    );
  } catch (failure) {
    stop();
    throw failure;
  }
  const resizePty = (to: typeof size): Promise<unknown> =>
    client.call('process/resizePty', { processHandle, size: to }, 'never');
  return {
    write: writer(client, processHandle, () => over, sink, end),
    resize: (rows, cols) => {
      size = { rows, cols };
      if (!over) resizePty(size).catch(() => undefined);
    },
    back: async () => {
      if (over) return;
      try {
        // Another size and back: a program that fills the screen draws it anew.
        await resizePty({ ...size, cols: Math.max(2, size.cols - 1) });
        await resizePty(size);
        sink.note('The connection was away for a moment: output may be missing.');
      } catch (failure) {
        if (!isAway(failure)) end('The shell has ended while this phone was away.');
      }
    },
    close: () => {
      if (over) return;
      over = true;
      stop();
      client.call('process/kill', { processHandle }, 'never').catch(() => undefined);
    },
  };
}

/** Nothing was said of the shell itself. */
function isAway(failure: unknown): boolean {
  return (
    failure instanceof CallError && ['offline', 'timeout', 'not-attached', 'busy'].includes(failure.reason)
  );
}

/** Keystrokes typed while one write is on its way go out together with the next. */
function writer(
  client: Client,
  processHandle: string,
  over: () => boolean,
  sink: ShellSink,
  end: (why: string) => void,
): (text: string) => void {
  let waiting = '';
  let busy = false;
  const flush = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    while (waiting && !over()) {
      const text = waiting;
      waiting = '';
      try {
        await client.call(
          'process/writeStdin',
          { processHandle, deltaBase64: toBase64(new TextEncoder().encode(text)) },
          'never',
        );
      } catch (failure) {
        if (!isAway(failure)) end(`Typing did not reach the shell: ${messageOf(failure)}`);
        else sink.note('What was typed last may not have reached the shell.');
        waiting = '';
      }
    }
    busy = false;
  };
  return (text) => {
    waiting += text;
    void flush();
  };
}

function take(message: Fields, handle: string, sink: ShellSink, end: (why: string) => void): void {
  const params = obj(message['params']);
  if (params['processHandle'] !== handle) return;
  if (message['method'] === 'process/outputDelta') sink.output(fromBase64(str(params['deltaBase64'])));
  if (message['method'] === 'process/exited')
    end(`The shell ended with exit code ${num(params['exitCode']) ?? 'unknown'}.`);
}
