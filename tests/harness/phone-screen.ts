// What a person does on the phone's screen, by the names a person would use.
import type { Locator, Page } from 'playwright-core';

/** Without a folder the one that the screen offers. */
export interface Task {
  folder?: string;
  prompt: string;
  permissions?: 'Ask' | 'Read only' | 'Full access';
  model?: string;
  effort?: string;
}

export class Screen {
  readonly page: Page;
  constructor(page: Page) {
    this.page = page;
  }

  async startTask(task: Task): Promise<string> {
    const { page } = this;
    await page.goto(new URL('#/', page.url()).href);
    await page.getByRole('link', { name: 'New task' }).first().click();
    if (task.folder !== undefined) await page.getByRole('combobox', { name: 'Folder' }).fill(task.folder);
    await page.getByLabel('Prompt').fill(task.prompt);
    if (task.permissions)
      await page.getByRole('radio', { name: new RegExp(`^${task.permissions}`) }).check({ force: true });
    if (task.model) await page.getByRole('combobox', { name: 'Model' }).selectOption({ label: task.model });
    if (task.effort)
      await page.getByRole('combobox', { name: 'Effort' }).selectOption({ label: task.effort });
    await page.getByRole('button', { name: 'Start task' }).click();
    await page.waitForURL(/#\/thread\/[^?]+/);
    return decodeURIComponent(/#\/thread\/([^?]+)/.exec(page.url())![1]!);
  }

  /** A message into the open thread; it steers when a turn runs. */
  async send(text: string): Promise<void> {
    await this.page.getByRole('textbox', { name: /^(Message|Steer the running turn)$/ }).fill(text);
    await this.page.getByRole('button', { name: 'Send', exact: true }).click();
  }

  agent(text: string | RegExp): Locator {
    return this.page.locator('[data-item-type=agent]', { hasText: text });
  }

  sheet(): Locator {
    return this.page.locator('[role=dialog][data-approval-id]');
  }

  /** Opens what waits for an answer on this screen. */
  async openApproval(): Promise<void> {
    await this.page
      .getByRole('link', { name: /^Answer/ })
      .first()
      .click();
    await this.sheet().waitFor();
  }

  async choose(choice: string): Promise<void> {
    await this.page.locator(`button[data-choice=${JSON.stringify(choice)}]`).click();
  }

  /** Presses what the open sheet offers, by its words. */
  async press(words: string): Promise<void> {
    await this.sheet().getByRole('button', { name: words, exact: true }).click();
  }

  /** What is asked is longer than the sheet: nothing can be granted before its end was in view. */
  async readToTheEnd(): Promise<void> {
    const rest = this.sheet().getByRole('button', { name: 'Show the rest' });
    while (await rest.isVisible())
      await this.sheet()
        .locator('.sheetbody')
        .evaluate((body) => body.scrollTo(0, body.scrollHeight));
  }

  /** A grant that holds for longer than once: it stands apart, and is asked about once more. */
  async allowForLonger(words: string): Promise<void> {
    await this.sheet().getByText('Allow for longer').click();
    await this.press(words);
    await this.press(`Yes: ${words}`);
  }

  approval(state: string): Locator {
    return this.page.locator(`[data-approval-state=${JSON.stringify(state)}]`);
  }
}
