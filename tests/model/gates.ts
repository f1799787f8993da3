// The named gates of `wait for NAME`: an answer is held there until a test lets it pass.
// A release that comes before the answer is kept, one per gate, so a test need not
// know which of the two is faster. Bounded by the connections that wait.
const KEPT_RELEASES_MAX = 1_000;

interface Waiter {
  gate: string;
  pass: () => void;
}

export class Gates {
  readonly #waiters = new Set<Waiter>();
  readonly #released = new Set<string>();
  readonly #watchers = new Set<Waiter>();

  /** Resolves when released; rejects when the signal fires first. */
  wait(gate: string, signal: AbortSignal): Promise<void> {
    if (this.#released.delete(gate)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter = { gate, pass: resolve };
      this.#waiters.add(waiter);
      signal.addEventListener(
        'abort',
        () => {
          this.#waiters.delete(waiter);
          reject(new Error('the connection is gone'));
        },
        { once: true },
      );
      for (const watcher of this.#watchers)
        if (watcher.gate === gate) {
          this.#watchers.delete(watcher);
          watcher.pass();
        }
    });
  }

  release(gate: string): void {
    // A set keeps the order of insertion: who waits longest goes first.
    const waiter = [...this.#waiters].find((each) => each.gate === gate);
    if (waiter) {
      this.#waiters.delete(waiter);
      waiter.pass();
    } else if (this.#released.size < KEPT_RELEASES_MAX) {
      this.#released.add(gate);
    }
  }

  reached(gate: string): Promise<void> {
    if (this.waiting().includes(gate)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#watchers.add({ gate, pass: resolve });
    });
  }

  waiting(): string[] {
    return [...this.#waiters].map(({ gate }) => gate);
  }
}
