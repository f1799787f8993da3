// The fake Codex (tests/fake_codex) as tests hold it: where it is, how to make
// it end at start, and what answers it got.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../script/lib/anchor.ts';
import { preset } from './world.ts';
import type { World } from './world.ts';

export const fakeCodex = join(root, 'build', preset, 'test-bin/fake_codex');

/** One JSON-RPC response as it came. */
export interface Response {
  pid: number;
  raw: string;
}

export function responses(world: World): Response[] {
  const file = join(world.codexHome, 'responses.log');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const tab = line.indexOf('\t');
      return { pid: Number(line.slice(0, tab)), raw: line.slice(tab + 1) };
    });
}

/** Whether every start of the fake ends at once. */
export function endAtStart(world: World, yes: boolean): void {
  const file = join(world.codexHome, 'exit-at-start');
  if (yes) writeFileSync(file, '');
  else rmSync(file);
}
