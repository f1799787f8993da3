// What Markdown says, as a tree: CommonMark 0.31 and GitHub's additions (tables,
// deletions, task lists, bare links). Blocks keep their text as it was written;
// inlines.ts reads it. Not for drawing (parts/markdown.tsx).

export type Inline =
  | { type: 'text'; text: string }
  | { type: 'code'; text: string }
  | { type: 'emphasis' | 'strong' | 'deleted'; children: readonly Inline[] }
  | { type: 'link' | 'image'; to: string; title: string; children: readonly Inline[] }
  | { type: 'html'; text: string }
  | { type: 'break'; hard: boolean };

export type Align = '' | 'left' | 'center' | 'right';

export interface ListItem {
  /** A task's box; undefined where there is none. */
  checked: boolean | undefined;
  children: readonly Block[];
}

export type Block =
  | { type: 'paragraph'; text: string }
  | { type: 'heading'; level: number; text: string }
  | { type: 'code'; info: string; text: string }
  | { type: 'html'; text: string }
  | { type: 'rule' }
  | { type: 'quote'; children: readonly Block[] }
  | { type: 'list'; ordered: boolean; start: number; tight: boolean; items: readonly ListItem[] }
  | { type: 'table'; align: readonly Align[]; head: readonly string[]; rows: readonly (readonly string[])[] };

export interface Reference {
  to: string;
  title: string;
}

/** By the label as `labelOf` (inlines.ts) writes it. */
export type References = ReadonlyMap<string, Reference>;
