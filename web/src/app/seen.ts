// What the screens last showed, kept on this phone so that they show something at once: the inbox and the last
// threads, with the time at which they were so. Bounded, an owner can switch it off, gone with the sign-in. Never
// an approval: those are believed from the Mac alone. Only for showing; the truth replaces it.
import type { Clock, Timer } from '../link/clock.ts';
import type { Store } from '../link/store.ts';

/** Rows of another form are as good as none: raised whenever what is kept changes its shape. */
const FORM = 1;
export const SEEN_ROWS_MAX = 30;
export const SEEN_CHARS_MAX = 300_000;
const WRITE_AFTER_MS = 2_000;
/** While it changes all the time it is written this often. */
const WRITE_AT_LEAST_MS = 15_000;
const SWITCH = 'zane.seen';

export interface Kept<T> {
  atMs: number;
  value: T;
}

interface Row {
  name: string;
  form: number;
  atMs: number;
  text: string;
}

interface Waiting {
  text: () => string | undefined;
  timer: Timer;
  sinceMs: number;
}

function isRow(value: unknown): value is Row {
  if (typeof value !== 'object' || value === null) return false;
  const row = value as Partial<Row>;
  return typeof row.name === 'string' && typeof row.text === 'string' && typeof row.atMs === 'number';
}

export class Seen {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #notes: Pick<Storage, 'getItem' | 'setItem'>;
  readonly #waiting = new Map<string, Waiting>();

  constructor(store: Store, clock: Clock, notes: Pick<Storage, 'getItem' | 'setItem'>) {
    this.#store = store;
    this.#clock = clock;
    this.#notes = notes;
  }

  get isOn(): boolean {
    return this.#notes.getItem(SWITCH) !== 'off';
  }

  async switch(on: boolean): Promise<void> {
    this.#notes.setItem(SWITCH, on ? 'on' : 'off');
    if (!on) await this.clear();
  }

  /** What was kept under this name; nothing when there is none, or it can't be read. */
  async read<T>(name: string): Promise<Kept<T> | undefined> {
    if (!this.isOn) return undefined;
    try {
      const row = await this.#store.get('seen', name);
      if (!isRow(row) || row.form !== FORM) return undefined;
      return { atMs: row.atMs, value: JSON.parse(row.text) as T };
    } catch {
      return undefined;
    }
  }

  /** Soon written, and the latest alone; `text` is asked for then, and gives nothing where nothing is to be kept. */
  write(name: string, text: () => string | undefined): void {
    if (!this.isOn) return;
    const known = this.#waiting.get(name);
    const now = this.#clock.now();
    const sinceMs = known?.sinceMs ?? now;
    this.#clock.cancel(known?.timer);
    const delay = Math.max(0, Math.min(WRITE_AFTER_MS, sinceMs + WRITE_AT_LEAST_MS - now));
    const timer = this.#clock.after(delay, () => void this.#put(name));
    this.#waiting.set(name, { text, timer, sinceMs });
  }

  /** The page may be gone in a moment. */
  async flush(): Promise<void> {
    await Promise.all([...this.#waiting.keys()].map((name) => this.#put(name)));
  }

  async clear(): Promise<void> {
    for (const { timer } of this.#waiting.values()) this.#clock.cancel(timer);
    this.#waiting.clear();
    try {
      for (const row of await this.#store.all('seen'))
        if (isRow(row)) await this.#store.remove('seen', row.name);
    } catch {
      // Storage that can't be read now holds nothing that is shown.
    }
  }

  async #put(name: string): Promise<void> {
    const waiting = this.#waiting.get(name);
    this.#waiting.delete(name);
    this.#clock.cancel(waiting?.timer);
    const text = waiting?.text();
    if (text === undefined || text.length > SEEN_CHARS_MAX || !this.isOn) return;
    const row: Row = { name, form: FORM, atMs: this.#clock.now(), text };
    try {
      const isNew = !isRow(await this.#store.get('seen', name));
      await this.#store.put('seen', name, row);
      if (isNew) await this.#dropOldest();
    } catch {
      // No room for it: nothing is lost that the Mac does not have.
    }
  }

  async #dropOldest(): Promise<void> {
    const rows = (await this.#store.all('seen')).filter(isRow).sort((a, b) => b.atMs - a.atMs);
    for (const { name } of rows.slice(SEEN_ROWS_MAX)) await this.#store.remove('seen', name);
  }
}
