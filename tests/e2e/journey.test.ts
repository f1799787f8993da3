// The main job, end to end, as a person with a phone does it: real Codex, real
// workerd, real Chromium with a virtual authenticator. One world for the file;
// each test is a task of its own.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import type { PhonePage } from '../harness/browser.ts';
import { Screen } from '../harness/phone-screen.ts';
import { until, World } from '../harness/world.ts';

const HOOK_SECRET = 'a secret of enough characters';
let world: World;
let browser: Browser;
let phone: PhonePage;
let screen: Screen;

before(async () => {
  const hooks = [
    { id: 'ci', name: 'CI', scheme: 'github', secret_file: '', cwd: '', prompt: 'say: from the hook' },
  ];
  world = await World.start({
    hooks: (w) =>
      hooks.map((hook) => ({ ...hook, secret_file: w.secretFile('hook.secret', HOOK_SECRET), cwd: w.work })),
  });
  browser = await startBrowser();
  phone = await openPhone(browser);
  await enrol(phone, await world.link());
  screen = new Screen(phone.page);
});
after(async () => {
  await browser?.close();
  await world?.close();
});

test('the Mac shows the phone that it learned', async () => {
  const { devices } = await world.json('devices');
  assert.equal(devices.length, 1);
  assert.equal(devices[0].role, 'owner');
  assert.match(devices[0].name, /Chrome/);
});

test('text streams in, and how long it took is measured', async (t) => {
  await phone.page.evaluate(() => {
    (globalThis as any).__zaneLatency = [];
  });
  await screen.startTask({
    folder: world.work,
    prompt: `slowly: ${Array.from({ length: 40 }, (_, i) => `word${i}`).join(' ')}`,
  });
  await screen.agent('word39').waitFor();
  const samples = await phone.page.evaluate(
    () => (globalThis as any).__zaneLatency as { emittedAtMs: number; shownAtMs: number }[],
  );
  const ms = samples.map((s) => s.shownAtMs - s.emittedAtMs).sort((a, b) => a - b);
  assert.ok(ms.length >= 10, `only ${ms.length} deltas were measured`);
  const at = (q: number): string => ms[Math.min(ms.length - 1, Math.floor(q * ms.length))]!.toFixed(1);
  t.diagnostic(
    `from Codex's emittedAtMs to the page's DOM: median ${at(0.5)} ms, 99th percentile ${at(0.99)} ms, of ${ms.length} deltas`,
  );
});

test('a command waits for approval with its exact words and folder; accepted, it ran', async () => {
  const file = join(world.work, 'accepted.txt');
  const command = `echo yes > ${file}`;
  await screen.startTask({ folder: world.work, prompt: `escalate: ${command}` });
  await screen.openApproval();
  const said = await screen.sheet().innerText();
  assert.ok(said.includes(command), said);
  assert.ok(said.includes(world.work), said);
  assert.ok(said.includes('the test needs it outside the sandbox'), said);
  assert.equal(existsSync(file), false);
  await screen.choose('accept');
  await screen.approval('applied').first().waitFor();
  await screen.agent('Output:').waitFor();
  assert.equal(readFileSync(file, 'utf8').trim(), 'yes');
});

test('declined, it did not run and the turn goes on', async () => {
  const file = join(world.work, 'declined.txt');
  await screen.startTask({ folder: world.work, prompt: `escalate: echo no > ${file}` });
  await screen.openApproval();
  await screen.choose('decline');
  await screen.approval('declined').first().waitFor();
  await screen.agent('I was not allowed to run it.').waitFor();
  assert.equal(existsSync(file), false);
});

test('a file change shows its diff; accepted, the file is there', async () => {
  const folder = join(world.work, 'patched');
  mkdirSync(folder);
  await screen.startTask({ folder, prompt: 'patch: note.txt', permissions: 'Read only' });
  await screen.openApproval();
  const said = await screen.sheet().innerText();
  assert.ok(said.includes('note.txt') && said.includes('first line') && said.includes('second line'), said);
  assert.equal(existsSync(join(folder, 'note.txt')), false);
  await screen.choose('accept');
  await screen.agent('The file is written.').waitFor();
  assert.equal(readFileSync(join(folder, 'note.txt'), 'utf8'), 'first line\nsecond line\n');
});

test('steer a running turn, then interrupt one', async () => {
  await screen.startTask({ folder: world.work, prompt: 'work: gate-1' });
  await screen.agent('Before the command.').waitFor();
  await screen.send('take the other road');
  await phone.page.locator('[data-item-type=user]', { hasText: 'take the other road' }).waitFor();
  world.model.release('gate-1');
  await screen.agent('Steered: take the other road').waitFor();

  await screen.startTask({ folder: world.work, prompt: 'long: gate-never' });
  await screen.agent('I am at it.').waitFor();
  await phone.page.getByRole('button', { name: 'Stop' }).click();
  await phone.page.locator('[data-turn-status=interrupted]').waitFor();
});

test('a terminal on the Mac: what is typed there runs', async () => {
  const { page } = phone;
  await screen.startTask({ folder: world.work, prompt: 'say hello' });
  await page.getByRole('link', { name: 'Terminal' }).click();
  await page.locator('[data-testid=terminal][data-terminal-state=running]').waitFor();
  await page.locator('[data-testid=terminal]').click();
  await page.keyboard.type('echo $((6*7))');
  await page.keyboard.press('Enter');
  await page.locator('[data-testid=terminal] .xterm-rows > div', { hasText: /^42\s*$/ }).waitFor();
  await page.keyboard.type('pwd');
  await page.keyboard.press('Enter');
  await page
    .locator('[data-testid=terminal] .xterm-rows', { hasText: world.work.split('/').at(-2)! })
    .waitFor();
});

test('a signed webhook starts one task, however often it comes; a bad signature none', async () => {
  const address = `${world.orbit.url}/hooks/${world.user}.ci`;
  const post = (body: string, secret: string): Promise<Response> =>
    fetch(address, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'x-github-event': 'push',
        'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      },
    });
  const count = async (): Promise<number> =>
    (await world.json('threads', '-n', '100')).threads.filter((t: { preview: string }) =>
      t.preview.includes('from the hook'),
    ).length;
  const webhook = world.anchor.services.webhook;
  const bad = webhook.saw('result=refused', false);
  assert.equal((await post('{"n":0}', 'not the secret, but as long')).status, 202);
  await bad;
  assert.equal(await count(), 0);

  const started = webhook.saw('delivery_result', false);
  assert.equal((await post('{"n":1}', HOOK_SECRET)).status, 202);
  await started;
  const again = webhook.saw('result=duplicate', false);
  assert.equal((await post('{"n":1}', HOOK_SECRET)).status, 202);
  await again;
  // Codex lists a thread once its first turn is stored.
  await until('its thread is listed', async () => (await count()) > 0);
  assert.equal(await count(), 1);
  await phone.page.goto(new URL('#/', phone.page.url()).href);
  await phone.page.locator('[data-thread-id]', { hasText: 'from the hook' }).first().waitFor();
});

test('the page is closed, Codex asks, the page is opened again: the approval is there', async () => {
  const file = join(world.work, 'later.txt');
  await phone.page.goto('about:blank');
  const { thread } = await world.json('start', '-C', world.work, `escalate: echo late > ${file}`);
  await until(
    'the approval is open on the Mac',
    async () => (await world.json('approvals')).approvals.length === 1,
  );
  await phone.page.goto(world.orbit.origin);
  await screen.openApproval();
  await screen.choose('accept');
  await until('the command ran', () => existsSync(file));
  await until('it reads applied', async () => {
    const rows = (await world.json('approvals', '--all')).approvals as { thread: string; state: string }[];
    return rows.some((row) => row.thread === thread && row.state === 'applied');
  });
});

test('two approvals at once in one thread, answered in reverse order from two clients', async () => {
  const [first, second] = [join(world.work, 'one.txt'), join(world.work, 'two.txt')];
  const { thread } = await world.json(
    'start',
    '-C',
    world.work,
    `two approvals: touch ${first} and touch ${second}`,
  );
  const rows = await until('both are open', async () => {
    const open = (await world.json('approvals')).approvals.filter(
      (row: { thread: string }) => row.thread === thread,
    );
    return open.length === 2 ? (open as { approval: string; summary: string }[]) : undefined;
  });
  const later = rows.find((row) => row.summary.includes(second))!;
  const earlier = rows.find((row) => row.summary.includes(first))!;
  await phone.page.goto(new URL(`#/thread/${thread}?approval=${later.approval}`, phone.page.url()).href);
  await screen.sheet().waitFor();
  assert.ok((await screen.sheet().innerText()).includes(second));
  await screen.choose('decline');
  const denied = await until('the later one is declined', async () =>
    (await world.json('approvals', '--all')).approvals.find(
      (row: { approval: string; state: string }) =>
        row.approval === later.approval && row.state === 'declined',
    ),
  );
  assert.match(denied.actor, /Chrome/);
  assert.equal((await world.zane('approve', earlier.approval)).code, 0);
  await until('the earlier one ran', () => existsSync(first));
  assert.equal(existsSync(second), false);
});

test('nothing was logged as an error in the page', () => {
  assert.deepEqual(phone.errors, []);
});
