// Anchor on this machine: the four services of one $ZANE_HOME as processes,
// started in order and, if wanted, started again when they die, as launchd does
// it. Used by script/run, the tests and bench/. Knows nothing of what they say.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');
export const SERVICES = ['policy', 'supervisor', 'webhook', 'relay'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** Binaries with sanitizers in them take some times as long: every bound of a wait is that much longer. */
export const SLOWER = ['asan', 'tsan'].includes(process.env['ZANE_PRESET'] ?? '') ? 4 : 1;

/** As launchd's ThrottleInterval: a service that dies at once is not spun. */
const RESTART_MS_FIRST = 200;
const RESTART_MS_MAX = 10_000;
const LIVED_MS = 10_000;
const STOP_MS_MAX = 5_000 * SLOWER;
const SAW_MS_MAX = 60_000 * SLOWER;

export interface AnchorOptions {
  /** $ZANE_HOME. */
  home: string;
  /** Where the binaries are: build/<preset>/bin. */
  bin: string;
  env?: Record<string, string | undefined>;
  /** Start a service again when it ends by itself. */
  restart?: boolean;
  /** Each line a service writes. */
  onLine?: (service: ServiceName, line: string) => void;
  /** Put before a service's command line, e.g. to run it in a network namespace. */
  wrap?: (service: ServiceName) => string[];
}

class Service {
  readonly name: ServiceName;
  child: ChildProcess | undefined;
  log = '';
  lastExit: string | undefined;
  #options: AnchorOptions;
  #stopping = false;
  #pause = RESTART_MS_FIRST;
  #startedAt = 0;
  #waiting: { text: string; done: () => void }[] = [];

  constructor(name: ServiceName, options: AnchorOptions) {
    this.name = name;
    this.#options = options;
  }

  start(): void {
    this.#stopping = false;
    this.#startedAt = Date.now();
    const command = [...(this.#options.wrap?.(this.name) ?? []), join(this.#options.bin, this.name)];
    const child = spawn(command[0]!, command.slice(1), {
      env: { ...process.env, ...this.#options.env, ZANE_HOME: this.#options.home },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child = child;
    let partial = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) this.#line(line);
    });
    child.once('exit', (code, signal) => this.#ended(child, code, signal));
  }

  #line(line: string): void {
    this.log = `${this.log + line}\n`.slice(-2_000_000);
    this.#options.onLine?.(this.name, line);
    this.#waiting = this.#waiting.filter(({ text, done }) => {
      if (!line.includes(text)) return true;
      done();
      return false;
    });
  }

  #ended(child: ChildProcess, code: number | null, signal: string | null): void {
    this.lastExit = signal ?? String(code);
    if (this.child === child) this.child = undefined;
    if (this.#stopping || !this.#options.restart) return;
    if (Date.now() - this.#startedAt > LIVED_MS) this.#pause = RESTART_MS_FIRST;
    this.#line(`${this.name} ended (${this.lastExit}); it is started again in ${this.#pause} ms`);
    setTimeout(() => {
      if (!this.#stopping) this.start();
    }, this.#pause).unref();
    this.#pause = Math.min(this.#pause * 2, RESTART_MS_MAX);
  }

  /** Settles when a line with `text` is written after now, or was written before if `past`; fails after a while. */
  saw(text: string, past = true, ms = SAW_MS_MAX): Promise<void> {
    if (past && this.log.includes(text)) return Promise.resolve();
    return new Promise((done, fail) => {
      const late = setTimeout(
        () =>
          fail(
            new Error(`${this.name} did not say "${text}" in ${ms} ms; it said:\n${this.log.slice(-3000)}`),
          ),
        ms,
      );
      this.#waiting.push({
        text,
        done: () => {
          clearTimeout(late);
          done();
        },
      });
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#stopping = true;
    const child = this.child;
    if (!child) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    await ended;
    clearTimeout(late);
  }

  /** `kill -9`; a service that is to be restarted comes back by itself. */
  async kill(): Promise<void> {
    const child = this.child;
    if (!child) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await ended;
  }
}

export class Anchor {
  readonly home: string;
  readonly options: AnchorOptions;
  readonly services: Record<ServiceName, Service>;

  constructor(options: AnchorOptions) {
    this.options = options;
    this.home = options.home;
    this.services = Object.fromEntries(SERVICES.map((name) => [name, new Service(name, options)])) as Record<
      ServiceName,
      Service
    >;
  }

  /** policy makes the Mac's keys: it comes first, and the rest after `adopt`. */
  async keys(): Promise<{ mac: string; linkKey: string }> {
    mkdirSync(this.home, { recursive: true, mode: 0o700 });
    if (!this.services.policy.child) this.services.policy.start();
    const file = join(this.home, 'keys', 'link.pub');
    await this.#until(() => existsSync(file), 'policy');
    const raw = Buffer.from(readFileSync(join(this.home, 'keys', 'mac.pub'), 'utf8'), 'base64url');
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', raw));
    return {
      mac: Buffer.from(hash.subarray(0, 16)).toString('base64url'),
      linkKey: readFileSync(file, 'utf8'),
    };
  }

  start(): void {
    for (const name of SERVICES) if (!this.services[name].child) this.services[name].start();
  }

  /** Settles when `zane` can speak to supervisor. */
  async listening(): Promise<void> {
    await this.#until(() => existsSync(join(this.home, 'run', 'admin.sock')), 'supervisor');
  }

  async stop(): Promise<void> {
    await Promise.all(SERVICES.map((name) => this.services[name].stop()));
  }

  async #until(condition: () => boolean, service: ServiceName): Promise<void> {
    mkdirSync(join(this.home, 'run'), { recursive: true, mode: 0o700 });
    mkdirSync(join(this.home, 'keys'), { recursive: true, mode: 0o700 });
    await new Promise<void>((done, failed) => {
      const check = (): void => {
        if (condition()) finish(done);
        else if (!this.services[service].child)
          finish(() => failed(new Error(`${service} ended:\n${this.services[service].log}`)));
      };
      const watchers = ['run', 'keys'].map((folder) => watch(join(this.home, folder), check));
      // A watch may miss what happened while it was set up, and an exit makes no file.
      const again = setInterval(check, 100);
      const finish = (then: () => void): void => {
        for (const watcher of watchers) watcher.close();
        clearInterval(again);
        then();
      };
      check();
    });
  }
}

/** A value as TOML writes it. */
function toml(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(toml).join(', ')}]` : JSON.stringify(value);
}

export type Settings = Record<string, Record<string, string | number | string[] | undefined>>;

/** zane.toml of `sections`, with `hooks` as [[hook]] tables. */
export function writeConfig(home: string, sections: Settings, hooks: Record<string, string>[] = []): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const table = (entries: Record<string, unknown>): string =>
    Object.entries(entries)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key} = ${toml(value)}\n`)
      .join('');
  const text =
    Object.entries(sections)
      .map(([name, entries]) => `[${name}]\n${table(entries)}`)
      .join('\n') + hooks.map((hook) => `\n[[hook]]\n${table(hook)}`).join('');
  const fd = openSync(join(home, 'zane.toml'), 'w', 0o600);
  writeFileSync(fd, text);
  closeSync(fd);
}
