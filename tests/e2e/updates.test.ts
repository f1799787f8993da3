// Releases of the app come and go while pages are open: each page finds its own files, a new release is offered and
// taken at a tap, and without Orbit the app opens all the same. Real Chromium, real workerd serving a folder.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { root } from '../../script/lib/anchor.ts';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import type { PhonePage } from '../harness/browser.ts';
import { World } from '../harness/world.ts';

const served = mkdtempSync(join(tmpdir(), 'zane-served-'));
let world: World;
let browser: Browser;
let phone: PhonePage;

/** The same app under other names, as another release has them; of the one before nothing is left. */
function deploy(release: string): void {
  const assets = join(served, 'assets');
  const text = /\.(js|css|html)$/;
  const files = [join(served, 'index.html'), join(served, 'sw.js')].concat(
    readdirSync(assets).map((name) => join(assets, name)),
  );
  const renamed = readdirSync(assets).map(
    (name) => [name, name.replace(/(-r\d+)?(\.\w+)$/, `-${release}$2`)] as const,
  );
  for (const file of files.filter((name) => text.test(name))) {
    let content = readFileSync(file, 'utf8');
    for (const [old, name] of renamed) content = content.replaceAll(old, name);
    if (file.endsWith('sw.js'))
      content = content.replace(/const RELEASE = '[^']*'/, `const RELEASE = '${release}'`);
    writeFileSync(file, content);
  }
  for (const [old, name] of renamed) renameSync(join(assets, old), join(assets, name));
}

const scriptOf = (page: Page) => page.locator('head script[type=module]').getAttribute('src');
/** Looks for a new release now, as the page does once an hour. */
const look = (page: Page) =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    await registration?.update().catch(() => undefined);
  });
const isKept = (page: Page) =>
  page.waitForFunction(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    return registration?.active !== null && navigator.serviceWorker.controller !== null;
  });

before(async () => {
  cpSync(join(root, 'build/web'), served, { recursive: true });
  deploy('r1');
  world = await World.start({ orbitOptions: { assetsDir: served } });
  browser = await startBrowser();
  phone = await openPhone(browser);
  await enrol(phone, await world.link());
  await isKept(phone.page);
});
after(async () => {
  await browser?.close();
  await world?.close();
  rmSync(served, { recursive: true, force: true });
});

test('a page goes on with its own release when another is deployed, and takes that one at a tap', async () => {
  const { page } = phone;
  assert.match((await scriptOf(page)) ?? '', /-r1\.js$/);
  deploy('r2');
  // None of its parts that it has not loaded yet is there any more, but on this phone.
  await page.evaluate((folder) => {
    location.hash = `#/terminal?${new URLSearchParams({ cwd: folder, thread: '' })}`;
  }, world.work);
  await page.locator('.xterm').waitFor();
  await page.evaluate(() => {
    location.hash = '#/new';
  });
  await page.getByLabel('Prompt').fill('begun before the update');
  await look(page);
  const offer = page.getByText('A new version of this app is here.');
  await offer.waitFor();
  await offer.getByRole('button', { name: 'Update' }).click();
  await page.waitForFunction(() =>
    document.querySelector('head script[type=module]')?.getAttribute('src')?.includes('-r2.'),
  );
  await page.getByLabel('Prompt').waitFor();
  assert.equal(await page.getByLabel('Prompt').inputValue(), 'begun before the update');
  assert.equal(await offer.isVisible(), false);
  assert.deepEqual(phone.errors, []);
});

test('another tab of the old release finds its files after the update', async () => {
  const { page } = phone;
  const other = await phone.context.newPage();
  await other.goto(page.url().replace(/#.*/, '#/'));
  await other.getByRole('link', { name: 'New task' }).first().waitFor();
  const before = await scriptOf(other);
  deploy('r3');
  await look(page);
  await page.getByText('A new version of this app is here.').getByRole('button', { name: 'Update' }).click();
  await page.waitForFunction(() =>
    document.querySelector('head script[type=module]')?.getAttribute('src')?.includes('-r3.'),
  );
  assert.equal(await scriptOf(other), before);
  await other.getByRole('link', { name: 'New task' }).first().click();
  await other.getByLabel('Prompt').waitFor();
  await other.close();
});

test('a release that is only half there is not taken', async () => {
  const { page } = phone;
  const gone = readdirSync(join(served, 'assets')).find((name) => name.startsWith('thread-'))!;
  deploy('r4');
  rmSync(join(served, 'assets', gone.replace('-r3.', '-r4.')));
  await look(page);
  await page.reload();
  assert.match((await scriptOf(page)) ?? '', /-r3\.js$/);
  assert.equal(await page.getByText('A new version of this app is here.').isVisible(), false);
  await page.evaluate(() => {
    location.hash = '#/status';
  });
  await page.getByRole('heading', { name: 'Status' }).waitFor();
});

test('without Orbit the app opens, and says that it is not connected', async () => {
  const { page } = phone;
  await world.orbit.stop();
  await page.goto(page.url().replace(/#.*/, '#/'));
  await page.reload();
  await page.getByRole('link', { name: /^Connection: Phone–Orbit: not connected/ }).waitFor();
  await page.getByRole('link', { name: 'New task' }).first().waitFor();
});
