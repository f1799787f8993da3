// What Codex can ask besides a command or a file change, and what it tells besides text,
// as a person with a phone sees it: real Codex, real workerd, real Chromium. One world
// for the file; each test is a task of its own.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { root } from '../../script/lib/anchor.ts';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import type { PhonePage } from '../harness/browser.ts';
import { Screen } from '../harness/phone-screen.ts';
import { World } from '../harness/world.ts';
import { MODEL_NAME } from '../model/codex-home.ts';

/** Two tools that Codex does not offer unasked, and an MCP server whose tool asks back. */
const CODEX = `[features]
default_mode_request_user_input = true
request_permissions_tool = true

[mcp_servers.desk]
command = ${JSON.stringify(process.execPath)}
args = [${JSON.stringify(join(root, 'tests/model/asking-tool.ts'))}]
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
afterEach(async () => {
  assert.deepEqual(
    await phone.page.getByRole('alert').allInnerTexts(),
    [],
    'the screen shows trouble that is none',
  );
});
after(async () => {
  await browser?.close();
  await world?.close();
});

test('a plan shows its steps and how far each is', async () => {
  await screen.startTask({ folder: world.work, prompt: 'plan' });
  await screen.agent('That is the plan.').waitFor();
  const plan = phone.page.getByRole('region', { name: 'Plan' });
  const read = () =>
    plan
      .locator('li')
      .evaluateAll((steps) =>
        steps.map((step) => `${getComputedStyle(step, '::before').content} ${step.textContent}`),
      );
  const steps = ['"✓" Done: look around', '"●" Now: think', '"○" Later: leap'];
  assert.deepEqual(await read(), steps);
  assert.match(await plan.innerText(), /First look, then leap/);
  await phone.page.reload();
  await plan.waitFor();
  assert.deepEqual(await read(), steps);
});

test('a thought is named, and told whole when it is unfolded', async () => {
  await screen.startTask({ folder: world.work, prompt: 'think' });
  await screen.agent('I thought about it.').waitFor();
  const thought = phone.page.locator('[data-item-type=reasoning]');
  await thought.getByText('Reasoning · Looking around').click();
  await thought.getByText('The question is short, so the answer can be short too.').waitFor();
});

test('a command shows its output while it runs, and then how it ended', async () => {
  const go = join(world.work, 'go');
  // Codex does not stream what a command says in its very first moment.
  await screen.startTask({
    folder: world.work,
    prompt: `run: echo first; until [ -e ${go} ]; do sleep 0.1; echo tick; done; echo last; exit 3`,
  });
  const command = phone.page.locator('[data-item-type=command]');
  const output = command.getByRole('region', { name: 'Command output' });
  await output.getByText('tick').first().waitFor();
  assert.match(await command.locator('.state').innerText(), /^running/);
  writeFileSync(go, '');
  await command.locator('.state', { hasText: 'exit 3' }).waitFor();
  // It failed: its output stays open, at the end.
  await output.getByText('last', { exact: true }).waitFor();
  assert.match(await output.innerText(), /^first\n(tick\n)+last$/);
});

test('the model and the effort that were chosen reach the model, turn after turn, and the thread names them', async () => {
  const [model, effort] = ['gpt-6-sol', 'xhigh'];
  await screen.startTask({ folder: world.work, prompt: 'say: the first', model: 'GPT-6-Sol', effort });
  await screen.agent('the first').waitFor();
  await screen.send('say: the second');
  await screen.agent('the second').waitFor();
  const asked = world.model.requests.filter(({ prompt }) => /^say: the (first|second)$/.test(prompt));
  assert.deepEqual(
    asked.map((request) => [request.prompt, request.model, request.effort]),
    [
      ['say: the first', model, effort],
      ['say: the second', model, effort],
    ],
  );
  assert.notEqual(model, MODEL_NAME);
  await phone.page.getByRole('banner').getByText(`${model} · ${effort}`).waitFor();
});

test('Codex asks a question with options; the one that was chosen is its answer', async () => {
  await screen.startTask({ folder: world.work, prompt: 'ask me' });
  await screen.openApproval();
  const sheet = phone.page.getByRole('dialog', { name: 'Codex asks you' });
  const question = sheet.getByRole('group', { name: 'Which colour shall it be?' });
  const options = await question
    .getByRole('radio')
    .evaluateAll((radios) => radios.map((radio) => radio.closest('label')!.textContent));
  assert.deepEqual(options, ['Red a loud one', 'Blue a calm one']);
  await question.getByText('Blue').click();
  await screen.press('Send answer');
  await screen.approval('applied').first().waitFor();
  await screen.agent(/^You chose: Blue$/).waitFor();
});

test('an answer of the own words goes through too', async () => {
  await screen.startTask({ folder: world.work, prompt: 'ask me' });
  await screen.openApproval();
  await screen.sheet().getByPlaceholder('Something else').fill('a warm grey');
  await screen.press('Send answer');
  await screen.agent(/^You chose: .*a warm grey$/).waitFor();
});

test('a question that is not answered: Codex is told nothing and the turn goes on', async () => {
  await screen.startTask({ folder: world.work, prompt: 'ask me' });
  await screen.openApproval();
  await screen.press('Do not answer');
  await screen.approval('declined').first().waitFor();
  await screen.agent(/^You chose:\s*$/).waitFor();
  await screen.press('Back to the thread');
  await phone.page
    .getByRole('list', { name: 'Answered approvals' })
    .getByText('Not answered by Chrome')
    .waitFor();
});

test('more permissions are asked for one by one; given for the turn, they hold for the turn', async () => {
  const folder = join(world.folder, 'given');
  mkdirSync(folder);
  await screen.startTask({ folder: world.work, prompt: `permissions: ${folder}` });
  await screen.openApproval();
  const sheet = phone.page.getByRole('dialog', { name: 'Give more permissions?' });
  assert.deepEqual(await sheet.getByRole('listitem').allInnerTexts(), [
    'Use the network',
    `Change ${folder}`,
  ]);
  assert.match(await sheet.innerText(), /the test keeps a file there/);
  assert.equal(existsSync(join(folder, 'made.txt')), false);
  await screen.press('Allow for this turn');
  await screen.approval('applied').first().waitFor();
  await screen.agent('I wrote there.').waitFor();
  assert.equal(existsSync(join(folder, 'made.txt')), true);
  await screen.press('Back to the thread');
  await screen.send(`run: touch ${folder}/later.txt`);
  await screen.agent('Output:').waitFor();
  assert.equal(existsSync(join(folder, 'later.txt')), false);
});

test('permissions that are declined are not there, and the turn goes on', async () => {
  const folder = join(world.folder, 'kept');
  mkdirSync(folder);
  await screen.startTask({ folder: world.work, prompt: `permissions: ${folder}` });
  await screen.openApproval();
  await screen.press('Decline');
  await screen.approval('declined').first().waitFor();
  await screen.agent('I still may not write there.').waitFor();
  assert.equal(existsSync(join(folder, 'made.txt')), false);
});

test("permissions for Zane's own keys are not given: Codex would let them beat its profile's denial", async () => {
  const folder = join(world.home, 'keys');
  await screen.startTask({ folder: world.work, prompt: `permissions: ${folder}` });
  await screen.openApproval();
  await screen.press('Allow for this turn');
  await screen
    .sheet()
    .getByRole('status')
    .getByText(/was not taken: .*keys to the task: decline/)
    .waitFor();
  await screen.press('Decline');
  await screen.agent('I still may not write there.').waitFor();
  assert.equal(existsSync(join(folder, 'made.txt')), false);
});

/** Codex asks before it runs an MCP server's tool, and then the tool asks. */
async function letTheToolAsk(what: string): Promise<void> {
  await screen.startTask({ folder: world.work, prompt: `order: ${what}` });
  await screen.openApproval();
  const said = await phone.page.getByRole('dialog', { name: 'Run this tool?' }).innerText();
  for (const part of [
    'Allow the desk MCP server to run tool "order"?',
    `"what": "${what}"`,
    'outside the sandbox',
  ])
    assert.ok(said.includes(part), said);
  await screen.press('Allow once');
  await screen.approval('applied').first().waitFor();
  await screen.press('Back to the thread');
  await screen.openApproval();
  await phone.page
    .getByRole('dialog', { name: 'A tool asks you' })
    .getByText(`How do you want your ${what}?`)
    .waitFor();
}

test('a tool asks with a form; what was filled in is what it is told', async () => {
  const name = 'a "quoted" \\ näme';
  await letTheToolAsk('tea');
  await screen.press('Send answer');
  await screen.sheet().getByRole('alert').getByText('Still empty: Your name').waitFor();
  await screen.sheet().getByLabel('Your name').fill(name);
  await screen.sheet().getByLabel('Wrap it as a gift').check({ force: true });
  await screen.sheet().getByLabel('Size').selectOption('large');
  assert.equal(await screen.sheet().getByRole('alert').count(), 0);
  await screen.press('Send answer');
  await screen.agent(/^The tool was told: .*"gift":true.*"size":"large"/).waitFor();
  const output = world.model.requests.at(-1)?.outputs.at(-1)?.text ?? '';
  assert.deepEqual(JSON.parse(output.slice(output.indexOf('{'))), {
    action: 'accept',
    content: { name, gift: true, size: 'large' },
  });
});

for (const [words, action] of [
  ['Decline', 'decline'],
  ['Do not answer', 'cancel'],
] as const) {
  test(`a form left with "${words}": the tool is told so, and the turn goes on`, async () => {
    await letTheToolAsk('coffee');
    await screen.press(words);
    await screen.approval('declined').first().waitFor();
    await screen.agent(`The tool was told: {"action":"${action}"}`).waitFor();
    await phone.page.locator('[data-turn-status=completed]').waitFor();
  });
}

test('a tool that was allowed for the session is not asked about again in its thread', async () => {
  const { page } = phone;
  await screen.startTask({ folder: world.work, prompt: 'order: rice' });
  await screen.openApproval();
  await page.getByRole('dialog', { name: 'Run this tool?' }).waitFor();
  await screen.allowForLonger('Allow for this session');
  await screen.approval('applied').first().waitFor();
  for (const what of ['rice', 'bread']) {
    if (what === 'bread') await screen.send('order: bread');
    else await screen.press('Back to the thread');
    await screen.openApproval();
    await page
      .getByRole('dialog', { name: 'A tool asks you' })
      .getByText(`How do you want your ${what}?`)
      .waitFor();
    await screen.press('Decline');
    await screen.agent('The tool was told: {"action":"decline"}').last().waitFor();
    await screen.press('Back to the thread');
  }
});

test('a tool that may not run never asks', async () => {
  await screen.startTask({ folder: world.work, prompt: 'order: soup' });
  await screen.openApproval();
  await screen.press('Decline');
  await screen.approval('declined').first().waitFor();
  await screen.agent('I was not allowed to call the tool.').waitFor();
  assert.equal((await world.json('approvals')).approvals.length, 0);
});

test('nothing was logged as an error in the page', () => {
  assert.deepEqual(phone.errors, []);
});
