// Every screen and state as a stranger meets it: nothing that axe objects to in either theme, nothing wider than the
// glass, and what refuses always in reach, down to the smallest phone and at twice the text size. Each is a picture
// in build/pictures/.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { root } from '../../script/lib/anchor.ts';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import type { PhonePage } from '../harness/browser.ts';
import { Screen } from '../harness/phone-screen.ts';
import { World } from '../harness/world.ts';

const SCENARIO = `when the user says "run: {command}"
  escalate {{command}} because it has to leave the sandbox
  if refused say It was not run.
  if done say It ran.
when the user says "tests"
  run sh tests.sh
  say:
    | Two of **three** fail, see \`src/parse.rs\`:
    |
    | 1. \`reads_empty\` expects \`None\`
    | 2. \`reads_long\` runs out of time
    |
    | | test | time |
    | |---|---|
    | | reads_long | 30 s |
    |
    | > Shall I mend them?
otherwise
  say Well.
`;
const SIZES = [
  ['320x568', 320, 568],
  ['390x844', 390, 844],
  ['844x390', 844, 390],
  ['1280x800', 1280, 800],
] as const;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = join(root, 'build/pictures');

let world: World;
let browser: Browser;
let phone: PhonePage;
let screen: Screen;

before(async () => {
  rmSync(pictures, { recursive: true, force: true });
  mkdirSync(pictures, { recursive: true });
  world = await World.start({ scenario: SCENARIO });
  writeFileSync(
    join(world.work, 'tests.sh'),
    `i=0; while [ $i -lt 60 ]; do printf '\\033[32mok\\033[0m a_test_%d\\n' $i; i=$((i+1)); done; printf '\\033[1;31mFAILED\\033[0m reads_empty\\n'; exit 1\n`,
  );
  browser = await startBrowser();
  phone = await openPhone(browser);
  screen = new Screen(phone.page);
});
after(async () => {
  await browser?.close();
  await world?.close();
});

/** What axe finds, each with where it is. */
async function objections(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const result = (await page.evaluate(
    'axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })',
  )) as AxeResults;
  return result.violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${String(node.target)} ${node.failureSummary ?? ''}`),
  );
}

/** `reach`: what must be on the glass whatever the size. */
async function look(name: string, reach: readonly string[] = []): Promise<void> {
  const { page } = phone;
  const wrong: string[] = [];
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width: 390, height: 844 });
    wrong.push(...(await objections(page)).map((words) => `${theme}: ${words}`));
    // Colour moves nothing: all sizes in one theme.
    for (const [size, width, height] of SIZES.filter(([size]) => theme === 'light' || size === '390x844')) {
      for (const zoom of size === '390x844' && theme === 'light' ? [1, 2] : [1]) {
        await page.setViewportSize({ width, height });
        await page.evaluate((factor) => {
          document.documentElement.style.fontSize = factor === 1 ? '' : `${factor * 100}%`;
        }, zoom);
        await page.evaluate(
          () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
        );
        await page.screenshot({
          path: join(pictures, `${name}-${size}${zoom === 1 ? '' : '-text-200'}-${theme}.png`),
        });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wide > 0) wrong.push(`${size} × ${zoom}: ${wide} px wider than the glass`);
        for (const button of reach) {
          const box = await page.getByRole('button', { name: button, exact: true }).first().boundingBox();
          if (!box || box.y < 0 || box.y + box.height > height || box.x < 0 || box.x + box.width > width)
            wrong.push(`${size} × ${zoom}: “${button}” is out of reach: ${JSON.stringify(box)}`);
        }
      }
    }
    await page.evaluate(() => {
      document.documentElement.style.fontSize = '';
    });
  }
  await page.setViewportSize({ width: 390, height: 844 });
  assert.deepEqual([...new Set(wrong)], [], name);
}

test('before anybody is signed in', async () => {
  const link = await world.link();
  await phone.page.goto(link.replace(/#.*/, ''));
  await phone.page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor();
  await look('sign-in');
  await phone.page.goto(link.replace(/secret=.*/, ''));
  await phone.page.getByText('A part of this link is missing.').waitFor();
  await look('link-cut');
});

test('a new phone', async () => {
  await enrol(phone, await world.link());
  await phone.page.getByText('No threads yet: start a task.').waitFor();
  await look('list-empty');
  await phone.page.getByRole('link', { name: 'New task' }).first().click();
  await phone.page.getByLabel('Prompt').waitFor();
  await look('new-task');
});

test('a thread with output, text and a table; its menu', async () => {
  await screen.startTask({ folder: world.work, prompt: 'tests' });
  await screen.agent('Two of three fail').waitFor();
  await phone.page.getByText('reads_empty').first().waitFor();
  await look('thread');
  // Turned and enlarged as it was, nobody has scrolled: the end is in view.
  assert.equal(await phone.page.getByRole('button', { name: 'Jump to the latest' }).count(), 0);
  await phone.page.getByRole('button', { name: 'Thread menu' }).click();
  await phone.page.getByRole('button', { name: 'Archive' }).waitFor();
  await look('thread-menu');
  await phone.page.keyboard.press('Escape');
});

test('a command waits for an answer, and is refused', async () => {
  await screen.startTask({ folder: world.work, prompt: 'run: git push --force-with-lease origin main' });
  await phone.page
    .getByRole('link', { name: /^Answer/ })
    .first()
    .waitFor();
  await look('thread-asks');
  await screen.openApproval();
  await screen.readToTheEnd();
  await look('sheet-command', ['Decline', 'Close']);
  await screen.press('Decline');
  await screen.approval('declined').first().waitFor();
  await look('sheet-ended');
  await screen.press('Back to the thread');
});

test('the list with threads, and the search', async () => {
  const { page } = phone;
  await page.goto(new URL('#/', page.url()).href);
  await page.locator('[data-thread-id]').nth(1).waitFor();
  await look('list');
  await page.getByRole('link', { name: 'Search threads' }).click();
  await page.getByRole('searchbox', { name: 'Search threads' }).fill('tests');
  await page.getByRole('list', { name: 'Found' }).getByRole('link').first().waitFor();
  await look('search');
});

test('status and terminal', async () => {
  const { page } = phone;
  await page.goto(new URL('#/status', page.url()).href);
  await page.getByRole('heading', { name: 'Devices of this Mac' }).waitFor();
  await page.getByText('this one').waitFor();
  await look('status');
  await page.goto(
    new URL(`#/terminal?${new URLSearchParams({ cwd: world.work, thread: '' })}`, page.url()).href,
  );
  await page.locator('.xterm').waitFor();
  await look('terminal');
});

test('the Mac is away', async () => {
  const { page } = phone;
  await page.goto(new URL('#/', page.url()).href);
  await world.anchor.services.relay.stop();
  await page.getByRole('link', { name: /^Connection: Orbit–Mac: offline/ }).waitFor();
  await look('list-away');
  await page.locator('[data-thread-id]').first().click();
  await screen.send('and then this');
  await page.getByRole('button', { name: 'Take back' }).waitFor();
  await look('thread-away');
});
