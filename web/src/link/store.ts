// What this device remembers: a small table store over IndexedDB. The device
// key, the paired Macs, the outbox and what was last seen live here.
export type Table = 'keys' | 'macs' | 'outbox' | 'seen';

/** The seam: tests use a map in memory. */
export interface Store {
  /** Whether what is put here is there after the page. */
  readonly outlives: boolean;
  get(table: Table, key: string): Promise<unknown>;
  all(table: Table): Promise<unknown[]>;
  put(table: Table, key: string, value: unknown): Promise<void>;
  /** In one step for all pages of this device: what `change` makes of the value, undefined for none. Gives what it made. */
  update(table: Table, key: string, change: (value: unknown) => unknown): Promise<unknown>;
  remove(table: Table, key: string): Promise<void>;
}

const NAME = 'zane';
/** Step i takes version i to i + 1. Never changed once released: a phone may hold any of them. */
const STEPS: readonly ((db: IDBDatabase) => void)[] = [
  (db) => {
    for (const table of ['keys', 'macs', 'outbox']) db.createObjectStore(table);
  },
  // What was last seen (app/seen.ts).
  (db) => void db.createObjectStore('seen'),
];
/** Pages of this release let go at once; one of 0.1 has to be closed by hand. */
const BLOCKED_MS = 3_000;

const WORDS = {
  newer: 'This phone already holds what a newer Zane has written. Reload to update this page.',
  blocked:
    'Zane is open in another tab that has to make way for an update. Close the other tabs, then try again.',
  denied:
    'This browser does not let Zane keep anything (a private window, or no room left), not even the key that makes this phone yours.',
} as const;

export class StoreError extends Error {
  readonly why: keyof typeof WORDS;
  constructor(why: keyof typeof WORDS, cause?: unknown) {
    super(WORDS[why], { cause });
    this.why = why;
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('indexeddb failed'));
  });
}

/** Resolves once the write is on disk, which is what the outbox promises. */
function committed(tx: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onerror = tx.onabort = () =>
      reject(
        new Error('This phone could not keep it: free some space, then try again.', { cause: tx.error }),
      );
  });
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, STEPS.length);
    request.onblocked = () => setTimeout(() => reject(new StoreError('blocked')), BLOCKED_MS);
    request.onupgradeneeded = (event) => {
      for (const step of STEPS.slice(event.oldVersion)) step(request.result);
    };
    request.onerror = () =>
      reject(new StoreError(request.error?.name === 'VersionError' ? 'newer' : 'denied', request.error));
    request.onsuccess = () => {
      // Another page wants to take it a step further: this one lets go, and opens it anew when it needs it.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
  });
}

/** Whether the connection has gone: a browser may close it at any time, and phones do in the background. */
function isClosed(failure: unknown): boolean {
  return failure instanceof DOMException && failure.name === 'InvalidStateError';
}

export async function openStore(): Promise<Store> {
  let db = await Promise.resolve()
    .then(open)
    .catch((failure: unknown) => {
      throw failure instanceof StoreError ? failure : new StoreError('denied', failure);
    });
  async function begin(table: Table, mode: IDBTransactionMode): Promise<IDBTransaction> {
    const start = (): IDBTransaction => db.transaction(table, mode, { durability: 'strict' });
    try {
      return start();
    } catch (failure) {
      if (!isClosed(failure)) throw failure;
      db = await open();
      return start();
    }
  }
  async function read<T>(table: Table, ask: (rows: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    return settled(ask((await begin(table, 'readonly')).objectStore(table)));
  }
  async function write(table: Table, run: (rows: IDBObjectStore) => void): Promise<void> {
    const tx = await begin(table, 'readwrite');
    run(tx.objectStore(table));
    return committed(tx);
  }
  return {
    outlives: true,
    get: (table, key) => read(table, (rows) => rows.get(key) as IDBRequest<unknown>),
    all: (table) => read(table, (rows) => rows.getAll() as IDBRequest<unknown[]>),
    put: (table, key, value) => write(table, (rows) => rows.put(value, key)),
    update: async (table, key, change) => {
      let made: unknown;
      await write(table, (rows) => {
        const known = rows.get(key);
        known.onsuccess = () => {
          made = change(known.result);
          if (made === undefined) rows.delete(key);
          else rows.put(made, key);
        };
      });
      return made;
    },
    remove: (table, key) => write(table, (rows) => rows.delete(key)),
  };
}

/** For a browser that forbids IndexedDB: then nothing outlives the page, and the screen says so. Tests give it the other word. */
export function memoryStore(outlives = false): Store {
  const tables: Record<Table, Map<string, unknown>> = {
    keys: new Map(),
    macs: new Map(),
    outbox: new Map(),
    seen: new Map(),
  };
  return {
    outlives,
    get: async (table, key) => tables[table].get(key),
    all: async (table) => [...tables[table].values()],
    put: async (table, key, value) => void tables[table].set(key, structuredClone(value)),
    update: async (table, key, change) => {
      const made = change(tables[table].get(key));
      if (made === undefined) tables[table].delete(key);
      else tables[table].set(key, structuredClone(made));
      return made;
    },
    remove: async (table, key) => void tables[table].delete(key),
  };
}
