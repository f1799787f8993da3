// A thread whose newest turns do not fit one answer of the link, and one turn that does
// not either: opened afresh, all of it is there. Real Codex, real Chromium.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import { Screen } from '../harness/phone-screen.ts';
import { until, World } from '../harness/world.ts';

/** The link carries 1 MiB (docs/link.md). */
const words = (name: string): string => `${name} ${'heavy words '.repeat(25_000)} end of ${name}`;
const SCENARIO = `when the user says "long"
  say ${words('long')}
when the user says "many"
${['one', 'two', 'three', 'four', 'five'].map((name) => `  say ${words(name)}\n  run echo after ${name}`).join('\n')}
otherwise
  say Well.
`;

let world: World;
let browser: Browser;
before(async () => {
  world = await World.start({ scenario: SCENARIO });
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await world?.close();
});

test('what is too heavy for one answer is asked for in smaller pieces', async () => {
  const phone = await openPhone(browser);
  await enrol(phone, await world.link());
  const screen = new Screen(phone.page);
  await screen.startTask({ folder: world.work, prompt: 'long' });
  const completed = phone.page.locator('[data-turn-status=completed]');
  for (const [turns, prompt] of ['many', 'long', 'hello'].entries()) {
    await completed.nth(turns).waitFor();
    await screen.send(prompt);
  }
  await screen.agent('Well.').waitFor();
  // The journal's stream begins with the newest turn; what is before comes from Codex.
  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  const back = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await back;
  await phone.page.reload();
  await screen.agent('Well.').waitFor();
  const older = phone.page.getByRole('button', { name: 'Show older turns' });
  await until('the first turn is there', async () => {
    if (await older.isVisible()) await older.click();
    return (await screen.agent('end of long').count()) === 2;
  });
  for (const name of ['one', 'two', 'three', 'four', 'five']) await screen.agent(`end of ${name}`).waitFor();
  assert.equal(await phone.page.getByRole('alert').count(), 0);
});
