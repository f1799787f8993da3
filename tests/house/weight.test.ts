// How much of the client a phone has to load before it shows something. Gzipped, as Orbit serves it.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { root } from '../../script/lib/anchor.ts';

const built = join(root, 'build/web');
const assets = readdirSync(join(built, 'assets'));
const kib = (files: Iterable<string>): number =>
  [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(built, file))).length, 0) / 1024;

/** What a script can't begin without. */
function needs(file: string): string[] {
  const code = readFileSync(join(built, file), 'utf8');
  return [...code.matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([^"']+)["']/g)].map(
    (match) => `assets/${match[1]}`,
  );
}
function withNeeds(first: readonly string[]): Set<string> {
  const all = new Set<string>();
  const take = (file: string): void => {
    if (all.has(file)) return;
    all.add(file);
    if (file.endsWith('.js')) needs(file).forEach(take);
  };
  first.forEach(take);
  return all;
}
const named = (name: string): string[] =>
  assets.filter((file) => file.startsWith(`${name}-`)).map((file) => `assets/${file}`);

const page = readFileSync(join(built, 'index.html'), 'utf8');
const inbox = withNeeds([
  'index.html',
  ...[...page.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((match) => match[1]!),
]);

test('the inbox is 40 KB', () => {
  assert.ok(inbox.size > 3);
  assert.ok(kib(inbox) <= 40, `${kib(inbox).toFixed(1)} KB: ${[...inbox].join(', ')}`);
});

test('a thread and its sheet are 34 KB more', () => {
  const more = withNeeds([...named('thread'), ...named('approval-sheet')]);
  assert.ok(more.size > 4);
  const own = [...more].filter((file) => !inbox.has(file));
  // The aim is 25: our own Markdown, as CommonMark has it, is nine of these.
  assert.ok(kib(own) <= 34, `${kib(own).toFixed(1)} KB: ${own.join(', ')}`);
});

test('all of it, without the terminal and the names of characters, is 150 KB', () => {
  const apart = [...named('terminal'), ...named('character-entities')];
  const all = assets.map((file) => `assets/${file}`).filter((file) => !apart.includes(file));
  assert.ok(kib(all) <= 150, `${kib(all).toFixed(1)} KB`);
});
