// The approval sheet under what is long: nothing of it is left out, nothing that grants
// can be pressed before its end was in view, refusing is always possible, and what holds
// for longer than once is asked about once more. Real Codex, real Chromium.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import type { PhonePage } from '../harness/browser.ts';
import { Screen } from '../harness/phone-screen.ts';
import { until, World } from '../harness/world.ts';

const LINES = 700;
const lines = Array.from({ length: LINES }, (_, n) => `    | +line ${n} of what is added`);
const SCENARIO = `when the user says "change: {file}"
  patch:
    | *** Begin Patch
    | *** Add File: {{file}}
${lines.join('\n')}
    | *** End Patch
  if refused say I left it alone.
  if done say It is written.
when the user says "run: {command}"
  escalate {{command}} because it needs to leave the sandbox
  if refused say I was not allowed to run it.
  if done say It ran.
when steered "{words}"
  say Instead: {{words}}
when the user says "tabs please"
  say Tabs it is.
otherwise
  say Well.
`;
const LONG = `echo ${Array.from({ length: 120 }, (_, n) => `argument-number-${n}`).join(' ')} the-end`;

let world: World;
let browser: Browser;
let phone: PhonePage;
let screen: Screen;

before(async () => {
  world = await World.start({ scenario: SCENARIO });
  browser = await startBrowser();
  phone = await openPhone(browser);
  await enrol(phone, await world.link());
  screen = new Screen(phone.page);
});
after(async () => {
  await browser?.close();
  await world?.close();
});

/** Whole on the screen, once the sheet has come up. */
const inView = (words: string): Promise<unknown> =>
  until(`"${words}" is in view`, () =>
    screen
      .sheet()
      .getByRole('button', { name: words, exact: true })
      .evaluate((button) => {
        const { top, bottom } = button.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
      }),
  );

test('a long change is drawn whole, and allowed only once its end was in view', async () => {
  const file = join(world.folder, 'long.txt');
  await screen.startTask({ folder: world.work, prompt: `change: ${file}` });
  await screen.openApproval();
  await screen.sheet().getByText(`+${LINES}`).waitFor();
  assert.equal(
    await screen.sheet().getByRole('button', { name: 'Allow once' }).count(),
    0,
    'not before its end was seen',
  );
  await inView('Decline');
  await screen.press('Show the rest');
  await screen.readToTheEnd();
  assert.equal(await screen.sheet().locator('.dl.add').count(), LINES);
  assert.ok(
    await screen
      .sheet()
      .getByText(`line ${LINES - 1} of what is added`)
      .isVisible(),
  );
  await screen.press('Allow once');
  await screen.approval('applied').first().waitFor();
  await screen.press('Back to the thread');
  await screen.agent('It is written.').waitFor();
  assert.equal(readFileSync(file, 'utf8').split('\n').length, LINES + 1);
});

test('a long command: buttons stay buttons, also on a small screen and on its side', async () => {
  await screen.startTask({ folder: world.work, prompt: `run: ${LONG}` });
  await screen.openApproval();
  for (const size of [
    { width: 320, height: 568 },
    { width: 844, height: 390 },
    { width: 390, height: 844 },
  ]) {
    await phone.page.setViewportSize(size);
    const sheet = screen.sheet();
    const tall = await sheet
      .getByRole('group', { name: 'Choices' })
      .evaluate((group) => group.getBoundingClientRect().height);
    const whole = await sheet.evaluate((element) => element.getBoundingClientRect().height);
    assert.ok(tall < whole / 2, `${size.width}: ${tall} of ${whole} px are buttons`);
    for (const words of ['Decline', 'Decline and stop the turn']) await inView(words);
  }
  await screen.readToTheEnd();
  assert.match(await screen.sheet().innerText(), /argument-number-119 the-end/);
  await screen.press('Decline and stop the turn');
  await screen.approval('declined').first().waitFor();
  await screen.press('Back to the thread');
});

test('what is allowed for longer stands apart, says what it is about, and can be thought over', async () => {
  await phone.page.setViewportSize({ width: 390, height: 844 });
  const file = join(world.folder, 'touched');
  await screen.startTask({ folder: world.work, prompt: `run: touch ${file}` });
  await screen.openApproval();
  assert.equal(
    await screen.sheet().getByRole('button', { name: 'Always allow this command' }).isVisible(),
    false,
  );
  await screen.sheet().getByText('Allow for longer').click();
  await screen.press('Always allow this command');
  await screen.sheet().getByText('in every thread').waitFor();
  assert.match(await screen.sheet().getByRole('region', { name: 'What it is about' }).innerText(), /touch/);
  await screen.press('Back');
  assert.equal(existsSync(file), false);
  await screen.allowForLonger('Always allow this command');
  await screen.approval('applied').first().waitFor();
  await screen.press('Back to the thread');
  await screen.agent('It ran.').waitFor();
  assert.ok(existsSync(file));
});

test('"No, do this instead" declines and says what to do, and the sheet goes on to the next', async () => {
  const file = join(world.folder, 'never');
  await screen.startTask({ folder: world.work, prompt: `run: touch ${file}` });
  await screen.openApproval();
  await screen.press('No, do this instead');
  await screen.sheet().getByLabel('What to do instead').fill('tabs please');
  await screen.press('Decline and send');
  await screen.approval('declined').first().waitFor();
  await screen.sheet().getByText('Declined by Chrome').waitFor();
  await screen.sheet().getByRole('heading', { name: 'Command', exact: true }).waitFor();
  await screen.press('Back to the thread');
  // It reached the turn while it ran, or began the next one.
  await screen.agent(/^(Instead: tabs please|Tabs it is\.)$/).waitFor();
  assert.equal(existsSync(file), false);
  assert.deepEqual(phone.errors, []);
});
