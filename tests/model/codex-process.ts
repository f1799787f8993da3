// Starts the real `codex app-server` on a Unix socket in a private folder below
// build/test-homes/, against a scripted model, and ends it. For tests only:
// in production supervisor owns Codex.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, watch } from 'node:fs';
import { join, resolve } from 'node:path';
import { AppServerClient } from './app-server-client.ts';
import { codexBinary, writeCodexHome } from './codex-home.ts';
import type { CodexHomeOptions } from './codex-home.ts';

const HOMES = resolve(import.meta.dirname, '../../build/test-homes');
/** A cold start of a 300 MB binary on a busy machine; it is a third of a second otherwise. */
const START_MS_MAX = 30_000;
const LOG_CHARS_MAX = 200_000;

const running = new Set<ChildProcess>();
/** A test that ends early takes its Codex with it. */
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface CodexProcess {
  /** The private folder; `home` and `workspace` are in it. */
  folder: string;
  home: string;
  workspace: string;
  socket: string;
  pid: number;
  /** What Codex wrote to its standard error. */
  log: () => string;
  connect: (name?: string) => Promise<AppServerClient>;
  /** Ends Codex with `kill -9` and starts it anew on the same home. */
  restart: () => Promise<void>;
  /** Ends Codex and removes the folder. */
  stop: () => Promise<void>;
}

export interface CodexOptions extends CodexHomeOptions {
  /** Arguments after `app-server`, such as `-c` overrides; `folder` is the private one. */
  args?: (folder: string) => string[];
}

export async function startCodex(options: CodexOptions): Promise<CodexProcess> {
  mkdirSync(HOMES, { recursive: true });
  const folder = mkdtempSync(join(HOMES, 'codex-'));
  const home = writeCodexHome(join(folder, 'home'), options);
  const workspace = join(folder, 'workspace');
  mkdirSync(workspace);
  const socket = join(folder, 'codex.sock');
  const clients: AppServerClient[] = [];
  let log = '';
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(
      codexBinary(),
      ['app-server', '--listen', `unix://${socket}`, ...(options.args?.(folder) ?? [])],
      {
        // Commands run in a login shell: this machine's own set-up takes no part in it.
        env: { ...process.env, CODEX_HOME: home, HOME: folder },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    running.add(child);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-LOG_CHARS_MAX);
    });
    await listening(child, folder, socket, () => log);
  };
  await start();
  return {
    folder,
    home,
    workspace,
    socket,
    log: () => log,
    get pid() {
      return child.pid ?? 0;
    },
    connect: async (name) => {
      const client = await AppServerClient.connect(socket, name);
      clients.push(client);
      return client;
    },
    restart: async () => {
      await end(child, 'SIGKILL');
      // The stale link would look like a server that listens.
      rmSync(socket, { force: true });
      await start();
    },
    stop: async () => {
      await Promise.all(clients.map((client) => client.close()));
      await end(child, 'SIGTERM');
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The socket's link appears when Codex listens. */
async function listening(
  child: ChildProcess,
  folder: string,
  socket: string,
  log: () => string,
): Promise<void> {
  const over = new AbortController();
  const appeared = new Promise<void>((done) => {
    const watcher = watch(folder, { signal: over.signal }, () => {
      if (existsSync(socket)) done();
    });
    watcher.on('error', () => undefined);
    if (existsSync(socket)) done();
  });
  const ended = once(child, 'exit', { signal: over.signal }).then(() => {
    throw new Error(`codex ended at once: ${log()}`);
  });
  const late = once(AbortSignal.timeout(START_MS_MAX), 'abort', { signal: over.signal }).then(() => {
    throw new Error(`codex did not listen within ${START_MS_MAX} ms: ${log()}`);
  });
  ended.catch(() => undefined);
  late.catch(() => undefined);
  try {
    await Promise.race([appeared, ended, late]);
  } finally {
    over.abort();
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), START_MS_MAX);
  await ended;
  clearTimeout(timer);
}
