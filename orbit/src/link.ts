// Frames between phones and Macs of one user. Reads the header line alone,
// stamps who speaks, forwards the rest verbatim to those addressed. There is no
// broadcast, and no way to name a socket of another user: it is in another object.
import {
  Close,
  FRAME_BYTES_MAX,
  FrameError,
  HEADER_BYTES_MAX,
  encodeTextFrame,
  kindOf,
  splitHeader,
} from '../../proto/ts/link.ts';
import type { Header, Kind } from '../../proto/ts/link.ts';
import { judgeHello } from './hello.ts';
import type { Home } from './home.ts';
import { log } from './log.ts';
import { findMac } from './macs.ts';
import { acknowledge, handOver, replaceHooks } from './mailbox.ts';
import { tellPresence } from './presence.ts';
import { newBucket, take } from './rate-limit.ts';
import type { Bucket, Rate } from './rate-limit.ts';
import type { ClientSocket, Entry, MacSocket, SocketState } from './sockets.ts';

const FROM_CLIENT: ReadonlySet<Kind | undefined> = new Set<Kind>([
  'subscribe',
  'unsubscribe',
  'ack',
  'command',
  'pair',
  'probe',
]);
const FROM_MAC: ReadonlySet<Kind | undefined> = new Set<Kind>([
  'subscribed',
  'events',
  'gap',
  'receipt',
  'paired',
  'signal',
  'undelivered',
  'freshness',
]);

/** A person types and taps, an outbox is flushed; a Mac streams what Codex says to several of them. */
const FRAME_RATE: Record<SocketState['kind'], Rate> = {
  client: { burst: 400, perSecond: 100 },
  mac: { burst: 8000, perSecond: 2000 },
};
const BYTE_RATE: Record<SocketState['kind'], Rate> = {
  client: { burst: 8 * FRAME_BYTES_MAX, perSecond: FRAME_BYTES_MAX },
  mac: { burst: 64 * FRAME_BYTES_MAX, perSecond: 16 * FRAME_BYTES_MAX },
};

type Message = string | Uint8Array;

/** What each socket may still send. In memory: a socket that hibernates has been quiet for long enough. */
export class Allowance {
  readonly #buckets = new WeakMap<WebSocket, { frames: Bucket; bytes: Bucket }>();

  take({ ws, state }: Entry, bytes: number, nowMs: number): boolean {
    const frameRate = FRAME_RATE[state.kind];
    const byteRate = BYTE_RATE[state.kind];
    const buckets = this.#buckets.get(ws) ?? {
      frames: newBucket(frameRate, nowMs),
      bytes: newBucket(byteRate, nowMs),
    };
    this.#buckets.set(ws, buckets);
    return take(buckets.frames, frameRate, 1, nowMs) && take(buckets.bytes, byteRate, bytes, nowMs);
  }
}

function byteLength(message: Message): number {
  // A UTF-16 unit is at most three bytes of UTF-8: most texts need no counting.
  if (typeof message !== 'string' || message.length * 3 <= FRAME_BYTES_MAX) return message.length;
  return new TextEncoder().encode(message).length;
}

function join(header: Header, rest: Message): Message {
  const line = `${JSON.stringify(header)}\n`;
  if (typeof rest === 'string') return line + rest;
  const head = new TextEncoder().encode(line);
  const out = new Uint8Array(head.length + rest.length);
  out.set(head);
  out.set(rest, head.length);
  return out;
}

/** One message of a live socket. */
export function receive(home: Home, allowance: Allowance, entry: Entry, message: Message): void {
  const { sockets } = home;
  sockets.heard(entry.ws, home.now());
  const bytes = byteLength(message);
  if (!allowance.take(entry, bytes, home.now()))
    return endSocket(home, entry, Close.TOO_MUCH, 'too much, too fast');
  if (bytes > FRAME_BYTES_MAX)
    return endSocket(home, entry, Close.BAD_FRAME, `a frame is at most ${FRAME_BYTES_MAX} bytes`);
  let frame: { header: Header; rest: Message };
  try {
    frame = splitHeader(message);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return endSocket(home, entry, Close.BAD_FRAME, error.message);
  }
  if (!entry.state.ready) return greet(home, entry, frame.header);
  if (entry.state.kind === 'client')
    return fromClient(home, entry as Entry<ClientSocket>, frame.header, frame.rest);
  return fromMac(home, entry as Entry<MacSocket>, frame.header, frame.rest);
}

function greet(home: Home, entry: Entry, header: Header): void {
  const judged = judgeHello(entry.state.kind === 'client' ? 'client' : 'relay', header.hello);
  switch (judged.verdict) {
    case 'bad':
      return endSocket(home, entry, Close.BAD_FRAME, judged.reason);
    case 'update':
      // Our own Hello left when the socket opened, so the peer can say the same.
      log('no-common-version', { update: judged.part, peer: entry.state.kind, release: judged.release });
      return endSocket(home, entry, Close.NO_COMMON_VERSION, `update ${judged.part}`);
    case 'ready':
      entry.state.ready = true;
      home.sockets.save(entry);
      log('hello', { peer: entry.state.kind, id: entry.state.id, release: judged.release });
      if (entry.state.kind === 'client') return tellPresence(home, entry);
      tellPresence(home);
      return handOver(home, entry as Entry<MacSocket>);
  }
}

function undelivered({ sockets }: Home, entry: Entry, header: Header, reason: string, message: string): void {
  const reply: Header = { undelivered: { reason, message } };
  if (header.mac !== undefined) reply.mac = header.mac;
  if (header.trace !== undefined) reply.trace = header.trace;
  sockets.send(entry, encodeTextFrame(reply));
}

function fits(line: Message, rest: Message): boolean {
  const bytes = byteLength(line);
  return bytes <= FRAME_BYTES_MAX && bytes - byteLength(rest) <= HEADER_BYTES_MAX;
}

function fromClient(home: Home, entry: Entry<ClientSocket>, header: Header, rest: Message): void {
  if (!FROM_CLIENT.has(kindOf(header)))
    return undelivered(
      home,
      entry,
      header,
      'bad-frame',
      'a client may not send this kind of frame: update this page',
    );
  const link = home.sockets.link(header.mac ?? '');
  if (!link?.state.ready) {
    if (!findMac(home.sql, header.mac ?? ''))
      return undelivered(
        home,
        entry,
        header,
        'unknown-mac',
        'this Mac is not one of yours: pair with it again',
      );
    return undelivered(
      home,
      entry,
      header,
      'mac-offline',
      'the Mac is not connected: wake it, or run `zane status` there',
    );
  }
  const { to: _, ...kept } = header;
  const message = join({ ...kept, from: entry.state.id }, rest);
  if (!fits(message, rest))
    return undelivered(home, entry, header, 'too-large', 'the frame is too large: send less at once');
  home.sockets.send(link, message);
}

function fromMac(home: Home, entry: Entry<MacSocket>, header: Header, rest: Message): void {
  const kind = kindOf(header);
  if (kind === 'hookAck') return acknowledge(home, entry, header.hookAck?.delivery);
  if (kind === 'hookList') {
    if (!replaceHooks(home.sql, entry.state.id, header.hookList?.hooks))
      undelivered(home, entry, header, 'bad-frame', 'the list of hooks is malformed or too long');
    return;
  }
  if (!FROM_MAC.has(kind))
    return undelivered(
      home,
      entry,
      header,
      'bad-frame',
      'a Mac may not send this kind of frame: update relay or Orbit',
    );
  if (!header.to?.length) return undelivered(home, entry, header, 'bad-frame', 'name the clients in `to`');
  const { to, from: _, ...kept } = header;
  const message = join({ ...kept, mac: entry.state.id }, rest);
  if (!fits(message, rest))
    return undelivered(home, entry, header, 'too-large', 'the frame is too large: send less at once');
  for (const id of new Set(to)) {
    const client = home.sockets.client(id);
    if (client) home.sockets.send(client, message);
    // Gone while the frame was on its way, or before Orbit started: say it again.
    else home.sockets.send(entry, encodeTextFrame({ clientGone: { client: id } }));
  }
}

/** Closes a socket from our side and tells those who need to know. */
export function endSocket(home: Home, entry: Entry, code: number, reason: string): void {
  home.sockets.retire(entry, code, reason);
  tellGone(home, entry);
}

/** A socket has ended, whoever ended it. */
export function tellGone(home: Home, { state }: Entry): void {
  if (state.kind === 'mac') return tellPresence(home);
  const frame = encodeTextFrame({ clientGone: { client: state.id } });
  for (const link of home.sockets.macs()) if (link.state.ready) home.sockets.send(link, frame);
}
