// A text that grows, read once: what stands before its last block is kept as it
// is, only that one is read again. Pure but for its own memory.
import { readBlocks } from './blocks.ts';
import type { Block, Reference } from './nodes.ts';

export interface Reading {
  /** The same objects as before where nothing changed. */
  blocks: readonly Block[];
  references: ReadonlyMap<string, Reference>;
}

/** Of a line that is not whole yet: marks that may become anything. */
const UNDECIDED = /(?:^|\n)[ \t]*(?:[-=|:*_#>`~+\s]+|\d{1,9}[.)]?)$/;

export class Growing {
  #text = '';
  #blocks: readonly Block[] = [];
  #starts: readonly number[] = [];
  #references: ReadonlyMap<string, Reference> = new Map();
  /** So many blocks stay as they are. */
  #closed = 0;
  /** Those of the blocks that are closed: the last one's may still change. */
  #settled: ReadonlyMap<string, Reference> = new Map();

  /** `done`: nothing follows. Until then the marks at the end wait for what they are about. */
  read(written: string, done: boolean): Reading {
    const text = done ? written : written.replace(UNDECIDED, '');
    if (text === this.#text && text !== '') return { blocks: this.#blocks, references: this.#references };
    const grew = text.startsWith(this.#text);
    const keep = grew ? this.#closed : 0;
    const from = grew ? (this.#starts[keep] ?? 0) : 0;
    if (!grew) this.#settled = new Map();
    const rest = readBlocks(text.slice(from), this.#settled);
    this.#text = text;
    this.#blocks = [...this.#blocks.slice(0, keep), ...rest.blocks];
    this.#starts = [...this.#starts.slice(0, keep), ...rest.starts.map((start) => start + from)];
    // A block is closed for good once another one has begun, on a line that is whole.
    const whole = text.lastIndexOf('\n') + 1;
    this.#closed = Math.max(0, this.#starts.filter((start) => start < whole).length - 1);
    const next = this.#starts[this.#closed] ?? 0;
    if (next > from) this.#settled = readBlocks(text.slice(from, next), this.#settled).references;
    if (!same(this.#references, rest.references)) this.#references = rest.references;
    return { blocks: this.#blocks, references: this.#references };
  }
}

function same(a: ReadonlyMap<string, Reference>, b: ReadonlyMap<string, Reference>): boolean {
  return (
    a.size === b.size &&
    [...a].every(([label, { to, title }]) => b.get(label)?.to === to && b.get(label)?.title === title)
  );
}
