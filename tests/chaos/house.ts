// The world that is shaken: real Codex behind a wire, real Orbit behind another,
// real services that are started again when they die, and a phone that does what
// the client's outbox does: the same signed bytes again until there is a final word.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../script/lib/anchor.ts';
import { NodePhone } from '../harness/node-phone.ts';
import type { Receipt, Signed } from '../harness/node-phone.ts';
import { World } from '../harness/world.ts';
import type { AppServerClient } from '../model/app-server-client.ts';
import { startCodex } from '../model/codex-process.ts';
import type { CodexProcess } from '../model/codex-process.ts';
import { startModel } from '../model/server.ts';
import { Wire } from './wire.ts';

export const SERVICES = ['supervisor', 'policy', 'relay', 'webhook'] as const;
export const HOOK_SECRET = 'a secret of enough characters';
/** Beyond it an order is stuck: relay's longest pause between two tries (60 s) and a little. */
export const TRUTH_MS_MAX = 75_000;
const RESEND_MS = 2_500;
/** As the client: Orbit gives up a line that is silent for 90 s. */
const PING_MS = 20_000;

/** What is written slowly: no word of it is like another. */
export const WORDS = Array.from({ length: 60 }, (_, n) => `w${n}`).join(' ');

const SCENARIO = `when the user says "mark {name} in {file}"
  say Marking.
  run echo {{name}} >> {{file}}
  say Marked.
when the user says "ask {name} in {file}"
  escalate echo {{name}} >> {{file}} because it is asked for
  say Asked.
when the user says "hook {rest}"
  run echo hooked >> {{rest}}
  say Hooked.
when the user says "watch {name}"
  say (at 12 deltas/s) ${WORDS}
  run echo {{name}} >> /dev/null
  say Watched.
when the user says "long {gate}"
  say (at 6 deltas/s) Waiting for the gate, and a steer that comes now cuts this off.
  wait for {{gate}}
  run echo between
  say On.
when steered "{words}"
  say Steered.
otherwise
  say Well.
`;

export class House {
  world!: World;
  phone!: NodePhone;
  codex!: CodexProcess;
  direct!: AppServerClient;
  codexWire!: Wire;
  orbitWire!: Wire;
  model!: Awaited<ReturnType<typeof startModel>>;
  readonly #closers: (() => Promise<void> | void)[] = [];

  static async open(): Promise<House> {
    const house = new House();
    try {
      await house.#open();
    } catch (error) {
      await house.close();
      throw error;
    }
    return house;
  }

  async #open(): Promise<void> {
    const file = join(root, 'build/chaos.scenario');
    mkdirSync(join(root, 'build'), { recursive: true });
    writeFileSync(file, SCENARIO);
    this.model = await startModel({ scenario: file });
    this.#closers.push(() => this.model.close());
    const profile = (name: string, base: string, folder: string): string[] => [
      '-c',
      `permissions.${name}.extends="${base}"`,
      '-c',
      `permissions.${name}.filesystem={"${folder}/closed"="deny"}`,
    ];
    this.codex = await startCodex({
      baseUrl: this.model.baseUrl,
      args: (folder) => [
        '-c',
        'default_permissions="zane"',
        ...profile('zane', ':workspace', folder),
        ...profile('zane-read-only', ':read-only', folder),
      ],
    });
    this.#closers.push(() => this.codex.stop());
    this.direct = await this.codex.connect('chaos');
    let orbitPort = 0;
    this.orbitWire = await Wire.open(0, () => ({ host: '127.0.0.1', port: orbitPort }), { messages: true });
    this.#closers.push(() => this.orbitWire.close());
    const socket = join(this.codex.folder, 'wire.sock');
    this.codexWire = await Wire.open(socket, () => ({ path: this.codex.socket }));
    this.#closers.push(() => this.codexWire.close());
    this.world = await World.start({
      settings: (world) => {
        orbitPort = world.orbit.port;
        return { codex: { socket }, orbit: { url: `http://127.0.0.1:${this.orbitWire.port}` } };
      },
      hooks: (world) => [
        {
          id: 'h',
          scheme: 'github',
          secret_file: world.secretFile('h.secret', HOOK_SECRET),
          cwd: this.codex.workspace,
          prompt: `hook ${this.evidence()}`,
        },
      ],
      anchor: { restart: true },
    });
    this.#closers.push(() => this.world.close());
    this.phone = await NodePhone.enrol(this.world, 'owner');
    const pings = setInterval(() => {
      if (this.phone.line.isOpen) this.phone.line.raw('ping');
    }, PING_MS);
    this.#closers.push(() => clearInterval(pings));
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  /** How the parts are, for whoever asks why something is stuck. */
  async health(): Promise<string> {
    const { stdout } = await this.world.zane('status', '--json');
    const parts = stdout
      ? (JSON.parse(stdout) as { parts: { name: string; state: string; message: string }[] }).parts
      : [];
    return (
      parts
        .map(({ name, state, message }) => `${name} ${state}${message ? ` (${message})` : ''}`)
        .join(', ') || 'the console says nothing'
    );
  }

  evidence(): string {
    return join(this.codex.workspace, 'evidence');
  }

  /** How often a name was written by a command that really ran. */
  marks(name: string): number {
    try {
      return readFileSync(this.evidence(), 'utf8')
        .split('\n')
        .filter((line) => line === name).length;
    } catch {
      return 0;
    }
  }

  /** Between two rounds: nobody waits for anything. */
  forget(): void {
    this.phone.line.forget();
  }

  /** As the client's outbox: attaches anew and sends the same bytes again, until there is a final word. */
  async order(
    method: string,
    params: unknown,
  ): Promise<{ receipt: Receipt | undefined; ms: number; signed: Signed }> {
    const signed = await this.phone.signed(method, params, { expiresAt: Date.now() + 3_600_000 });
    const began = performance.now();
    let receipt: Receipt | undefined;
    while (performance.now() - began < TRUTH_MS_MAX) {
      if (!this.phone.line.isOpen) this.phone.line = await this.phone.person.online();
      receipt = await this.#ask(signed);
      if (receipt && receipt.state !== 'undelivered') break;
      receipt = undefined;
      await this.#ask(
        await this.phone.signed('zane/attach', { protocol: { min: 1, max: 1 }, release: 'test' }),
      );
    }
    return { receipt, ms: performance.now() - began, signed };
  }

  async #ask(signed: Signed): Promise<Receipt | undefined> {
    const late = new Promise<undefined>((done) => setTimeout(() => done(undefined), RESEND_MS).unref());
    const answer = this.phone.receipt(this.phone.send(signed), signed).catch(() => undefined);
    const receipt = await Promise.race([answer, late]);
    if (receipt?.state === 'undelivered' || !this.phone.line.isOpen)
      await new Promise((again) => setTimeout(again, 100));
    return receipt;
  }

  /** Asks the console until it answers: it has no outbox. */
  async console(...args: string[]): Promise<any> {
    for (const end = performance.now() + TRUTH_MS_MAX; ; ) {
      const ran = await this.world.zane(...args, '--json');
      if (ran.code === 0) return JSON.parse(ran.stdout);
      if (performance.now() > end) throw new Error(`zane ${args.join(' ')}: ${ran.stderr}`);
    }
  }
}
