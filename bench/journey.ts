// One run: floods of the fake Codex through real services to a local subscriber
// and, through Orbit in workerd, to a phone; then the same floods through a bare
// relay. Prints a table. What is measured and how to read it: bench/README.md.
import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../script/lib/anchor.ts';
import { preset, World } from '../tests/harness/world.ts';
import type { Delayed } from './delays.ts';
import type { Order, PhoneStart, Word } from './phone.ts';
import { printReport } from './report.ts';
import type { Measured, Rest } from './report.ts';
import { pssMibOf, runSecondsOf, since, usageOf, wakeUpsOf } from './usage.ts';
import type { Usage } from './usage.ts';

const RATES = [1_000, 10_000];
const BYTES = 250;
const IDLE_S = 30;
const PHONES = 50;
const APPROVALS = 100;
const built = join(root, 'build', preset);
const fakeCodex = join(built, 'test-bin/fake_codex');

function seconds(): number {
  const [flag, value, ...rest] = process.argv.slice(2);
  if (flag === undefined) return 10;
  if (flag !== '--seconds' || !(Number(value) > 0) || rest.length > 0) {
    process.stderr.write('usage: bench/journey [--seconds N]\n');
    process.exit(64);
  }
  return Number(value);
}

/** A program whose lines are asked for one by one. */
class Tool {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(name: string, args: string[], env: Record<string, string> = {}) {
    this.child = spawn(join(built, 'bench-bin', name), args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.child.once('error', (error) => {
      process.stderr.write(`${error.message}\n`);
    });
    this.#lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done) throw new Error(`${this.child.spawnfile} ended with ${this.child.exitCode}`);
    return next.value;
  }
}

class PhoneProcess {
  readonly child = fork(join(import.meta.dirname, 'phone.ts'), { stdio: 'inherit' });

  /** Gives an order and waits for the word that ends it. */
  async order<Key extends 'ready' | 'measured' | 'opened' | 'many' | 'tapped'>(
    order: Order,
    key: Key,
  ): Promise<Extract<Word, Record<Key, unknown>>> {
    this.child.send(order);
    for (;;) {
      const [word] = (await once(this.child, 'message')) as [Word];
      if ('failed' in word) throw new Error(word.failed);
      // Its own page measures every flood, also those that others are asked about.
      if (key in word) return word as Extract<Word, Record<Key, unknown>>;
    }
  }
}

async function throughZane(
  world: World,
  phone: PhoneProcess,
  rate: number,
  lasting: number,
): Promise<Measured> {
  const subscriber = new Tool('local_subscriber', ['bus'], { ZANE_HOME: world.home });
  await subscriber.line();
  const { supervisor, policy, relay, webhook } = world.anchor.services;
  const pids: Record<string, number> = {
    'fake codex': await world.codexPid(),
    supervisor: supervisor.child!.pid!,
    policy: policy.child!.pid!,
    relay: relay.child!.pid!,
    webhook: webhook.child!.pid!,
    workerd: world.orbit.pid!,
    'phone driver': phone.child.pid!,
  };
  const readerEnded = usageAtEnd(subscriber.child.pid!);
  const before = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, usageOf(pid)]));
  const [{ measured }, local] = await Promise.all([
    phone.order({ flood: `flood ${rate} for ${lasting} of ${BYTES}` }, 'measured'),
    subscriber.line().then((line) => JSON.parse(line) as Delayed),
  ]);
  const used: Record<string, Usage> = {};
  for (const [name, pid] of Object.entries(pids)) used[name] = since(before[name]!, usageOf(pid));
  used['local subscriber'] = readerEnded();
  return { rate, sent: rate * lasting, local, phone: measured, used };
}

/** The services with a page's link and nothing to do. */
async function atRest(world: World, lasting: number): Promise<Rest[]> {
  const services = Object.entries(world.anchor.services).map(([name, service]) => ({
    name,
    pid: service.child!.pid!,
  }));
  // Longer than gRPC stays after the last console.
  await new Promise((rested) => setTimeout(rested, 8_000));
  const before = services.map(({ pid }) => ({ cpuS: runSecondsOf(pid), wakeUps: wakeUpsOf(pid) }));
  await new Promise((rested) => setTimeout(rested, lasting * 1000));
  return services.map(({ name, pid }, n) => ({
    name,
    cpuPercent: ((runSecondsOf(pid) - before[n]!.cpuS) / lasting) * 100,
    wakeUpsPerS: (wakeUpsOf(pid) - before[n]!.wakeUps) / lasting,
    pssMib: pssMibOf(pid),
  }));
}

/** The median of some pages that come to a turn of 100,000 events. */
async function openLongTurn(phone: PhoneProcess): Promise<number> {
  const flooded = phone.order({ flood: `flood 20000 for 5 of ${BYTES}` }, 'measured');
  await flooded;
  const times: number[] = [];
  for (let n = 0; n < 5; n++) times.push((await phone.order({ open: true }, 'opened')).opened);
  return times.sort((a, b) => a - b)[2]!;
}

/** 100,000 a second: what came to a local subscriber, and what is in the journal. */
async function asManyAsCome(world: World, phone: PhoneProcess): Promise<{ sent: number; local: Delayed }> {
  const subscriber = new Tool('local_subscriber', ['bus'], { ZANE_HOME: world.home });
  await subscriber.line();
  // The phone does not read this one: it would need a core of its own.
  const [line] = await Promise.all([
    subscriber.line(),
    phone.order({ flood: `flood 100000 for 5 of ${BYTES}` }, 'measured'),
  ]);
  return { sent: 500_000, local: JSON.parse(line) as Delayed };
}

async function throughBareRelay(folder: string, rate: number, lasting: number): Promise<Measured> {
  const [codexSocket, out] = [join(folder, `c${rate}`), join(folder, `o${rate}`)];
  const codex = spawn(fakeCodex, ['app-server', '--listen', `unix://${codexSocket}`], {
    env: { ...process.env, CODEX_HOME: folder },
    stdio: 'inherit',
  });
  try {
    while (!existsSync(codexSocket)) await new Promise((again) => setTimeout(again, 5));
    const relay = new Tool('bare_relay', [codexSocket, out, `flood ${rate} for ${lasting} of ${BYTES}`]);
    await relay.line();
    const ended = usageAtEnd(relay.child.pid!);
    const reader = new Tool('local_subscriber', ['plain', out]);
    const local = JSON.parse(await reader.line()) as Delayed;
    return {
      rate,
      sent: rate * lasting,
      local,
      used: { 'fake codex': usageOf(codex.pid!), 'bare relay': ended() },
    };
  } finally {
    codex.kill('SIGKILL');
  }
}

/** A process that ends by itself is looked at while it lives; the last look counts. */
function usageAtEnd(pid: number): () => Usage {
  let last: Usage = { cpuS: 0, rssMib: 0 };
  const look = (): void => {
    try {
      const now = usageOf(pid);
      // What is left of it before it is reaped has no memory.
      if (now.rssMib > 0) last = now;
    } catch {
      /* it has ended */
    }
  };
  const timer = setInterval(look, 50);
  return () => {
    clearInterval(timer);
    look();
    return last;
  };
}

async function main(): Promise<void> {
  const lasting = seconds();
  // What others do on this machine meanwhile is in every figure.
  const busy = loadavg()[0] ?? 0;
  const world = await World.start({ codexBinary: fakeCodex });
  const phone = new PhoneProcess();
  try {
    const start: PhoneStart = {
      port: world.orbit.port,
      origin: world.orbit.origin,
      stateDir: world.orbit.stateDir,
      mac: world.mac,
      link: await world.link(),
      cwd: world.work,
    };
    await phone.order({ start }, 'ready');
    const zane: Measured[] = [];
    const bare: Measured[] = [];
    const idle = await atRest(world, IDLE_S);
    for (const rate of RATES) zane.push(await throughZane(world, phone, rate, lasting));
    const opened = await openLongTurn(phone);
    const { many } = await phone.order(
      { phones: PHONES, flood: `flood 1000 for ${lasting} of ${BYTES}` },
      'many',
    );
    const { tapped } = await phone.order({ approvals: APPROVALS }, 'tapped');
    const ceiling = await asManyAsCome(world, phone);
    const codexPid = await world.codexPid();
    await world.anchor.stop();
    // It outlives supervisor; the baseline has one of its own.
    process.kill(codexPid, 'SIGKILL');
    for (const rate of RATES) bare.push(await throughBareRelay(world.folder, rate, lasting));
    if (
      !printReport(
        zane,
        bare,
        { idle, opened, many, tapped, ceiling, expected: PHONES * 1000 * lasting },
        { seconds: lasting, bytes: BYTES, preset, busy, cpus: cpus().length },
      )
    )
      process.exitCode = 1;
  } finally {
    phone.child.disconnect();
    await world.close();
  }
}

await main();
