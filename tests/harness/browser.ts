// Real Chromium at phone size with a virtual passkey authenticator (CDP WebAuthn).
import { existsSync } from 'node:fs';
import { chromium, devices } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';

const PATHS = [
  '/usr/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

export async function startBrowser(): Promise<Browser> {
  const executablePath = process.env['ZANE_CHROMIUM'] ?? PATHS.find(existsSync);
  if (!executablePath) throw new Error('no Chromium found: install it, or set ZANE_CHROMIUM to its path');
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
    ],
  });
}

export interface PhonePage {
  context: BrowserContext;
  page: Page;
  errors: string[];
}

/** A fresh browser profile of a phone, with a passkey that says yes. */
export async function openPhone(browser: Browser, options: { dark?: boolean } = {}): Promise<PhonePage> {
  const context = await browser.newContext({
    ...devices['Pixel 7'],
    viewport: { width: 390, height: 844 },
    colorScheme: options.dark ? 'dark' : 'light',
  });
  await context.addInitScript(() => {
    if (location.protocol.startsWith('http')) localStorage.setItem('zane.measure', '1');
  });
  const page = await context.newPage();
  await addPasskey(page);
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  // A 401 is how a page learns that nobody is signed in; Chromium logs each one.
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('status of 401')) errors.push(message.text());
  });
  return { context, page, errors };
}

export async function addPasskey(page: Page): Promise<void> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}

/** Opens an enrolment link, makes a passkey, pairs, and ends on the list of threads. */
export async function enrol(phone: PhonePage, link: string): Promise<void> {
  const { page } = phone;
  await page.goto(link);
  await page.getByRole('button', { name: 'Create a passkey' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.locator('.statusline .words', { hasText: 'Live' }).waitFor();
}
