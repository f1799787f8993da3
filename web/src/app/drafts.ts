// Words that a person has begun to write and not sent: per thread, for a new task, for a question's answers. They
// outlive the page, and go when they are sent. Never for what is secret.
import { createSignal } from 'solid-js';

const PREFIX = 'zane.draft.';
/** The newest are kept: a browser gives a page about five million characters in all. */
export const DRAFTS_MAX = 40;
export const DRAFT_CHARS_MAX = 300_000;

/** The seam: a browser's `localStorage`, which throws where nothing may be kept. */
export type Shelf = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

interface Kept {
  atMs: number;
  text: string;
}

function read(shelf: Shelf, key: string): Kept | undefined {
  try {
    const kept = JSON.parse(shelf.getItem(key) ?? 'null') as Partial<Kept> | null;
    return typeof kept?.text === 'string' ? { text: kept.text, atMs: Number(kept.atMs) || 0 } : undefined;
  } catch {
    return undefined;
  }
}

export class Drafts {
  readonly #shelf: Shelf;
  readonly #now: () => number;
  /** What this page knows; the shelf may keep nothing. */
  readonly #texts = new Map<string, { get: () => string; set: (text: string) => void }>();

  constructor(shelf: Shelf, now: () => number) {
    this.#shelf = shelf;
    this.#now = now;
  }

  get(name: string): string {
    return this.#text(name).get();
  }

  set(name: string, text: string): void {
    this.#text(name).set(text);
    const key = PREFIX + name;
    try {
      if (text === '' || text.length > DRAFT_CHARS_MAX) return this.#shelf.removeItem(key);
      this.#shelf.setItem(key, JSON.stringify({ atMs: this.#now(), text } satisfies Kept));
      this.#dropOldest();
    } catch {
      // Nothing may be kept, or it is full: the words stay in the page.
    }
  }

  #text(name: string) {
    const known = this.#texts.get(name);
    if (known) return known;
    const [get, set] = createSignal(this.#read(name));
    const text = { get, set: (next: string) => void set(next) };
    this.#texts.set(name, text);
    return text;
  }

  #read(name: string): string {
    try {
      return read(this.#shelf, PREFIX + name)?.text ?? '';
    } catch {
      return '';
    }
  }

  #dropOldest(): void {
    const keys: string[] = [];
    for (let i = 0; i < this.#shelf.length; i++) {
      const key = this.#shelf.key(i);
      if (key?.startsWith(PREFIX)) keys.push(key);
    }
    if (keys.length <= DRAFTS_MAX) return;
    const age = (key: string): number => read(this.#shelf, key)?.atMs ?? 0;
    for (const key of keys.sort((a, b) => age(a) - age(b)).slice(0, keys.length - DRAFTS_MAX))
      this.#shelf.removeItem(key);
  }
}

/** Where a browser forbids it even to be asked for. */
const NOWHERE: Shelf = {
  getItem: () => null,
  setItem: () => undefined,
  removeItem: () => undefined,
  key: () => null,
  length: 0,
};

function shelf(): Shelf {
  try {
    return globalThis.localStorage ?? NOWHERE;
  } catch {
    return NOWHERE;
  }
}

export const drafts = new Drafts(shelf(), Date.now);
