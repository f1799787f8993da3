// Runs the real bundle in a real, bare workerd with a private state folder: for
// orbit's tests, tests/ and script/. Not for building it: `npm run build` does.
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';

const root = resolve(import.meta.dirname, '../..');
const bundle = join(root, 'build/orbit/worker.js');
/** The binary itself: `.bin/workerd` is a Node script that keeps signals and descriptors to itself. */
const workerd = (createRequire(import.meta.url)('workerd') as { default: string }).default;
/** A cold start on a busy machine takes about a second. */
const START_MS_MAX = 30_000;
const LOG_CHARS_MAX = 1_000_000;
const PORT_TRIES_MAX = 5;
const CONTROL_FD = 3;

/** Every workerd that runs: a test process that ends early takes its own with it. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface OrbitOptions {
  /** Listen here; a free port by default. It stays the same over restarts. */
  port?: number;
  /** PEM files: then Orbit speaks https and wss only. */
  tls?: { certFile: string; keyFile: string };
  /** Over ORBIT_SECRET and ORBIT_ORIGIN, which have working defaults; undefined leaves one out. */
  env?: Record<string, string | undefined>;
  /** Where the Durable Objects live. By default a folder of its own, removed by `stop`. */
  stateDir?: string;
  /** The built client; an empty folder by default. */
  assetsDir?: string;
}

export class OrbitProcess {
  readonly port: number;
  /** What the browser opens and what `ORBIT_ORIGIN` says by default: http(s)://localhost:port. */
  readonly origin: string;
  /** Where to connect: by address, as `localhost` may be IPv6 first. */
  readonly url: string;
  readonly wsUrl: string;
  readonly secret: string;
  readonly stateDir: string;
  /** Everything workerd has said, over all restarts. */
  log = '';
  readonly #options: OrbitOptions;
  readonly #ownsState: boolean;
  #child: ChildProcess | undefined;
  #ending = false;
  /** `stop` was called. */
  over = false;
  /** Told when workerd ends though nobody here ended it. */
  onEnd: ((why: string) => void) | undefined;

  constructor(port: number, options: OrbitOptions) {
    this.port = port;
    this.#options = options;
    const scheme = options.tls ? 'https' : 'http';
    this.origin = options.env?.['ORBIT_ORIGIN']?.split(',')[0] ?? `${scheme}://localhost:${port}`;
    this.url = `${scheme}://127.0.0.1:${port}`;
    this.wsUrl = this.url.replace(/^http/, 'ws');
    this.secret = options.env?.['ORBIT_SECRET'] ?? randomBytes(32).toString('hex');
    this.#ownsState = options.stateDir === undefined;
    this.stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), 'orbit-'));
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts workerd; settles once it listens, or throws with what it said. */
  async start(): Promise<void> {
    if (this.#child) throw new Error('orbit runs already: stop it first');
    const doDir = join(this.stateDir, 'do');
    const assetsDir = this.#options.assetsDir ?? join(this.stateDir, 'assets');
    mkdirSync(doDir, { recursive: true, mode: 0o700 });
    mkdirSync(assetsDir, { recursive: true });
    const child = spawn(
      workerd,
      [
        'serve',
        this.#configFile(),
        'config',
        '-I/',
        '--verbose',
        `--control-fd=${CONTROL_FD}`,
        '-s',
        `http=127.0.0.1:${this.port}`,
        '-d',
        `do=${doDir}`,
        '-d',
        `assets=${assetsDir}`,
      ],
      { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: this.#environment() },
    );
    this.#child = child;
    this.#ending = false;
    let listens = false;
    running.add(child);
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => this.#keep(chunk.toString()));
    child.once('exit', (code, signal) => {
      running.delete(child);
      if (this.#child === child) this.#child = undefined;
      if (listens && !this.#ending) this.onEnd?.(signal ?? String(code));
    });
    try {
      await listening(child);
      listens = true;
    } catch (error) {
      child.kill('SIGKILL');
      throw new Error(`workerd does not start: ${(error as Error).message}\n${this.log.slice(-2000)}`);
    }
  }

  /** Ends workerd and removes the state folder if it is this process's own. */
  async stop(): Promise<void> {
    this.over = true;
    // Not SIGTERM: workerd then waits for its WebSockets to end by themselves.
    await this.#end('SIGKILL');
    if (this.#ownsState) rmSync(this.stateDir, { recursive: true, force: true });
  }

  /** `kill -9`; the state stays for `start`. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** `kill -9`, then the same port and state again. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** SIGSTOP or SIGCONT and the like, for tests of a silent Orbit. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#ending = true;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    await ended;
  }

  #keep(text: string): void {
    this.log = (this.log + text).slice(-LOG_CHARS_MAX);
  }

  #environment(): NodeJS.ProcessEnv {
    const env: Record<string, string | undefined> = {
      ORBIT_SECRET: this.secret,
      ORBIT_ORIGIN: this.origin,
      ...this.#options.env,
    };
    return {
      PATH: process.env['PATH'],
      ...Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)),
    };
  }

  #configFile(): string {
    const base = join(root, 'orbit/workerd.capnp');
    const { tls } = this.#options;
    if (!tls) return base;
    const file = join(this.stateDir, 'workerd-tls.capnp');
    writeFileSync(
      file,
      `using Workerd = import "/workerd/workerd.capnp";
using Base = import ${JSON.stringify(base)};
const config :Workerd.Config = (
  services = Base.services,
  sockets = [(name = "http", service = "orbit", https = (options = (), tlsOptions = (keypair = (
    privateKey = embed ${JSON.stringify(resolve(tls.keyFile))},
    certificateChain = embed ${JSON.stringify(resolve(tls.certFile))}))))],
);
`,
      { mode: 0o600 },
    );
    return file;
  }
}

/** Starts an Orbit; the caller stops it. */
export async function startOrbit(options: OrbitOptions = {}): Promise<OrbitProcess> {
  checkBundle();
  for (let tries = 1; ; tries++) {
    const orbit = new OrbitProcess(options.port ?? (await freePort()), options);
    try {
      await orbit.start();
      return orbit;
    } catch (error) {
      await orbit.stop();
      // Another process may have taken the port between looking and listening.
      if (
        options.port !== undefined ||
        tries === PORT_TRIES_MAX ||
        !/address already in use/i.test((error as Error).message)
      )
        throw error;
    }
  }
}

/** Makes a self-signed certificate for localhost and 127.0.0.1 in `dir`, with openssl. */
export function makeCertificate(dir: string): { certFile: string; keyFile: string } {
  const [certFile, keyFile] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ],
    { stdio: 'pipe' },
  );
  return { certFile, keyFile };
}

/** workerd says on the control descriptor when a socket listens. */
async function listening(child: ChildProcess): Promise<void> {
  const control = child.stdio[CONTROL_FD] as Readable;
  await new Promise<void>((done, fail) => {
    let text = '';
    const timer = setTimeout(() => fail(new Error(`no socket after ${START_MS_MAX} ms`)), START_MS_MAX);
    const settle = (error?: Error) => {
      clearTimeout(timer);
      if (error) fail(error);
      else done();
    };
    child.once('error', settle);
    // Not `exit`: what it said last is still to be read then.
    child.once('close', (code) => settle(new Error(`it ended with ${code}`)));
    control.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('"event":"listen"')) settle();
    });
  });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

/** A test of an old bundle proves nothing. */
function checkBundle(): void {
  if (!existsSync(bundle)) throw new Error('there is no build/orbit/worker.js: run `script/build dev`');
  const built = statSync(bundle).mtimeMs;
  for (const dir of ['orbit/src', 'proto/ts'])
    for (const name of readdirSync(join(root, dir)))
      if (!name.endsWith('.test.ts') && statSync(join(root, dir, name)).mtimeMs > built)
        throw new Error(`build/orbit/worker.js is older than ${dir}/${name}: run \`npm run build\``);
}
