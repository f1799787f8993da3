// The seam for time and chance, so that tests own both. Not a scheduler.
export type Timer = ReturnType<typeof setTimeout>;

export interface Clock {
  now(): number;
  after(ms: number, run: () => void): Timer;
  cancel(timer: Timer | undefined): void;
  /** 0 ≤ n < 1. */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, run) => setTimeout(run, ms),
  cancel: (timer) => clearTimeout(timer),
  random: () => Math.random(),
};
