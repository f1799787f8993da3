// Approvals about as long as the link allows, and longer: the phone always has a
// signed statement, can refuse, and can allow what it was shown whole; Codex is told.
// Real Codex asks them; the screen is a real browser's.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { approvalDigest } from '../../web/src/link/signed.ts';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import { Follow } from '../harness/follow.ts';
import type { Followed } from '../harness/follow.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { Screen } from '../harness/phone-screen.ts';
import { until, World } from '../harness/world.ts';

/** services/relay/stream.h: kEventBytesMax. */
const EVENT_BYTES_MAX = 900 * 1024;
const line = (n: number): string => `line ${String(n).padStart(6, '0')} ${'x'.repeat(85)}`;
const lines = (bytes: number): string[] => Array.from({ length: Math.floor(bytes / 98) }, (_, n) => line(n));

const patch = (bytes: number): string => `patch:
    | *** Begin Patch
    | *** Add File: {{file}}
${lines(bytes)
  .map((text) => `    | +${text}`)
  .join('\n')}
    | *** End Patch
  if refused say I left the file alone.
  if done say The file is written.`;
const command = (bytes: number): string => `escalate : ${'y'.repeat(bytes)} because it is long
  if refused say I was not allowed to run it.
  if failed say It failed.`;

const SCENARIO = `when the user says "shown patch: {file}"
  ${patch(800_000)}
when the user says "long patch: {file}"
  ${patch(940_000)}
when the user says "long command"
  ${command(940_000)}
otherwise
  say Well.
`;

let world: World;
let owner: NodePhone;
let list: Follow;

before(async () => {
  world = await World.start({ scenario: SCENARIO });
  owner = await NodePhone.enrol(world, 'owner');
  list = await Follow.open(owner, 'list');
});
after(() => world?.close());

interface Asked {
  thread: string;
  approval: string;
  event: Followed;
  statement: any;
}

async function ask(prompt: string): Promise<Asked> {
  const { thread } = await world.json('start', '-C', world.work, prompt);
  const event = await list.find((each) => each.kind === 'approval' && statementOf(each).thread === thread);
  const statement = statementOf(event);
  assert.equal(statement.state, 'open');
  return { thread, approval: statement.approval, event, statement };
}

function statementOf(event: Followed): any {
  return JSON.parse(event.raw.toString());
}

async function decided(asked: Asked, choice: string, digest: string): Promise<any> {
  const receipt = await owner.call('zane/approval/decide', { approval: asked.approval, digest, choice });
  assert.equal(receipt.state, 'done', `${receipt.reason} ${receipt.message}`);
  return list.step(asked.approval, choice === 'accept' ? 'applied' : 'declined');
}

/** The turn ended with these words: Codex has the answer and went on. */
async function said(thread: string, words: string): Promise<void> {
  await until(`the agent says "${words}"`, async () => {
    const { result } = await owner.call('thread/items/list', {
      threadId: thread,
      limit: 1,
      sortDirection: 'desc',
    });
    return JSON.stringify(result ?? {}).includes(words);
  });
}

test('a patch just below the bound is shown whole, and allowed by the digest of what was shown', async () => {
  const file = join(world.folder, 'shown.txt');
  const asked = await ask(`shown patch: ${file}`);
  const [, request, shown] = asked.event.bodies;
  assert.ok(request && shown && shown.length > 800_000, 'its bytes came');
  assert.equal(await approvalDigest(request, shown), asked.statement.digest);
  await decided(asked, 'accept', await approvalDigest(request, shown));
  await said(asked.thread, 'The file is written.');
  assert.equal(existsSync(file), true);
});

for (const [what, refusal] of [
  ['long patch', 'I left the file alone.'],
  ['long command', 'I was not allowed to run it.'],
] as const)
  test(`a ${what} of 940 KB comes as its signed statement alone, and can be declined`, async () => {
    const file = join(world.folder, 'never.txt');
    const asked = await ask(what === 'long patch' ? `${what}: ${file}` : what);
    assert.equal(asked.event.bodies.length, 1, 'nothing is shown in part');
    assert.ok(asked.event.raw.length < EVENT_BYTES_MAX);
    const choices = (asked.statement.choices as { choice: string; grants: boolean }[])
      .filter(({ grants }) => !grants)
      .map(({ choice }) => choice);
    assert.ok(choices.includes('decline') && choices.includes('cancel'), `${choices}`);
    await decided(asked, 'decline', asked.statement.digest);
    await said(asked.thread, refusal);
    assert.equal(existsSync(file), false);
  });

test('the console lists them and takes the whole of each into its digest', async () => {
  const { approvals } = await world.json('approvals', '--all');
  assert.equal(approvals.length, 3);
  assert.deepEqual(approvals.map((row: { state: string }) => row.state).sort(), [
    'applied',
    'declined',
    'declined',
  ]);
  const digests = new Set(approvals.map((row: { digest: string }) => row.digest));
  assert.equal(digests.size, 3);
  for (const digest of digests)
    assert.equal(Buffer.from(digest as string, 'base64url').length, createHash('sha256').digest().length);
});

test('on the screen it says that it is too long, offers the refusals and nothing else, and the refusal is applied', async () => {
  let browser: Browser | undefined;
  try {
    browser = await startBrowser();
    const phone = await openPhone(browser);
    await enrol(phone, await world.link());
    const screen = new Screen(phone.page);
    await screen.startTask({ folder: world.work, prompt: 'long command' });
    await screen.openApproval();
    await screen.sheet().getByText('too long to be shown here').waitFor();
    const offered = await screen
      .sheet()
      .locator('button[data-choice]')
      .evaluateAll((buttons) => buttons.map((button) => button.getAttribute('data-choice')));
    assert.deepEqual(offered.sort(), ['cancel', 'decline']);
    await screen.choose('decline');
    await screen.approval('declined').first().waitFor();
    await screen.press('Back to the thread');
    await screen.agent('I was not allowed to run it.').waitFor();
  } finally {
    await browser?.close();
  }
});

test('the bus and the link held: no part was restarted, no frame refused, no link made anew', () => {
  const { relay, supervisor, policy } = world.anchor.services;
  assert.equal(relay.log.match(/ linked /g)?.length, 1);
  for (const service of [relay, supervisor, policy])
    assert.doesNotMatch(
      service.log,
      /frame_too_large|link_outbox_full|bad_message|codex_message_refused|died/,
    );
});
