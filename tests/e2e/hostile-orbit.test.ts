// Orbit is a postman: replaced by a program that forges, repeats, alters and lies,
// nothing takes effect, and the phone or the Mac says so.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { Frame } from '../../proto/ts/link.ts';
import { makeDeviceKey, randomId, signCommand, utf8 } from '../../web/src/link/signed.ts';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import type { PhonePage } from '../harness/browser.ts';
import { HostileOrbit } from '../harness/hostile-orbit.ts';
import { Screen } from '../harness/phone-screen.ts';
import { until, World } from '../harness/world.ts';

let hostile: HostileOrbit;
let world: World;
let browser: Browser;
let phone: PhonePage;
let screen: Screen;

before(async () => {
  hostile = await HostileOrbit.start();
  world = await World.start({
    orbitOptions: { env: { ORBIT_ORIGIN: hostile.origin } },
    // relay speaks to the real Orbit: what the hostile one does to phones is enough.
    settings: (w) => ({ orbit: { url: w.orbit.url, public_url: hostile.origin } }),
  });
  hostile.standBefore(world.orbit.url);
  browser = await startBrowser();
  phone = await openPhone(browser);
  await enrol(phone, await world.link());
  screen = new Screen(phone.page);
});
beforeEach(() => {
  hostile.toPhone = (frame) => [frame];
  hostile.toMac = (frame) => [frame];
});
after(async () => {
  await browser?.close();
  await world?.close();
  hostile?.close();
});

const json = (bytes: Uint8Array): any => JSON.parse(Buffer.from(bytes).toString());
const threads = async (text: string): Promise<number> =>
  (await world.json('threads', '-n', '100')).threads.filter((t: { preview: string }) =>
    t.preview.includes(text),
  ).length;

/** An escalated command that waits, seen by the Mac. */
async function ask(file: string): Promise<{ thread: string; approval: string; digest: string }> {
  const { thread } = await world.json('start', '-C', world.work, `escalate: touch ${file}`);
  return until('it is open', async () =>
    (await world.json('approvals')).approvals.find((row: { thread: string }) => row.thread === thread),
  );
}

async function decline(approval: string): Promise<void> {
  assert.equal((await world.zane('deny', approval)).code, 0);
}

test('a forged command and one from a made-up device do nothing, and the Mac says so', async () => {
  const device = await makeDeviceKey();
  const now = Date.now();
  const order = (id: string): Uint8Array<ArrayBuffer> =>
    utf8(
      JSON.stringify({
        mac: world.mac,
        device: id,
        id: randomId(),
        issuedAt: now,
        expiresAt: now + 60_000,
        method: 'zane/task/start',
        params: { cwd: world.work, prompt: 'say: forged' },
      }),
    );
  const policy = world.anchor.services.policy;
  let refused = policy.saw('reason=unknown-device', false);
  const body = order(device.id);
  hostile.sendToMac({
    header: {
      mac: world.mac,
      trace: 'forged1',
      command: { device: device.id, signature: await signCommand(device, body) },
    },
    bodies: [body],
  });
  await refused;
  const { devices } = await world.json('devices');
  refused = policy.saw('reason=bad-signature', false);
  const stolen = order(devices[0].device);
  hostile.sendToMac({
    header: {
      mac: world.mac,
      trace: 'forged2',
      command: { device: devices[0].device, signature: await signCommand(device, stolen) },
    },
    bodies: [stolen],
  });
  await refused;
  assert.equal(await threads('forged'), 0);
});

test('a command sent three times starts one task', async () => {
  hostile.toMac = (frame) =>
    frame.header.command && json(frame.bodies[0]!).method === 'zane/task/start'
      ? [frame, frame, frame]
      : [frame];
  await screen.startTask({ folder: world.work, prompt: 'say: replayed' });
  await screen.agent('replayed').waitFor();
  const again = hostile.seen.find(
    (frame) => frame.header.command && json(frame.bodies[0]!).method === 'zane/task/start',
  )!;
  const repeated = world.anchor.services.policy.saw('command_repeated', false);
  hostile.sendToMac({
    header: { mac: world.mac, trace: 'again', command: again.header.command! },
    bodies: again.bodies,
  });
  await repeated;
  await until('it is listed', async () => (await threads('replayed')) > 0);
  assert.equal(await threads('replayed'), 1);
});

test('an approval whose text was changed on the way can not be answered', async () => {
  const file = join(world.work, 'changed.txt');
  hostile.toPhone = (frame) => [withBodies(frame, (body) => replaced(body, 'changed.txt', 'pretty1.txt'))];
  const { thread, approval } = await ask(file);
  await phone.page.goto(new URL(`#/thread/${thread}?approval=${approval}`, phone.page.url()).href);
  await phone.page.reload();
  await screen.sheet().waitFor();
  await screen
    .sheet()
    .getByText(/not what your Mac asked about|did not sign/)
    .waitFor();
  assert.equal(await screen.sheet().locator('button[data-choice]:enabled').count(), 0);
  await decline(approval);
  await until('it is settled', async () => (await world.json('approvals')).approvals.length === 0);
  assert.equal(existsSync(file), false);
});

test('"applied" that the Mac did not say is not shown', async () => {
  const file = join(world.work, 'lied.txt');
  const { thread, approval } = await ask(file);
  // Decisions never reach the Mac, and the phone is told that all went well.
  hostile.toMac = (frame) =>
    frame.header.command && json(frame.bodies[0]!).method === 'zane/approval/decide' ? [] : [frame];
  await phone.page.goto(new URL(`#/thread/${thread}?approval=${approval}`, phone.page.url()).href);
  await screen.sheet().waitFor();
  const sent = until('the decision was on its way', () =>
    hostile.seen.find(
      (frame) =>
        frame.header.command &&
        json(frame.bodies[0]!).method === 'zane/approval/decide' &&
        json(frame.bodies[0]!).params.approval === approval,
    ),
  );
  await screen.choose('accept');
  const decision = await sent;
  const id = json(decision.bodies[0]!).id as string;
  for (const state of ['received', 'done'])
    hostile.sendToPhone({
      header: {
        mac: world.mac,
        to: [],
        trace: decision.header.trace ?? '',
        receipt: { command: id, signature: 'A'.repeat(86) },
      },
      bodies: [
        utf8(
          JSON.stringify({
            kind: 'receipt',
            mac: world.mac,
            command: id,
            commandDigest: createHash('sha256').update(decision.bodies[0]!).digest('base64url'),
            state,
            at: Date.now(),
          }),
        ),
      ],
    });
  await phone.page
    .getByText(/did not sign/)
    .first()
    .waitFor();
  const line = phone.page.locator('.progressline');
  assert.ok(
    ['sent', 'saved', 'sending'].includes((await line.getAttribute('data-state')) ?? ''),
    `the sheet says: ${await screen.sheet().innerText()}`,
  );
  assert.equal(await phone.page.locator('[data-approval-state=applied]').count(), 0);
  assert.equal(existsSync(file), false);

  await decline(approval);
});

test('a step that the Mac did not sign is not believed, whatever it says', async () => {
  const file = join(world.work, 'unsigned.txt');
  // All is as the Mac says it, but for one word: and the signature is of another.
  hostile.toPhone = (frame) => [
    withBodies(frame, (body) => replaced(body, '"state":"open"', '"state":"applied"')),
  ];
  const { thread, approval } = await ask(file);
  await phone.page.goto(new URL(`#/thread/${thread}`, phone.page.url()).href);
  await phone.page.reload();
  await screen.openApproval();
  await screen.sheet().getByText('Could not be verified.').waitFor();
  await screen
    .sheet()
    .getByText(/^Your Mac did not sign this/)
    .waitFor();
  assert.equal(await screen.sheet().locator('button[data-choice]').count(), 0);
  assert.equal(await phone.page.locator('[data-approval-state=applied]').count(), 0);
  assert.doesNotMatch(await phone.page.locator('body').innerText(), /Applied/);
  // The truth replaces it.
  hostile.toPhone = (frame) => [frame];
  await decline(approval);
  await screen.approval('declined').first().waitFor();
  assert.equal(existsSync(file), false);
});

function withBodies(frame: Frame, change: (body: Uint8Array) => Uint8Array): Frame {
  return { header: frame.header, bodies: frame.bodies.map(change) };
}

function replaced(body: Uint8Array, from: string, to: string): Uint8Array {
  const text = Buffer.from(body).toString();
  return text.includes(from) ? utf8(text.replaceAll(from, to)) : body;
}
