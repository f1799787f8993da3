// What a browser may do to what the app keeps: close it, forbid it, lose it, hold a newer one's. Each ends in a
// working app or in a sentence with a button; this phone is never another device without saying so.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import type { PhonePage } from '../harness/browser.ts';
import { Screen } from '../harness/phone-screen.ts';
import { World } from '../harness/world.ts';

let world: World;
let browser: Browser;
let phone: PhonePage;
let screen: Screen;

before(async () => {
  world = await World.start();
  browser = await startBrowser();
  phone = await openPhone(browser);
  await enrol(phone, await world.link());
  screen = new Screen(phone.page);
});
after(async () => {
  await browser?.close();
  await world?.close();
});

const live = () => phone.page.getByRole('link', { name: /^Connection: Live/ });
const deviceOf = () =>
  phone.page.evaluate(
    () =>
      new Promise<string>((resolve, reject) => {
        const opened = indexedDB.open('zane');
        opened.onerror = () => reject(opened.error!);
        opened.onsuccess = () => {
          const row = opened.result.transaction('keys').objectStore('keys').get('device');
          row.onsuccess = () => {
            opened.result.close();
            resolve((row.result as { id: string } | undefined)?.id ?? '');
          };
        };
      }),
  );

test('a connection to the storage that the browser closes is opened again', async () => {
  const { page } = phone;
  await page.evaluate(() => {
    const real = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function (...args) {
      IDBDatabase.prototype.transaction = real;
      this.close();
      return real.apply(this, args);
    };
  });
  await screen.startTask({ folder: world.work, prompt: 'say hello' });
  await screen.agent('Hello from the scripted model.').waitFor();
  assert.deepEqual(await page.getByRole('alert').allInnerTexts(), []);
});

test('a write that fails is told, and the words stay in the box', async () => {
  const { page } = phone;
  await page.evaluate(() => {
    const real = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (...args) {
      IDBObjectStore.prototype.put = real;
      const request = real.apply(this, args);
      this.transaction.abort();
      return request;
    };
  });
  await screen.send('say: not lost');
  await page.getByText('This phone could not keep it: free some space, then try again.').waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Message' }).inputValue(), 'say: not lost');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await screen.agent(/^not lost$/).waitFor();
});

test('a key that the browser has thrown away is said to be lost, with the cure', async () => {
  const { page } = phone;
  const first = await deviceOf();
  assert.notEqual(first, '');
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        indexedDB.deleteDatabase('zane').onsuccess = () => resolve();
      }),
  );
  await page.reload();
  await page
    .getByText(/^This browser has thrown away the key that this phone had\. .*pair it again/)
    .waitFor();
  await page.getByRole('heading', { name: 'No Mac is paired' }).waitFor();
  assert.notEqual(await deviceOf(), first);
  await page.reload();
  await page.getByRole('heading', { name: 'No Mac is paired' }).waitFor();
  assert.equal(await page.getByText(/^This browser has thrown away/).count(), 0, 'said once');
  // Signed in it still is.
  await page.goto(await world.link());
  await page.getByRole('button', { name: 'Continue' }).click();
  await live().waitFor();
});

test('a browser that forbids storage: nothing goes on without a word', async () => {
  const { page } = phone;
  const denied = await phone.context.newPage();
  await denied.addInitScript(() => {
    indexedDB.open = () => {
      throw new DOMException('not here', 'SecurityError');
    };
  });
  await denied.goto(page.url().replace(/#.*/, ''));
  await denied.getByRole('heading', { name: 'Storage cannot be opened' }).waitFor();
  await denied.getByRole('button', { name: 'Try again' }).click();
  await denied.getByRole('heading', { name: 'Storage cannot be opened' }).waitFor();
  await denied.getByRole('button', { name: 'Go on, keep nothing' }).click();
  await denied.getByText(/^Nothing is kept on this phone: this page is a new device for your Mac/).waitFor();
  await denied.getByRole('heading', { name: 'No Mac is paired' }).waitFor();
  await denied.close();
});

test('a page that is older than what the phone holds says so, and changes nothing', async () => {
  const { page } = phone;
  const device = await deviceOf();
  await page.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const newer = indexedDB.open('zane', 99);
        newer.onerror = () => reject(newer.error!);
        newer.onsuccess = () => {
          newer.result.close();
          resolve();
        };
      }),
  );
  // The page that is open notices with its next write.
  await page.getByRole('link', { name: 'New task' }).first().click();
  await page.getByRole('combobox', { name: 'Folder' }).fill(world.work);
  await page.getByLabel('Prompt').fill('say: too old');
  await page.getByRole('button', { name: 'Start task' }).click();
  await page.getByText(/^This phone already holds what a newer Zane has written\./).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Storage cannot be opened' }).waitFor();
  assert.deepEqual(await page.getByRole('button').allInnerTexts(), ['Reload']);
  assert.equal(await deviceOf(), device);
});
