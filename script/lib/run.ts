// What script/run does once all is built: settings, a local Orbit in workerd,
// the four services (started again when they die), the enrolment link. In the
// foreground; Ctrl-C ends all of it, Codex too if supervisor started it.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startOrbit } from '../../orbit/tool/orbit-process.ts';
import type { OrbitProcess } from '../../orbit/tool/orbit-process.ts';
import { mintUser, operatorToken } from '../../orbit/src/secrets.ts';
import { startModel } from '../../tests/model/server.ts';
import { codexBinary, writeCodexHome } from '../../tests/model/codex-home.ts';
import { Anchor, root, writeConfig } from './anchor.ts';
import { account, installedCodex } from './codex.ts';
import { findReach } from './reach.ts';

const run = promisify(execFile);
const USAGE = `usage: script/run [--demo] [--verbose]
  --demo      a scripted model instead of a real one: no account is needed, nothing leaves this machine
  --verbose   show the log lines of all services
ZANE_HOME   where Zane keeps its data        ZANE_PORT   the local port (8787)
ZANE_PUBLIC_URL   the https address at which a phone reaches that port`;

/** How long a Codex may take to end its turns at Ctrl-C. */
const CODEX_END_MS = 2_000;
/** Between the ends of Orbit and its new starts. */
const RESTART_MS_FIRST = 200;
const RESTART_MS_MAX = 10_000;

class Failure extends Error {}

function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

function flags(): { demo: boolean; verbose: boolean } {
  const given = process.argv.slice(2);
  if (given.includes('--help') || given.includes('-h')) {
    say(USAGE);
    process.exit(0);
  }
  const unknown = given.find((flag) => flag !== '--demo' && flag !== '--verbose');
  if (unknown) {
    process.stderr.write(`script/run: unknown argument \`${unknown}\`\n${USAGE}\n`);
    process.exit(64);
  }
  return { demo: given.includes('--demo'), verbose: given.includes('--verbose') };
}

function defaultHome(): string {
  return process.platform === 'darwin'
    ? join(homedir(), 'Library/Application Support/Zane')
    : join(homedir(), '.zane');
}

/** A secret of this home, made once, readable by its owner alone. */
async function kept(home: string, name: string, make: () => string | Promise<string>): Promise<string> {
  const file = join(home, 'keys', name);
  if (!existsSync(file)) {
    mkdirSync(join(home, 'keys'), { recursive: true, mode: 0o700 });
    writeFileSync(file, await make(), { mode: 0o600, flag: 'wx' });
  }
  return readFileSync(file, 'utf8').trim();
}

/** `folders`: where tasks may start, offered in the client. */
interface CodexChoice {
  binary: string;
  home?: string;
  folders?: string[];
  demo: boolean;
  why: string;
}

async function chooseCodex(
  home: string,
  wantDemo: boolean,
  closers: (() => Promise<void>)[],
): Promise<CodexChoice> {
  const own = installedCodex(process.env);
  const binary = own ?? codexBinary();
  const found = wantDemo ? undefined : await account(binary, process.env);
  if (found && (found.loggedIn || !found.needsLogin)) {
    if (!found.loggedIn) say('Codex is used as it is, with its own model provider.');
    return { binary, demo: false, why: '' };
  }
  const why = wantDemo
    ? 'you asked for the demo'
    : own
      ? found
        ? 'your Codex is not logged in: run `codex login`'
        : `\`${own} app-server\` does not answer: run \`codex\` and see`
      : 'no Codex is installed: `brew install codex`, then `codex login`';
  const model = await startModel({ scenario: join(root, 'tests/scenarios/demo.scenario') });
  closers.push(async () => {
    await model.close();
  });
  const codexHome = join(home, 'demo-codex');
  writeCodexHome(codexHome, model);
  // A place to play in, so that nobody has to think of one for a demo.
  const project = join(root, 'build/demo-project');
  mkdirSync(project, { recursive: true });
  return { binary, home: codexHome, folders: [project], demo: true, why };
}

function settings(
  home: string,
  port: number,
  user: string,
  publicUrl: string | undefined,
  codex: CodexChoice,
): void {
  const file = join(home, 'zane.toml');
  const mine = join(home, '.zane.toml.by-script-run');
  // A file that somebody has changed is theirs: it stays as it is.
  if (existsSync(file) && !(existsSync(mine) && readFileSync(mine, 'utf8') === readFileSync(file, 'utf8'))) {
    const text = readFileSync(file, 'utf8');
    if (!text.includes(user))
      throw new Failure(
        `\`${file}\` is your own and does not name this Orbit's user: set \`user = "${user}"\` and \`url = "http://localhost:${port}"\` under [orbit]`,
      );
    return;
  }
  writeConfig(home, {
    orbit: { url: `http://localhost:${port}`, user, public_url: publicUrl },
    codex: { binary: codex.binary, home: codex.home },
    ...(codex.folders ? { policy: { folders: codex.folders } } : {}),
  });
  writeFileSync(mine, readFileSync(file));
}

/** As the services, Orbit is started again when it ends by itself: on its port, with its state. */
function keepUp(orbit: OrbitProcess): void {
  let pause = RESTART_MS_FIRST;
  const again = (why: string): void => {
    say(`Orbit ended (${why}); it is started again in ${pause} ms`);
    setTimeout(() => {
      // `stop` may have been called meanwhile: then it is not to come back.
      if (orbit.over) return;
      orbit.start().then(
        () => {
          pause = RESTART_MS_FIRST;
        },
        (error: unknown) => again(String(error).split('\n')[0] ?? ''),
      );
    }, pause).unref();
    pause = Math.min(pause * 2, RESTART_MS_MAX);
  };
  orbit.onEnd = again;
}

async function adopt(
  orbit: OrbitProcess,
  secret: string,
  user: string,
  mac: string,
  key: string,
): Promise<void> {
  const answer = await fetch(`${orbit.url}/api/users/${user}/macs/${mac}`, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${await operatorToken(secret, user, mac, key)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ name: 'this Mac', key }),
  });
  if (!answer.ok)
    throw new Failure(`the local Orbit does not take this Mac (${answer.status}): ${await answer.text()}`);
}

async function printLink(
  zane: string,
  home: string,
  origin: string,
  reachable: boolean,
  advice: string | undefined,
): Promise<void> {
  const pair = async (...flags: string[]): Promise<string> =>
    (await run(zane, ['pair', ...flags], { env: { ...process.env, ZANE_HOME: home } })).stdout;
  if (reachable) {
    // The console draws the code, as it does for every later phone; it measures the
    // window itself, so it gets it.
    say();
    await new Promise<void>((done, failed) => {
      spawn(zane, ['pair'], {
        env: { ...process.env, ZANE_HOME: home },
        stdio: ['ignore', 'inherit', 'inherit'],
      })
        .once('error', failed)
        .once('exit', (code) => {
          if (code === 0) done();
          else failed(new Failure('`zane pair` made no link'));
        });
    });
    say();
  } else {
    const { url } = JSON.parse(await pair('--json')) as { url: string };
    say(
      `\nOpen this link in a browser on this machine. It pairs one device, once, within 15 minutes:\n\n  ${url}\n\nFor a real phone: ${advice}.\n`,
    );
  }
  say(
    `Later: ${origin} opens the client, \`${zane} pair\` pairs another device, \`${zane} status\` says how all is.`,
  );
}

async function main(): Promise<void> {
  const { demo: wantDemo, verbose } = flags();
  const port = Number(process.env['ZANE_PORT'] ?? 8787);
  const base = process.env['ZANE_HOME'] || defaultHome();
  const home = wantDemo && !process.env['ZANE_HOME'] ? join(root, 'build/demo-home') : base;
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const closers: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopping ??= (async () => {
      for (const close of closers.reverse())
        await close().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
    })());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      say('\nstopping…');
      void stop().then(() => process.exit(0));
    });

  try {
    const secret = await kept(home, 'orbit.secret', () => randomBytes(32).toString('hex'));
    const user = await kept(home, 'orbit.user', () => mintUser(secret));
    const reach = findReach(port, process.env);
    const local = `http://localhost:${port}`;
    // One origin: passkeys and cookies of an https name are no good on plain http.
    const origin = reach.origin ?? local;
    const orbit = await startOrbit({
      port,
      stateDir: join(home, 'orbit'),
      assetsDir: join(root, 'build/web'),
      env: { ORBIT_SECRET: secret, ORBIT_ORIGIN: origin },
    }).catch((error: unknown) => {
      const busy = String(error).includes('in use');
      throw new Failure(
        busy ? `port ${port} is busy: stop what uses it, or set ZANE_PORT to another one` : String(error),
      );
    });
    closers.push(() => orbit.stop());
    keepUp(orbit);

    const codex = await chooseCodex(home, wantDemo, closers);
    settings(home, port, user, reach.origin, codex);
    const bin = join(root, 'build', process.env['ZANE_PRESET'] ?? 'release', 'bin');
    const zane = join(bin, 'zane');
    const anchor = new Anchor({
      home,
      bin,
      restart: true,
      onLine: (service, line) => {
        if (verbose || / (error|critical) /.test(line) || line.includes('it is started again'))
          say(`${service}: ${line}`);
      },
    });
    closers.push(async () => {
      const status = await run(zane, ['status', '--json'], { env: { ...process.env, ZANE_HOME: home } }).then(
        (done) => done.stdout,
        (failed: { stdout?: string }) => failed.stdout ?? '',
      );
      await anchor.stop();
      await endCodex(status);
    });
    const { mac, linkKey } = await anchor.keys();
    await adopt(orbit, secret, user, mac, linkKey);
    anchor.start();
    await Promise.all([
      anchor.listening(),
      anchor.services.relay.saw(' linked '),
      anchor.services.supervisor.saw(' codex_'),
    ]);
    if (codex.demo) say(`\n*** DEMO: a scripted model answers, not a real one (${codex.why}). ***`);
    await printLink(zane, home, origin, reach.origin !== undefined, reach.advice);
    say('Ctrl-C ends everything.');
  } catch (error) {
    process.stderr.write(
      `script/run: ${error instanceof Failure ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    await stop();
    process.exit(1);
  }
}

/** Codex outlives supervisor by design; a run in the foreground takes it along. It waits for its turns at the first signal: a second one, that can't be ignored, follows. */
async function endCodex(statusJson: string): Promise<void> {
  let pid = 0;
  try {
    const status = JSON.parse(statusJson) as { parts: { name: string; pid: string }[] };
    pid = Number(status.parts.find((part) => part.name === 'codex')?.pid ?? 0);
  } catch {
    /* supervisor did not say: there is none */
  }
  if (pid <= 1) return;
  const signal = (name: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(pid, name);
    } catch {
      return false;
    }
  };
  signal('SIGTERM');
  const began = Date.now();
  // Gone, or killed and not yet buried: as process 1 of a container nobody does that.
  while (signal(0) && Date.now() < began + 2 * CODEX_END_MS) {
    if (Date.now() > began + CODEX_END_MS) signal('SIGKILL');
    await new Promise((again) => setTimeout(again, 50));
  }
}

await main();
