// The README's first command, after its build: everything up from an empty home,
// a service that is killed comes back, Ctrl-C leaves nothing behind, a busy port
// is named. Runs the demo, as CI has no Codex account.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { root } from '../../script/lib/anchor.ts';
import { servedName } from '../../script/lib/reach.ts';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import { Screen } from '../harness/phone-screen.ts';
import { preset, until } from '../harness/world.ts';

const home = join(root, 'build', 'w', `run-${randomBytes(3).toString('hex')}`);
after(() => rmSync(home, { recursive: true, force: true }));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

function start(port: number, env: Record<string, string> = {}): { child: ChildProcess; said: () => string; ended: Promise<number | null> } {
  let text = '';
  const child = spawn(process.execPath, [join(root, 'script/lib/run.ts'), '--demo', '--verbose'], {
    env: { ...process.env, ZANE_HOME: home, ZANE_PORT: String(port), ZANE_PRESET: preset, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream!.on('data', (data: Buffer) => { text += data.toString(); });
  return { child, said: () => text, ended: new Promise((done) => child.once('exit', (code) => done(code))) };
}

const pidsOf = (log: string): number[] => [...log.matchAll(/codex_started pid=(\d+)/g)].map((match) => Number(match[1]));
const lives = (pid: number): boolean => { try { process.kill(pid, 0); return true; } catch { return false; } };

test('everything comes up, says that it is a demo, and a browser gets in', async (t) => {
  const port = await freePort();
  const run = start(port);
  t.after(() => { if (run.child.exitCode === null) run.child.kill('SIGTERM'); return run.ended; });
  const link = await until('the link is printed', () => /http:\/\/localhost:\d+\/#enroll=\S+/.exec(run.said())?.[0], 60_000);
  assert.match(run.said(), /DEMO: a scripted model answers, not a real one/);
  assert.match(run.said(), /For a real phone: /);
  assert.doesNotMatch(run.said(), /▀|▄/, 'no QR code for an address that no phone can reach');

  const second = start(port);
  assert.equal(await second.ended, 1);
  assert.match(second.said(), /port \d+ is busy: stop what uses it, or set ZANE_PORT/);

  const browser = await startBrowser();
  t.after(() => browser.close());
  const phone = await openPhone(browser);
  await enrol(phone, link);
  const screen = new Screen(phone.page);
  await screen.startTask({ prompt: 'show me' });
  await screen.agent(/This is a demo: a scripted model is answering/).first().waitFor();

  const before = run.said().length;
  const policy = Number(/policy ready.*/.exec(run.said()) && (await status()).find((part) => part.name === 'policy')!.pid);
  process.kill(policy, 'SIGKILL');
  await until('policy is started again', () => /policy: .*\bready\b/.test(run.said().slice(before)));
  await until('and is well', async () => (await status()).every((part) => part.state === 'ready'));

  const codex = pidsOf(run.said());
  assert.equal(codex.length, 1);
  run.child.kill('SIGINT');
  assert.equal(await run.ended, 0);
  await until('Codex is gone too', () => !lives(codex[0]!));
  assert.equal(existsSync(join(home, 'run/admin.sock')), false);
});

test('with an address that a phone can reach it prints a QR code of the link', async (t) => {
  const run = start(await freePort(), { ZANE_PUBLIC_URL: 'https://mac.example.test' });
  t.after(() => { if (run.child.exitCode === null) run.child.kill('SIGTERM'); return run.ended; });
  await until('all is printed', () => run.said().includes('Ctrl-C ends everything.'), 60_000);
  assert.match(run.said(), /https:\/\/mac\.example\.test\/#enroll=/);
  assert.match(run.said(), /[▀▄█]{10}/);
});

test('a Tailscale name counts only if it serves our port', () => {
  const serving = (proxy: string) => ({ Web: { 'mac.tail1.ts.net:443': { Handlers: { '/': { Proxy: proxy } } } } });
  assert.equal(servedName(serving('http://127.0.0.1:8787'), 8787), 'mac.tail1.ts.net');
  assert.equal(servedName(serving('http://127.0.0.1:3000'), 8787), undefined);
  assert.equal(servedName({}, 8787), undefined);
  assert.equal(servedName(null, 8787), undefined);
});

async function status(): Promise<{ name: string; state: string; pid: string }[]> {
  const zane = spawn(join(root, 'build', preset, 'bin/zane'), ['status', '--json'], { env: { ...process.env, ZANE_HOME: home }, stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  zane.stdout.on('data', (data: Buffer) => { text += data.toString(); });
  await new Promise((done) => zane.once('close', done));
  return text ? JSON.parse(text).parts : [{ name: 'supervisor', state: 'down', pid: '0' }];
}
