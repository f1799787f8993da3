// Cuts a unified diff into lines that can be coloured. Pure. Not a differ: the
// Mac sends diffs. A bare file body (Codex's diff of an added file) is all `add`.
import { visible } from './visible.ts';

export type DiffKind = 'add' | 'del' | 'hunk' | 'meta' | 'same';

export interface DiffLine {
  kind: DiffKind;
  text: string;
}

/** What a phone can draw without stuttering; the rest is on the Mac. */
export const DIFF_LINES_MAX = 1_500;

export interface Diff {
  lines: readonly DiffLine[];
  added: number;
  removed: number;
  /** Lines that are not shown. */
  more: number;
}

const META = /^(diff |index |--- |\+\+\+ |new file|deleted file|similarity|rename |Moved to)/;

function kindOf(line: string): DiffKind {
  if (line.startsWith('@@')) return 'hunk';
  if (META.test(line)) return 'meta';
  if (line.startsWith('+')) return 'add';
  if (line.startsWith('-')) return 'del';
  return 'same';
}

export function readDiff(text: string, fileKind: string): Diff {
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split(/\r?\n/);
  const bare = !lines.some((line) => line.startsWith('@@'));
  const whole: DiffKind | undefined =
    bare && fileKind === 'add' ? 'add' : bare && fileKind === 'delete' ? 'del' : undefined;
  const read = lines.map(
    (line): DiffLine => ({
      kind: whole ?? kindOf(line),
      text: visible(whole ? `${whole === 'add' ? '+' : '-'}${line}` : line),
    }),
  );
  const count = (kind: DiffKind): number => read.filter((line) => line.kind === kind).length;
  return {
    lines: read.slice(0, DIFF_LINES_MAX),
    added: count('add'),
    removed: count('del'),
    more: Math.max(0, read.length - DIFF_LINES_MAX),
  };
}
