// A whole Zane for one test file: real Orbit in workerd, real services, real
// Codex with the scripted model, in folders of its own. Nothing here is shared
// between worlds but the binaries.
import { execFile, spawnSync } from 'node:child_process';
import type { ExecFileException } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { mintUser, operatorToken } from '../../orbit/src/secrets.ts';
import { startOrbit } from '../../orbit/tool/orbit-process.ts';
import type { OrbitOptions, OrbitProcess } from '../../orbit/tool/orbit-process.ts';
import { Anchor, root, SLOWER, writeConfig } from '../../script/lib/anchor.ts';
import type { AnchorOptions, Settings } from '../../script/lib/anchor.ts';
import { codexBinary, writeCodexHome } from '../model/codex-home.ts';
import { startModel } from '../model/server.ts';

export type Model = Awaited<ReturnType<typeof startModel>>;
export const preset = process.env['ZANE_PRESET'] ?? 'dev';
export const bin = join(root, 'build', preset, 'bin');

/** For `skip` of the few tests that need another user or a network namespace; CI runs as root on Linux, so none is left out there. */
export const needsRoot: string | false =
  process.platform === 'linux' && process.getuid?.() === 0 ? false : 'needs root on Linux';

export interface WorldOptions {
  scenario?: string;
  /** An Orbit that runs already: then this world is another user of it. */
  orbit?: OrbitProcess;
  orbitOptions?: OrbitOptions;
  settings?: (world: World) => Settings;
  hooks?: (world: World) => Record<string, string>[];
  anchor?: Partial<AnchorOptions>;
  /** A scripted model that runs already; `world.model` is then not the one that answers. */
  modelBaseUrl?: string;
  /** False: relay is not expected to reach Orbit. */
  waitForLink?: boolean;
  /** False: a Codex that does not come up is what the test is about. */
  waitForCodex?: boolean;
  /** More of Codex's own configuration: see `extra` of writeCodexHome. */
  codexExtra?: string;
  /** Another program instead of the real Codex. */
  codexBinary?: string;
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export class World {
  readonly folder: string;
  readonly home: string;
  readonly work: string;
  readonly codexHome: string;
  orbit!: OrbitProcess;
  model!: Model;
  anchor!: Anchor;
  user = '';
  mac = '';
  readonly #closers: (() => Promise<void> | void)[] = [];

  private constructor() {
    // Short: a socket's path has 103 bytes on macOS.
    this.folder = join(root, 'build', 'w', randomBytes(4).toString('hex'));
    this.home = join(this.folder, 'h');
    this.work = join(this.folder, 'work');
    this.codexHome = join(this.folder, 'codex');
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const world = new World();
    try {
      await world.#start(options);
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  async #start(options: WorldOptions): Promise<void> {
    // Commands run in a login shell: this machine's own set-up takes no part in it.
    const userHome = join(this.folder, 'user');
    for (const folder of [this.home, this.work, this.codexHome, userHome])
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#closers.push(() => {
      removeMarks(this.home);
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    });
    const model = await startModel({
      scenario: options.scenario ?? join(root, 'tests/scenarios/journey.scenario'),
    });
    this.model = model;
    this.#closers.push(async () => {
      await model.close();
    });
    writeCodexHome(this.codexHome, {
      baseUrl: options.modelBaseUrl ?? model.baseUrl,
      ...(options.codexExtra === undefined ? {} : { extra: options.codexExtra }),
    });
    if (options.orbit) {
      this.orbit = options.orbit;
    } else {
      const orbit = await startOrbit({ assetsDir: join(root, 'build/web'), ...options.orbitOptions });
      this.orbit = orbit;
      this.#closers.push(() => orbit.stop());
    }
    this.user = await mintUser(this.orbit.secret);
    const settings = options.settings?.(this) ?? {};
    writeConfig(
      this.home,
      {
        ...settings,
        mac: { name: 'Test Mac', ...settings['mac'] },
        codex: { binary: options.codexBinary ?? codexBinary(), home: this.codexHome, ...settings['codex'] },
        orbit: { url: this.orbit.origin, user: this.user, ...settings['orbit'] },
      },
      options.hooks?.(this) ?? [],
    );
    this.anchor = new Anchor({
      home: this.home,
      bin,
      ...options.anchor,
      env: { ZANE_LOG: 'info', HOME: userHome, ...options.anchor?.env },
    });
    this.#closers.push(() => this.#stopAnchor());
    const { mac, linkKey } = await this.anchor.keys();
    this.mac = mac;
    await this.register(linkKey);
    this.anchor.start();
    const linked = options.waitForLink === false ? undefined : this.anchor.services.relay.saw(' linked ');
    const ready =
      options.waitForCodex === false ? undefined : this.anchor.services.supervisor.saw(' codex_ready ');
    await Promise.all([this.anchor.listening(), linked, ready]);
  }

  async register(linkKey: string): Promise<void> {
    const answer = await fetch(`${this.orbit.url}/api/users/${this.user}/macs/${this.mac}`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${await operatorToken(this.orbit.secret, this.user, this.mac, linkKey)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ name: 'Test Mac', key: linkKey }),
    });
    if (!answer.ok) throw new Error(`orbit did not register the Mac: ${await answer.text()}`);
  }

  /** `zane` with these arguments; never throws for its exit code. */
  zane(...args: string[]): Promise<Ran> {
    return new Promise((done) => {
      execFile(
        join(bin, 'zane'),
        args,
        { env: { ...process.env, ZANE_HOME: this.home }, timeout: 60_000 * SLOWER },
        (error: ExecFileException | null, stdout, stderr) =>
          done({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
      );
    });
  }

  async json(...args: string[]): Promise<any> {
    const ran = await this.zane(...args, '--json');
    if (ran.code !== 0) throw new Error(`zane ${args.join(' ')} ended with ${ran.code}: ${ran.stderr}`);
    return JSON.parse(ran.stdout);
  }

  /** A fresh enrolment link. */
  async link(): Promise<string> {
    return (await this.json('pair')).url as string;
  }

  async codexPid(): Promise<number> {
    const ran = await this.zane('status', '--json');
    const parts = ran.stdout
      ? (JSON.parse(ran.stdout) as { parts: { name: string; pid: string }[] }).parts
      : [];
    return Number(parts.find((part) => part.name === 'codex')?.pid ?? 0);
  }

  /** Secret of a hook, in a file as zane.toml names it: in $ZANE_HOME, as one elsewhere is not taken. */
  secretFile(name: string, secret: string): string {
    mkdirSync(join(this.home, 'keys'), { recursive: true, mode: 0o700 });
    const file = join(this.home, 'keys', name);
    writeFileSync(file, secret, { mode: 0o600 });
    return file;
  }

  async #stopAnchor(): Promise<void> {
    const peer = (await this.codexPid()) || this.#notedPid();
    // A test that stands between supervisor and Codex is what supervisor sees.
    const pid = peer === process.pid ? 0 : peer;
    await this.anchor.stop();
    // Codex outlives supervisor by design; this world's is ours to end, with its helpers, which share the session that supervisor gave it.
    if (pid > 1) spawnSync('pkill', ['-KILL', '-s', String(pid)]);
    if (pid > 1)
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        /* gone already */
      }
  }

  /** What supervisor noted, for a test that has stopped it: the Codex that it started. */
  #notedPid(): number {
    const file = join(this.home, 'run/codex.pid');
    const pid = existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : 0;
    if (process.platform !== 'linux' || pid <= 1) return 0;
    try {
      // The number may be another's by now.
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`CODEX_HOME=${this.codexHome}`) ? pid : 0;
    } catch {
      return 0;
    }
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

/** The stores' marks are outside of the home (lib/journal/mark.h). */
function removeMarks(home: string): void {
  const its = `zane-${createHash('sha256').update(realpathSync(home)).digest('hex').slice(0, 16)}.`;
  for (const folder of [process.env['XDG_RUNTIME_DIR'], '/dev/shm'])
    if (folder && existsSync(folder))
      for (const file of readdirSync(folder))
        if (file.startsWith(its)) rmSync(join(folder, file), { force: true });
}

/** Settles when `condition` gives something; it is asked again and again, up to a deadline. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 20_000,
): Promise<T> {
  const end = Date.now() + ms * SLOWER;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`in ${ms * SLOWER} ms it did not come true: ${what}`);
    await new Promise((again) => setTimeout(again, 20));
  }
}
