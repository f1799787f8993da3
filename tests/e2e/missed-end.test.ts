// supervisor is killed in mid-turn with the page open; the turn ends while nobody
// looks. The turn goes on, nothing is run again, and the page says that it ended. And
// what has no end, for Codex let go of it, reads as cut off.
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import { Screen } from '../harness/phone-screen.ts';
import { until, World } from '../harness/world.ts';
import { AppServerClient } from '../model/app-server-client.ts';

let world: World;
let browser: Browser;
before(async () => {
  world = await World.start();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await world?.close();
});

test('a turn that ended while supervisor was dead is shown as ended, with its text', async () => {
  const phone = await openPhone(browser);
  await enrol(phone, await world.link());
  const screen = new Screen(phone.page);
  const thread = await screen.startTask({ folder: world.work, prompt: 'long: gate' });
  await screen.agent('I am at it.').waitFor();
  await phone.page.locator('[data-turn-status=inProgress]').waitFor();

  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  world.model.release('gate');
  const codex = await AppServerClient.connect(join(world.home, 'run/codex.sock'));
  await until('Codex is through', async () => {
    const read = (await codex.request('thread/read', { threadId: thread })) as {
      thread: { status: { type: string } };
    };
    return read.thread.status.type === 'idle';
  });
  codex.close();
  const back = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await back;
  await screen.agent('That took a while.').waitFor();
  await phone.page.locator('[data-turn-status=completed]').waitFor();
});

test('what a stop and a steer cut off in mid-sentence reads as cut off, and so after a reload', async () => {
  const phone = await openPhone(browser);
  await enrol(phone, await world.link());
  const screen = new Screen(phone.page);
  const sentence = Array.from({ length: 60 }, (_, n) => `word ${n}`).join(' ');
  for (const cut of ['stop', 'steer'] as const) {
    await screen.startTask({ folder: world.work, prompt: `drawling: ${sentence}` });
    await screen.agent('word 1').waitFor();
    if (cut === 'steer') {
      await screen.send('turn left');
      await screen.agent('Steered: turn left').waitFor();
    }
    await phone.page.getByRole('button', { name: 'Stop' }).click();
    await phone.page.locator('[data-turn-status=interrupted]').waitFor();
    const first = screen.agent('word').first();
    await first.getByText('Cut off here.').waitFor();
    await phone.page.reload();
    await first.getByText('Cut off here.').waitFor();
  }
  await screen.send('say: well');
  await screen.agent('well').waitFor();
  await phone.page.reload();
  await phone.page.getByText('Codex keeps nothing of a message that was interrupted.').waitFor();
});

test('what is cut off after a part of it was missed says both', async () => {
  const phone = await openPhone(browser);
  await enrol(phone, await world.link());
  const screen = new Screen(phone.page);
  await screen.startTask({
    folder: world.work,
    prompt: `drawling: ${Array.from({ length: 60 }, (_, n) => `word ${n}`).join(' ')}`,
  });
  await screen.agent('word 1').waitFor();
  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  const back = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await back;
  await phone.page.getByText('Your Mac lost sight of Codex').waitFor();
  await phone.page.getByRole('button', { name: 'Stop' }).click();
  await phone.page.locator('[data-turn-status=interrupted]').waitFor();
  const both = screen.agent('word').first().getByText('Cut off here, and a part before that may be missing.');
  await both.waitFor();
  await phone.page.reload();
  await both.waitFor();
});

test('that the phone has no network is said at once, and so is its return', async () => {
  const phone = await openPhone(browser);
  await enrol(phone, await world.link());
  const line = (words: string) => phone.page.getByRole('link', { name: `Connection: ${words}` }).waitFor();
  await line('Live. Open status');
  await phone.page.context().setOffline(true);
  await phone.page.getByRole('status').getByText('this phone is offline').waitFor({ timeout: 2_000 });
  await phone.page.context().setOffline(false);
  await line('Live. Open status');
});
