// Token buckets, one per key, in memory: in the Worker's isolate for the route
// that names no user, in the Durable Object for the rest, and one per socket.
// They start full again after an eviction, which takes 10 s of silence.

export interface Bucket {
  level: number;
  atMs: number;
}
export interface Rate {
  burst: number;
  perSecond: number;
}

export function newBucket(rate: Rate, nowMs: number): Bucket {
  return { level: rate.burst, atMs: nowMs };
}

/** Takes `cost` out of the bucket if it holds that much. */
export function take(bucket: Bucket, rate: Rate, cost: number, nowMs: number): boolean {
  const elapsedMs = Math.max(0, nowMs - bucket.atMs);
  bucket.level = Math.min(rate.burst, bucket.level + (elapsedMs * rate.perSecond) / 1000);
  bucket.atMs = nowMs;
  if (bucket.level < cost) return false;
  bucket.level -= cost;
  return true;
}

/** Buckets for up to `keysMax` keys; beyond that the one unused for longest is forgotten. */
export class Limiter {
  readonly #buckets = new Map<string, Bucket>();
  readonly #rate: Rate;
  readonly #keysMax: number;

  constructor(rate: Rate, keysMax: number) {
    this.#rate = rate;
    this.#keysMax = keysMax;
  }

  allow(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? newBucket(this.#rate, nowMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size > this.#keysMax && !oldest.done) this.#buckets.delete(oldest.value);
    return take(bucket, this.#rate, 1, nowMs);
  }
}

/** The sender's address for rate limits: one /64 counts as one sender. */
export function senderOf(request: Request): string {
  // A bare workerd puts the peer into `cf`; there nobody vouches for the header.
  const peer = (request.cf as { clientIp?: unknown } | undefined)?.clientIp;
  const address =
    typeof peer === 'string' ? withoutPort(peer) : (request.headers.get('cf-connecting-ip') ?? 'unknown');
  return address.includes(':') ? address.split(':').slice(0, 4).join(':') : address.slice(0, 64);
}

function withoutPort(peer: string): string {
  return /^\[.*\]/.test(peer) ? peer.slice(1, peer.indexOf(']')) : peer.replace(/:\d+$/, '');
}
