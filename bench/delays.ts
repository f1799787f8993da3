// The same as latency.h, for the phone's end: delays from the fake Codex's
// stamps, and whether anything is missing or out of order.
export interface Delayed {
  count: number;
  lost: number;
  disordered: number;
  p50Us: number;
  p99Us: number;
  maxUs: number;
  last: number;
}

const DELTA = '"delta":"';

export class Delays {
  readonly #us: number[] = [];
  #next = 0;
  #lost = 0;
  #disordered = 0;

  /** One message of Codex's that arrived at `nowNs` (the steady clock). */
  take(raw: string, nowNs: bigint): 'other' | 'delta' | 'end' {
    const at = raw.indexOf(DELTA);
    if (at < 0) return this.#us.length > 0 && raw.includes('"turn/completed"') ? 'end' : 'other';
    const [number = '', sentNs = '0'] = raw.slice(at + DELTA.length, at + DELTA.length + 60).split(' ');
    this.#us.push(Number(nowNs - BigInt(sentNs)) / 1000);
    if (Number(number) < this.#next) this.#disordered++;
    else this.#lost += Number(number) - this.#next;
    this.#next = Math.max(this.#next, Number(number) + 1);
    return 'delta';
  }

  summary(): Delayed {
    this.#us.sort((a, b) => a - b);
    const at = (share: number): number => this.#us[Math.floor(share * (this.#us.length - 1))] ?? 0;
    return {
      count: this.#us.length,
      lost: this.#lost,
      disordered: this.#disordered,
      p50Us: at(0.5),
      p99Us: at(0.99),
      maxUs: at(1),
      last: this.#next - 1,
    };
  }
}
