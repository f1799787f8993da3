// What was begun and not sent outlives the page, within bounds, and harms nothing where a browser keeps nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Drafts, DRAFT_CHARS_MAX, DRAFTS_MAX } from './drafts.ts';
import type { Shelf } from './drafts.ts';

function shelf(): Shelf & { rows: Map<string, string> } {
  const rows = new Map<string, string>();
  return {
    rows,
    getItem: (key) => rows.get(key) ?? null,
    setItem: (key, value) => void rows.set(key, value),
    removeItem: (key) => void rows.delete(key),
    key: (at) => [...rows.keys()][at] ?? null,
    get length() {
      return rows.size;
    },
  };
}

test('words come back with the next page, and are gone once they are sent', () => {
  const kept = shelf();
  new Drafts(kept, () => 1).set('t', 'half a sen');
  const next = new Drafts(kept, () => 2);
  assert.equal(next.get('t'), 'half a sen');
  assert.equal(next.get('other'), '');
  next.set('t', '');
  assert.equal(new Drafts(kept, () => 3).get('t'), '');
  assert.equal(kept.rows.size, 0);
});

test('the newest are kept, and nothing else of the page is touched', () => {
  const kept = shelf();
  kept.setItem('zane.mac', 'x');
  let now = 0;
  const drafts = new Drafts(kept, () => ++now);
  for (let n = 0; n < DRAFTS_MAX + 5; n++) drafts.set(`t${n}`, `words ${n}`);
  const next = new Drafts(kept, () => now);
  assert.equal(next.get('t4'), '');
  assert.equal(next.get('t5'), 'words 5');
  assert.equal(kept.getItem('zane.mac'), 'x');
  assert.equal(kept.rows.size, DRAFTS_MAX + 1);
});

test('what is too long to keep stays in the page, and no older words are in its place', () => {
  const kept = shelf();
  const drafts = new Drafts(kept, () => 1);
  drafts.set('t', 'short');
  drafts.set('t', 'x'.repeat(DRAFT_CHARS_MAX + 1));
  assert.equal(drafts.get('t').length, DRAFT_CHARS_MAX + 1);
  assert.equal(new Drafts(kept, () => 2).get('t'), '');
});

test('a browser that keeps nothing, or odd things, keeps nobody from writing', () => {
  const refuse = (): never => {
    throw new Error('denied');
  };
  const closed: Shelf = { getItem: refuse, setItem: refuse, removeItem: refuse, key: refuse, length: 0 };
  const drafts = new Drafts(closed, () => 1);
  drafts.set('t', 'words');
  assert.equal(drafts.get('t'), 'words');
  const odd = shelf();
  for (const row of ['', 'null', '7', '{"text":7}', '{', '[]']) {
    odd.setItem('zane.draft.t', row);
    assert.equal(new Drafts(odd, () => 1).get('t'), '');
  }
});
