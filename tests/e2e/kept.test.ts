// What a person has written or ordered is neither lost nor sent twice, whatever becomes of the page and the Mac
// meanwhile; and a Mac that is silent is not called live. Real Codex, real workerd, real Chromium.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import type { PhonePage } from '../harness/browser.ts';
import { Screen } from '../harness/phone-screen.ts';
import { until, World } from '../harness/world.ts';

const CODEX = `[features]
default_mode_request_user_input = true
`;

let world: World;
let browser: Browser;
let phone: PhonePage;
let screen: Screen;

before(async () => {
  world = await World.start({ codexExtra: CODEX });
  browser = await startBrowser();
  phone = await openPhone(browser);
  await enrol(phone, await world.link());
  screen = new Screen(phone.page);
});
after(async () => {
  await browser?.close();
  await world?.close();
});

const box = () => phone.page.getByRole('textbox', { name: /^(Message|Steer the running turn)$/ });
const status = (words: RegExp) => phone.page.getByRole('link', { name: words });
const said = (text: string) => phone.page.locator('[data-item-type=user]', { hasText: text });

test('an order that waits for the Mac can be taken back; its words are in the box, and survive a reload', async () => {
  await screen.startTask({ folder: world.work, prompt: 'say hello' });
  await screen.agent('Hello from the scripted model.').waitFor();
  const { relay } = world.anchor.services;
  await relay.stop();
  await status(/^Connection: Orbit–Mac: offline since/).waitFor();
  await screen.send('say: once and no more');
  const pending = phone.page.locator('.pending', { hasText: 'once and no more' });
  await pending.getByText('Saved on this phone, waiting for your Mac').waitFor();
  await phone.page.reload();
  await pending.getByRole('button', { name: 'Take back' }).click();
  await pending.waitFor({ state: 'detached' });
  assert.equal(await box().inputValue(), 'say: once and no more');
  await phone.page.reload();
  await box().waitFor();
  assert.equal(await box().inputValue(), 'say: once and no more');
  relay.start();
  await status(/^Connection: Live/).waitFor();
  // Two taps before anything can be drawn are one order.
  await phone.page.getByRole('button', { name: 'Send', exact: true }).evaluate((button: HTMLElement) => {
    button.click();
    button.click();
  });
  await screen.agent(/^once and no more$/).waitFor();
  await phone.page.reload();
  await screen.agent(/^once and no more$/).waitFor();
  assert.equal(await said('once and no more').count(), 1);
  assert.equal(await box().inputValue(), '');
});

test('words that are too long are said to be, by how much, and are all still there', async () => {
  const words = '字'.repeat(90_000);
  await box().fill(words);
  await phone.page.getByText(/^Too long by 24 KB: /).waitFor();
  assert.equal(await phone.page.getByRole('button', { name: 'Send', exact: true }).isDisabled(), true);
  assert.equal((await box().inputValue()).length, words.length);
  // 60,000 are sent, half a character at their end and all.
  await screen.send(`say: long\n${'字'.repeat(60_000)}\ud83d`);
  await screen.agent(/^long/).waitFor();
  assert.match(await said('say: long').first().innerText(), /字\ufffd\s*$/);
});

test('an answer that was begun is there after a reload, and gone once it was sent', async () => {
  await screen.startTask({ folder: world.work, prompt: 'ask me' });
  await screen.openApproval();
  const other = screen.sheet().getByPlaceholder('Something else');
  await other.fill('a warm grey');
  await phone.page.reload();
  await other.waitFor();
  assert.equal(await other.inputValue(), 'a warm grey');
  await screen.press('Send answer');
  await screen.agent(/^You chose: .*a warm grey$/).waitFor();
  const kept = await phone.page.evaluate(() =>
    Object.keys(localStorage).filter((key) => key.includes('answers')),
  );
  assert.deepEqual(kept, []);
});

test('a Mac that has stopped without a word is not called live any more, and is again when it goes on', async () => {
  const { relay } = world.anchor.services;
  await status(/^Connection: Live/).waitFor();
  relay.child?.kill('SIGSTOP');
  try {
    // Without being asked it would be believed for 45 s.
    await status(/^Connection: Orbit–Mac: not known since/).waitFor({ timeout: 25_000 });
  } finally {
    relay.child?.kill('SIGCONT');
  }
  await status(/^Connection: Live/).waitFor();
});

/** The rows of what was seen, as they are on the disk. */
const seenRows = () =>
  phone.page.evaluate(
    () =>
      new Promise<string[]>((resolve, reject) => {
        const opened = indexedDB.open('zane');
        opened.onerror = () => reject(opened.error!);
        opened.onsuccess = () => {
          const rows = opened.result.transaction('seen').objectStore('seen').getAll();
          rows.onsuccess = () => {
            opened.result.close();
            resolve((rows.result as { text: string }[]).map(({ text }) => text));
          };
        };
      }),
  );
async function untilSeen(fits: (rows: string[]) => boolean): Promise<void> {
  while (!fits(await seenRows())) await phone.page.evaluate(() => new Promise(requestAnimationFrame));
}

test('the inbox and a thread are shown as they were while the Mac is away, with their age, and then as they are', async () => {
  const { page } = phone;
  const { relay } = world.anchor.services;
  const thread = await screen.startTask({ folder: world.work, prompt: 'say: seen before' });
  await screen.agent(/^seen before$/).waitFor();
  await page.getByRole('link', { name: 'Back to threads' }).click();
  // Codex has a title for it once it has written down its first message.
  await page.locator(`[data-thread-id="${thread}"]`, { hasText: 'say: seen before' }).waitFor();
  await untilSeen((rows) => rows.some((row) => row.includes('"title":"say: seen before"')));
  await relay.stop();
  await status(/^Connection: Orbit–Mac: offline since/).waitFor();
  await page.reload();
  await page.getByText(/^As it was /).waitFor();
  await page.locator(`[data-thread-id="${thread}"]`, { hasText: 'say: seen before' }).click();
  await screen.agent(/^seen before$/).waitFor();
  await page.getByText(/^As it was /).waitFor();
  relay.start();
  await status(/^Connection: Live/).waitFor();
  await page.getByText(/^As it was /).waitFor({ state: 'detached' });
  await screen.agent(/^seen before$/).waitFor();
  await page.getByRole('link', { name: 'Back to threads' }).click();
  await page.locator(`[data-thread-id="${thread}"]`).waitFor();
  assert.equal(await page.getByText(/^As it was /).count(), 0);
});

test('a terminal goes on while another screen is looked at and over a lost connection, until it is ended', async () => {
  const { page } = phone;
  const { relay } = world.anchor.services;
  await screen.startTask({ folder: world.work, prompt: 'say hello' });
  await screen.agent('Hello from the scripted model.').waitFor();
  const terminal = page.locator('[data-testid=terminal]');
  const running = page.locator('[data-testid=terminal][data-terminal-state=running]');
  const type = async (line: string) => {
    await terminal.click();
    await page.keyboard.type(line);
    await page.keyboard.press('Enter');
  };
  const shown = (text: RegExp) => terminal.locator('.xterm-rows > div', { hasText: text });
  await page.getByRole('link', { name: 'Terminal' }).click();
  await running.waitFor();
  await type('kept=7; echo pid=$$');
  await shown(/^pid=\d+\s*$/).waitFor();
  const pid = Number(/\d+/.exec(await shown(/^pid=\d+\s*$/).innerText())![0]);

  await page.getByRole('link', { name: 'Back' }).click();
  await box().waitFor();
  await page.getByRole('link', { name: 'Terminal' }).click();
  await shown(/^pid=\d+\s*$/).waitFor();
  await type('echo walked-$kept');
  await shown(/^walked-7\s*$/).waitFor();

  await relay.stop();
  await page.getByText(/^Not connected\. The shell goes on/).waitFor();
  relay.start();
  await running.waitFor();
  await shown(/The connection was away/).waitFor();
  await type('echo back-$kept');
  await shown(/^back-7\s*$/).waitFor();
  process.kill(pid, 0);

  await page.getByRole('button', { name: 'End', exact: true }).click();
  await box().waitFor();
  await until('the shell is gone', () => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });
  await page.getByRole('link', { name: 'Terminal' }).click();
  await running.waitFor();
  await type('echo anew-$kept.');
  await shown(/^anew-\.\s*$/).waitFor();
  await page.getByRole('link', { name: 'Back' }).click();
  await page.getByRole('link', { name: 'Back to threads' }).click();
});

test('what was seen is gone when it is switched off, and with the sign-in', async () => {
  const { page } = phone;
  await screen.startTask({ folder: world.work, prompt: 'say hello' });
  await screen.agent('Hello from the scripted model.').waitFor();
  await page.getByRole('link', { name: 'Back to threads' }).click();
  await untilSeen((rows) => rows.length > 1);
  const keep = page.getByRole('checkbox', { name: /^Keep the inbox and the last threads/ });
  await page.getByRole('link', { name: 'Status and devices' }).click();
  await keep.uncheck({ force: true });
  await page.waitForFunction(() => localStorage.getItem('zane.seen') === 'off');
  await untilSeen((rows) => rows.length === 0);
  await keep.check({ force: true });
  await page.getByRole('link', { name: 'Back to threads' }).click();
  await page.locator('[data-thread-id]').first().click();
  await screen.agent(/./).first().waitFor();
  await page.reload();
  await screen.agent(/./).first().waitFor();
  await untilSeen((rows) => rows.length > 0);
  await page.getByRole('link', { name: 'Back to threads' }).click();
  await page.getByRole('link', { name: 'Status and devices' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor();
  await untilSeen((rows) => rows.length === 0);
});
