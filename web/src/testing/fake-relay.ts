// The relay end of a stream over a fixed journal, with a seeded line that drops,
// doubles and cuts frames as a bad network and a restarting relay do. For tests.
import type { Header } from '../../../proto/ts/link.ts';
import { utf8 } from '../link/signed.ts';

/** A small seeded generator (mulberry32): a failing seed can be run again. */
export function seeded(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export interface Logged {
  seq: number;
  message: unknown;
}

export interface Batch {
  header: Header;
  bodies: Uint8Array[];
}

export function batch(
  stream: string,
  epoch: string,
  previous: number,
  events: readonly Logged[],
  atHead = false,
): Batch {
  return {
    header: {
      events: {
        stream,
        epoch,
        prevSeq: String(previous),
        events: events.map((event) => ({ seq: String(event.seq) })),
        atHead,
      },
    },
    bodies: events.map((event) => utf8(JSON.stringify(event.message))),
  };
}

/** Everything after `after`, in batches of random size. */
export function batches(
  stream: string,
  epoch: string,
  log: readonly Logged[],
  after: number,
  random: () => number,
): Batch[] {
  const out: Batch[] = [];
  const rest = log.filter((event) => event.seq > after);
  let previous = after;
  for (let at = 0; at < rest.length; ) {
    const run = rest.slice(at, at + 1 + Math.floor(random() * 5));
    at += run.length;
    out.push(batch(stream, epoch, previous, run, at >= rest.length));
    previous = run.at(-1)?.seq ?? previous;
  }
  return out;
}

/** The same batches as a bad line delivers them: some lost, some twice, some late. */
export function disturbed(list: readonly Batch[], random: () => number): Batch[] {
  const out: Batch[] = [];
  for (const one of list) {
    const chance = random();
    if (chance < 0.12) continue;
    out.push(one);
    if (chance > 0.85) out.push(one);
    if (chance > 0.94 && out.length > 3) out.push(out[Math.floor(random() * out.length)] as Batch);
  }
  return out;
}
