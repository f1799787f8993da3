// What a person has asked for, on this device's disk before it goes out: prompts,
// tasks and decisions. A reload resends the same id and bytes; a final receipt
// removes the entry, unless it failed: then it stays to be read and dismissed.
// Not for reads and keystrokes, which are worth nothing later.
import type { Commands, Ending, Outcome, Prepared, Progress } from './commands.ts';
import { idOfKey, utf8 } from './signed.ts';
import type { Store } from './store.ts';

/**
 * How long an order may still arrive. A prompt: not next week, but after a flight. A decision or a stop is for what
 * is on the screen now; what is asked stays open and can be answered again.
 */
export const LIFE_MS: Readonly<Record<Purpose['kind'], number>> = {
  prompt: 12 * 60 * 60_000,
  task: 12 * 60 * 60_000,
  decision: 30 * 60_000,
  stop: 10 * 60_000,
};
export const OUTBOX_ENTRIES_MAX = 100;
const DONE_KEPT_MAX = 20;

export type Purpose =
  | { kind: 'prompt'; thread: string; text: string; steer: boolean }
  | { kind: 'task'; cwd: string; text: string }
  | { kind: 'decision'; approval: string; choice: string; label: string }
  | { kind: 'stop'; thread: string; turn: string };

export interface Entry {
  id: string;
  prepared: Prepared;
  purpose: Purpose;
  createdAt: number;
  state: Progress | Ending;
  /** It may have left this phone. Written before it can, so that what is taken back never was on its way. */
  left: boolean;
  /** Whether it outlives this page. */
  kept: boolean;
  message: string;
  /** The thread and turn that came of it, for `done`. */
  result: unknown;
}

export interface Order {
  mac: string;
  method: string;
  params: unknown;
  purpose: Purpose;
  now: number;
  /** The command's id, where the params must name it too (`clientUserMessageId`). */
  id?: string;
  /** `memory`: answers to secret questions; a reload forgets them rather than leave them on the disk. */
  keep: 'disk' | 'memory';
}

/**
 * What becomes of an order that Codex refused: another one in its place, under `id`; `done` where nothing is left
 * to do; else it failed. Asked again for the same order it gives the same.
 */
export type Instead = (entry: Entry, why: string, id: string) => Order | 'done' | undefined;

export class Outbox {
  readonly #store: Store;
  readonly #instead: Instead;
  readonly #commands: Commands;
  readonly #changed: (entries: readonly Entry[]) => void;
  #entries: readonly Entry[] = [];
  readonly #waiting = new Map<string, (ending: Ending) => void>();

  constructor(
    store: Store,
    commands: Commands,
    changed: (entries: readonly Entry[]) => void,
    instead: Instead = () => undefined,
  ) {
    this.#store = store;
    this.#instead = instead;
    this.#commands = commands;
    this.#changed = changed;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** After a reload: everything unanswered goes out again, byte for byte. */
  async load(): Promise<void> {
    const rows = (await this.#store.all('outbox')).filter(isEntry).sort((a, b) => a.createdAt - b.createdAt);
    // How an answer or a stop failed was for that page to show; only lost words are worth keeping.
    const over = rows.filter((entry) => isFinal(entry.state) && !('text' in entry.purpose));
    for (const entry of over) await this.#store.remove('outbox', entry.id);
    this.#entries = rows
      .filter((entry) => !over.includes(entry))
      .slice(-OUTBOX_ENTRIES_MAX)
      // Of one that an older app wrote down nobody knows.
      .map((entry) => ({ ...entry, left: entry.left !== false, kept: true }));
    this.#changed(this.#entries);
    for (const entry of this.#entries) {
      if (isFinal(entry.state)) continue;
      this.#patch(entry.id, { state: 'saved' });
      await this.#send(entry.id);
    }
  }

  /** Resolves when it is on disk and handed to the socket. Rejects when it is neither. */
  async add(order: Order): Promise<Entry> {
    if (this.#entries.filter((entry) => entry.state !== 'done').length >= OUTBOX_ENTRIES_MAX)
      throw new Error('the outbox is full: dismiss what failed, or wait for the connection');
    const entry = await this.#entry(order);
    await this.#keep(entry);
    this.#set([...withoutOldDone(this.#entries), entry]);
    await this.#send(entry.id);
    return entry;
  }

  async #entry({ mac, method, params, id, purpose, now, keep }: Order, issuedAt?: number): Promise<Entry> {
    const prepared = await this.#commands.prepare(mac, method, params, LIFE_MS[purpose.kind], id, issuedAt);
    return {
      id: prepared.id,
      prepared,
      purpose,
      createdAt: now,
      state: 'saved',
      left: this.#commands.ready(mac),
      kept: keep === 'disk' && this.#store.outlives,
      message: '',
      result: undefined,
    };
  }

  /** The Mac can be reached: what waits is on its way from now on, and that is written down first. */
  async leaving(mac: string): Promise<void> {
    const waiting = this.#entries.filter(
      ({ prepared, left, state }) => prepared.mac === mac && !left && !isFinal(state),
    );
    for (const { id } of waiting) this.#patch(id, { left: true });
    await Promise.all(waiting.map((entry) => this.#markLeft(entry)));
  }

  async #markLeft({ id, kept }: Entry): Promise<void> {
    if (!kept) return;
    const mark = (row: unknown) => (isEntry(row) ? { ...row, left: true } : undefined);
    // That it can't be written is no reason not to send.
    const row = await this.#store.update('outbox', id, mark).catch(() => id);
    // Another page of this device has taken it back.
    if (row !== undefined) return;
    this.#commands.withdraw(id);
    this.#set(this.#entries.filter((entry) => entry.id !== id));
  }

  /** Gives the order back that never left, from any page of this device; undefined when it may have. */
  async takeBack(id: string): Promise<Entry | undefined> {
    const entry = this.#entries.find((known) => known.id === id);
    if (!entry || entry.left || isFinal(entry.state) || !this.#commands.withdraw(id)) return undefined;
    let taken = !entry.kept;
    if (entry.kept)
      await this.#store.update('outbox', id, (row) => {
        taken = isEntry(row) && row.left === false;
        return taken ? undefined : row;
      });
    if (taken) this.#set(this.#entries.filter((known) => known.id !== id));
    else {
      this.#patch(id, { left: true });
      this.#follow(entry);
    }
    return taken ? entry : undefined;
  }

  /** Handed to the commands once it is as the disk has it. */
  async #send(id: string): Promise<void> {
    const entry = this.#entries.find((known) => known.id === id);
    if (!entry) return;
    if (!entry.left && this.#commands.ready(entry.prepared.mac)) {
      this.#patch(id, { left: true });
      await this.#markLeft(entry);
    }
    if (this.#entries.some((known) => known.id === id)) this.#follow(entry);
  }

  /** How an order ended, once it has; nothing for one that is not (or no longer) here. */
  async ending(id: string): Promise<Ending | undefined> {
    const known = this.#entries.find((entry) => entry.id === id);
    if (!known || isFinal(known.state)) return known?.state as Ending | undefined;
    return new Promise((done) => this.#waiting.set(id, done));
  }

  async dismiss(id: string): Promise<void> {
    this.#set(this.#entries.filter((entry) => entry.id !== id));
    await this.#store.remove('outbox', id);
  }

  #follow(entry: Entry): void {
    this.#commands.submit(entry.prepared, 'until-answered', {
      progress: (state) => this.#patch(entry.id, { state }),
      trouble: (message) => this.#patch(entry.id, { message }),
      ended: (outcome) => void this.#ended(entry, outcome),
    });
  }

  async #ended(entry: Entry, outcome: Outcome): Promise<void> {
    const refused = outcome.state === 'failed' && outcome.reason === 'codex';
    const instead = refused ? this.#instead(entry, outcome.message, await followingId(entry.id)) : undefined;
    if (instead && instead !== 'done') {
      try {
        return await this.#replace(entry, instead);
      } catch {
        // It can't be written down: then this one failed, and its words stay here.
      }
    }
    const patch = {
      state: instead === 'done' ? instead : outcome.state,
      message: outcome.message || outcome.reason,
      result: outcome.result,
    };
    this.#patch(entry.id, patch);
    this.#waiting.get(entry.id)?.(patch.state);
    this.#waiting.delete(entry.id);
    if (patch.state === 'done') await this.#store.remove('outbox', entry.id);
    else await this.#keep({ ...entry, ...patch, result: undefined });
  }

  /** On the disk before the old one is off it: a page that ends between the two finds the new one there. */
  async #replace(old: Entry, order: Order): Promise<void> {
    if (this.#entries.some((entry) => entry.id === order.id)) return this.dismiss(old.id);
    // The same bytes each time, and no longer a life than the old one had.
    const entry = await this.#entry(
      { ...order, now: old.createdAt },
      old.prepared.expiresAt - LIFE_MS[old.purpose.kind],
    );
    await this.#keep(entry);
    this.#set(this.#entries.map((known) => (known.id === old.id ? entry : known)));
    await this.#store.remove('outbox', old.id);
    await this.#send(entry.id);
  }

  async #keep(entry: Entry): Promise<void> {
    if (entry.kept) await this.#store.put('outbox', entry.id, plainCopy(entry));
  }

  #patch(id: string, patch: Partial<Entry>): void {
    this.#set(this.#entries.map((entry) => (entry.id === id ? { ...entry, ...patch } : entry)));
  }

  #set(entries: readonly Entry[]): void {
    this.#entries = entries;
    this.#changed(entries);
  }
}

/** The id of the order that takes another one's place: always the same, so that it is one order however often. */
async function followingId(id: string): Promise<string> {
  return idOfKey(utf8(`instead of ${id}`));
}

export function isFinal(state: Progress | Ending): state is Ending {
  return state !== 'saved' && state !== 'sent' && state !== 'received';
}

/** What is done is remembered for the screens that wait for it, and no longer. */
function withoutOldDone(entries: readonly Entry[]): readonly Entry[] {
  const old = entries.filter((entry) => entry.state === 'done').slice(0, -DONE_KEPT_MAX);
  return old.length ? entries.filter((entry) => !old.includes(entry)) : entries;
}

/** A plain copy that IndexedDB can hold whatever view the UI made of the entry. */
function plainCopy(entry: Entry): Entry {
  return { ...entry, prepared: { ...entry.prepared }, purpose: { ...entry.purpose } };
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Entry>;
  return (
    typeof entry.id === 'string' &&
    typeof entry.createdAt === 'number' &&
    entry.prepared?.bytes instanceof Uint8Array &&
    typeof entry.purpose?.kind === 'string'
  );
}
