// The first frame on every connection, both ways. Decides whether two parts can
// work together and, if not, which of them is to be updated.
import { PROTOCOL_MAX, PROTOCOL_MIN } from '../../proto/ts/link.ts';
import type { Header, Hello } from '../../proto/ts/link.ts';
import { RELEASE } from './release.ts';

export function orbitHello(client?: string): Header {
  const hello: Hello = {
    part: 'orbit',
    protocolMin: PROTOCOL_MIN,
    protocolMax: PROTOCOL_MAX,
    release: RELEASE,
  };
  return { hello: client === undefined ? hello : { ...hello, client } };
}

export type Verdict =
  | { verdict: 'ready'; release: string }
  | { verdict: 'update'; part: string; release: string }
  | { verdict: 'bad'; reason: string };

/** Judges the hello of a peer that must be `part`. Pure. */
export function judgeHello(
  part: 'client' | 'relay',
  hello: unknown,
  min: number = PROTOCOL_MIN,
  max: number = PROTOCOL_MAX,
): Verdict {
  if (typeof hello !== 'object' || hello === null)
    return { verdict: 'bad', reason: 'the first frame must be hello' };
  const { part: said, protocolMin, protocolMax, release } = hello as Partial<Record<keyof Hello, unknown>>;
  if (said !== part) return { verdict: 'bad', reason: `only \`${part}\` may speak here` };
  if (typeof protocolMin !== 'number' || typeof protocolMax !== 'number' || !(protocolMin <= protocolMax))
    return { verdict: 'bad', reason: 'hello has no protocol range' };
  const name = typeof release === 'string' ? release.slice(0, 32) : '';
  if (protocolMax < min) return { verdict: 'update', part, release: name };
  if (protocolMin > max) return { verdict: 'update', part: 'orbit', release: name };
  return { verdict: 'ready', release: name };
}
