// What this device remembers: a small table store over IndexedDB. The device
// key, the paired Macs and the outbox live here. Not a cache of transcripts:
// those stay on the Mac.
export type Table = 'keys' | 'macs' | 'outbox';

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

const TABLES: readonly Table[] = ['keys', 'macs', 'outbox'];
const NAME = 'zane';
const VERSION = 1;

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
      reject(tx.error ?? new Error('this browser could not save: free some space'));
  });
}

export async function openStore(): Promise<Store> {
  const request = indexedDB.open(NAME, VERSION);
  request.onupgradeneeded = () => {
    for (const table of TABLES) request.result.createObjectStore(table);
  };
  const db = await settled(request);
  const read = (table: Table): IDBObjectStore => db.transaction(table, 'readonly').objectStore(table);
  const write = (table: Table, run: (store: IDBObjectStore) => void): Promise<void> => {
    const tx = db.transaction(table, 'readwrite', { durability: 'strict' });
    run(tx.objectStore(table));
    return committed(tx);
  };
  return {
    outlives: true,
    get: (table, key) => settled(read(table).get(key)),
    all: (table) => settled(read(table).getAll()),
    put: (table, key, value) => write(table, (store) => store.put(value, key)),
    update: async (table, key, change) => {
      let made: unknown;
      await write(table, (store) => {
        const known = store.get(key);
        known.onsuccess = () => {
          made = change(known.result);
          if (made === undefined) store.delete(key);
          else store.put(made, key);
        };
      });
      return made;
    },
    remove: (table, key) => write(table, (store) => store.delete(key)),
  };
}

/** For a browser that forbids IndexedDB: then nothing outlives the page, and the screen says so. Tests give it the other word. */
export function memoryStore(outlives = false): Store {
  const tables: Record<Table, Map<string, unknown>> = { keys: new Map(), macs: new Map(), outbox: new Map() };
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
