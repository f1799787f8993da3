// For measurement only: when a delta reached the screen. Off unless this browser
// has `zane.measure` set to 1; bounded; nothing leaves the page.
const SAMPLES_MAX = 100_000;
const on = typeof localStorage !== 'undefined' && localStorage.getItem('zane.measure') === '1';

interface Sample {
  emittedAtMs: number;
  shownAtMs: number;
}

declare global {
  interface Window {
    __zaneLatency?: Sample[];
  }
}

export function shownNow(emittedAtMs: number): void {
  if (!on || !emittedAtMs) return;
  const samples = (window.__zaneLatency ??= []);
  if (samples.length < SAMPLES_MAX && samples.at(-1)?.emittedAtMs !== emittedAtMs)
    samples.push({ emittedAtMs, shownAtMs: Date.now() });
}
