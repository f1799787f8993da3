// All threads of this Codex home are found again: by pages, by what was said in them, after they were renamed or
// archived; and a hit opens at its place. Real Codex, real workerd, real Chromium.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import type { PhonePage } from '../harness/browser.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { Screen } from '../harness/phone-screen.ts';
import { until, World } from '../harness/world.ts';
import { withThreads } from '../load/loads.ts';
import { codexBinary } from '../model/codex-home.ts';

let world: World;
let browser: Browser;
let phone: PhonePage;
let screen: Screen;
let owner: NodePhone;

before(async () => {
  world = await World.start();
  browser = await startBrowser();
  owner = await NodePhone.enrol(world);
  await owner.attach();
  phone = await openPhone(browser);
  await enrol(phone, await world.link());
  screen = new Screen(phone.page);
});
after(async () => {
  await browser?.close();
  await world?.close();
});

const rows = () => phone.page.locator('[data-thread-id]');
const home = () => phone.page.goto(new URL('#/', phone.page.url()).href);

test('a hit opens where it was said, however many turns ago', async () => {
  const { page } = phone;
  // Further back than what the phone itself keeps of a thread.
  const thread = await screen.startTask({ folder: world.work, prompt: 'say: the needle lies here' });
  await screen.agent(/^the needle lies here$/).waitFor();
  for (let n = 0; n < 21; n++) {
    const turn = await owner.call('turn/start', {
      threadId: thread,
      input: [{ type: 'text', text: `say: turn ${n}`, text_elements: [] }],
    });
    assert.equal(turn.state, 'done');
    await screen.agent(new RegExp(`^turn ${n}$`)).waitFor();
    // A turn that is begun before the last one is over is one with it.
    await phone.page.getByRole('textbox', { name: 'Message', exact: true }).waitFor();
  }
  await home();
  await page.getByRole('link', { name: 'Search threads' }).click();
  await page.getByRole('searchbox', { name: 'Search threads' }).fill('NEEDLE lies');
  // The Mac's hits come after the titles that this phone knows.
  await page.locator('main a[href*="find="]').first().click();
  await page.locator('.found', { hasText: 'the needle lies here' }).first().waitFor();
  await page.waitForFunction(() => {
    const box = document.querySelector('.found')?.getBoundingClientRect();
    return box !== undefined && box.top >= 0 && box.bottom <= innerHeight;
  });
  await page.getByText(/^“NEEDLE lies”: 1 of 2$/).waitFor();
  await page.getByRole('button', { name: 'Done' }).click();
  assert.equal(await page.locator('.found').count(), 0);
});

test('a thread is renamed and archived, and each can be undone', async () => {
  const { page } = phone;
  const thread = await screen.startTask({ folder: world.work, prompt: 'say: put me away' });
  await screen.agent(/^put me away$/).waitFor();
  const menu = page.getByRole('button', { name: 'Thread menu' });
  const rename = async (name: string) => {
    await menu.click();
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill(name);
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByRole('heading', { name }).waitFor();
  };
  await rename('First name');
  await rename('Second name');
  await page.getByText('Renamed to “Second name”.').waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('heading', { name: 'First name' }).waitFor();

  await menu.click();
  await page.getByRole('button', { name: 'Archive' }).click();
  const row = page.locator(`[data-thread-id="${thread}"]`);
  await page.getByText('Archived.').waitFor();
  await row.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo' }).click();
  await row.waitFor();

  await row.click();
  await menu.click();
  await page.getByRole('button', { name: 'Archive' }).click();
  await row.waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Search threads' }).click();
  await page.getByRole('button', { name: 'Archived' }).click();
  const found = page
    .getByRole('list', { name: 'Found' })
    .getByRole('listitem')
    .filter({ hasText: 'First name' });
  await found.getByRole('button', { name: 'Restore' }).click();
  await found.waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Back to threads' }).click();
  await row.waitFor();
});

test('what ended while nobody looked is unread, and read once it was looked at', async () => {
  const { page } = phone;
  await home();
  const started = await owner.call('zane/task/start', {
    cwd: world.work,
    prompt: 'say: unseen',
    permissions: 'ask',
  });
  const { thread } = started.result as { thread: string };
  const row = page.locator(`[data-thread-id="${thread}"]`);
  const dot = row.getByRole('img', { name: 'Unread' });
  while (!(await dot.isVisible())) {
    await page.getByRole('button', { name: 'Refresh threads' }).click();
    await row.waitFor();
  }
  await row.click();
  await screen.agent(/^unseen$/).waitFor();
  await page.getByRole('link', { name: 'Back to threads' }).click();
  await dot.waitFor({ state: 'detached' });
});

async function listAll(): Promise<Set<string>> {
  const all = new Set<string>();
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const listed = await owner.call('thread/list', {
      limit: 100,
      modelProviders: [],
      sourceKinds: ['cli', 'vscode', 'exec', 'appServer', 'unknown'],
      ...(cursor ? { cursor } : {}),
    });
    const { data, nextCursor } = listed.result as { data: { id: string }[]; nextCursor: string | null };
    for (const { id } of data) all.add(id);
    cursor = nextCursor ?? undefined;
  }
  return all;
}

test('every thread is listed, those of other programs too, page by page', async () => {
  const { page } = phone;
  // More than one page of the list.
  await withThreads(world, 130);
  const desk = spawn(codexBinary(), ['exec', '--skip-git-repo-check', 'say: from the desk'], {
    cwd: world.work,
    env: { ...process.env, CODEX_HOME: world.codexHome },
    stdio: 'ignore',
  });
  assert.deepEqual(await once(desk, 'exit'), [0, null]);
  // Codex reads what was put into its home with the first listing, and leaves some out of that one.
  await listAll();
  const all = await listAll();
  assert.ok(all.size > 130);
  await home();
  await page.reload();
  await page.getByText('from the desk').first().waitFor();
  await until('all are there', async () => {
    await page.locator('main').evaluate((list) => list.scrollTo(0, list.scrollHeight));
    return (await rows().count()) === all.size;
  });
});
