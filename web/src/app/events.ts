// Turns a stream's raw events into what the reducers take: parsed messages and
// verified approvals. The only place between the link and the model.
import { fromUtf8 } from '../link/signed.ts';
import type { RawEvent } from '../link/streams.ts';
import { readApproval } from '../model/approvals.ts';
import type { Approval } from '../model/approvals.ts';
import { obj } from '../model/read.ts';
import type { Fields } from '../model/read.ts';

/** Codex's own words, what it told afterwards, and the Mac's about what was missed (docs/link.md). */
const SPOKEN: ReadonlySet<string> = new Set(['', 'recovered', 'zane']);

export type ReadEvent =
  | { kind: 'message'; epoch: string; seq: number; message: Fields }
  | { kind: 'approval'; epoch: string; seq: number; approval: Approval };

function message(body: Uint8Array | undefined): Fields {
  try {
    return body ? obj(JSON.parse(fromUtf8(body))) : {};
  } catch {
    return {};
  }
}

/** A run of events in order, awaiting only where a signature must be checked. */
export async function eachEvent(
  epoch: string,
  events: readonly RawEvent[],
  mac: string,
  key: CryptoKey | undefined,
  take: (event: ReadEvent) => void,
): Promise<void> {
  for (const event of events) {
    const place = { epoch, seq: event.seq };
    const approval = event.kind === 'approval' && key ? await readApproval(event, mac, key) : undefined;
    if (approval) take({ kind: 'approval', ...place, approval });
    // A message that cannot be read moves the place and changes nothing.
    else take({ kind: 'message', ...place, message: SPOKEN.has(event.kind) ? message(event.bodies[0]) : {} });
  }
}
