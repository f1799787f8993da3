// The thinnest line through every part: a prompt in the page, real Codex, text in
// the page. If this one fails, look here first.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import { World } from '../harness/world.ts';

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

test('a prompt in the page becomes text in the page', async () => {
  const phone = await openPhone(browser);
  await enrol(phone, await world.link());
  const { page } = phone;
  await page.getByRole('link', { name: 'New task' }).first().click();
  await page.getByRole('combobox', { name: 'Folder' }).fill(world.work);
  await page.getByLabel('Prompt').fill('say hello');
  await page.getByRole('button', { name: 'Start task' }).click();
  await page.locator('[data-item-type=agent]', { hasText: 'Hello from the scripted model.' }).waitFor();
  assert.deepEqual(phone.errors, []);
});
