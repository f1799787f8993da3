// A clock that moves only when a test says so. For tests only.
import type { Clock, Timer } from '../link/clock.ts';

interface Due {
  at: number;
  run: () => void;
}

export class FakeClock implements Clock {
  #now = 1_800_000_000_000;
  #next = 1;
  readonly #due = new Map<number, Due>();

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Timer {
    const id = this.#next++;
    this.#due.set(id, { at: this.#now + ms, run });
    return id as unknown as Timer;
  }

  cancel(timer: Timer | undefined): void {
    if (timer !== undefined) this.#due.delete(timer as unknown as number);
  }

  random(): number {
    return 0.5;
  }

  get waiting(): number {
    return this.#due.size;
  }

  /** Runs what falls due, in order, moving time along with it. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#due]
        .filter(([, due]) => due.at <= end)
        .sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (!next) break;
      this.#due.delete(next[0]);
      this.#now = Math.max(this.#now, next[1].at);
      next[1].run();
    }
    this.#now = end;
  }
}

/** Lets everything that is only waiting for promises happen, WebCrypto's thread included. */
export async function until(done: () => boolean): Promise<void> {
  for (let turns = 0; !done(); turns++) {
    if (turns > 10_000) throw new Error('it never came about');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
