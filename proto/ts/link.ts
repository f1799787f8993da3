// Link frames for TypeScript: the shapes of proto/zane/v1/link.proto in their
// JSON mapping, and the one decoder for bytes from outside. Used by orbit/, web/
// and tests/. Not for: what the bodies mean (docs/link.md).

/** Bounds of link.proto, in bytes. */
export const HEADER_BYTES_MAX = 64 * 1024;
export const FRAME_BYTES_MAX = 1024 * 1024;
export const TO_CLIENTS_MAX = 64;

export const PROTOCOL_MIN = 1;
export const PROTOCOL_MAX = 1;

/** WebSocket close codes of docs/link.md. */
export const Close = {
  SIGNED_OUT: 4001,
  REPLACED: 4002,
  SILENT: 4003,
  TOO_MUCH: 4009,
  NO_COMMON_VERSION: 4010,
  BAD_FRAME: 4011,
  NO_CREDENTIAL: 4012,
} as const;

/** 64-bit integers are decimal strings in proto3's JSON mapping. */
export type Int64 = string;

export interface Hello {
  part: string;
  protocolMin: number;
  protocolMax: number;
  features?: string[];
  release: string;
  client?: string;
}
export interface MacPresence {
  mac: string;
  name?: string;
  online?: boolean;
  sinceMs?: Int64;
}
export interface Cursor {
  epoch: string;
  seq?: Int64;
}
export interface Subscribe {
  stream: string;
  thread?: string;
  after?: Cursor;
}
export interface Subscribed {
  stream: string;
  resumed?: boolean;
  from?: Cursor;
  head?: Cursor;
  reason?: string;
}
export interface EventMeta {
  seq: Int64;
  bodies?: number;
  kind?: string;
  signature?: string;
}
export interface Events {
  stream: string;
  epoch: string;
  prevSeq?: Int64;
  events?: EventMeta[];
  atHead?: boolean;
}
export interface HookDelivery {
  delivery: string;
  hook: string;
  headers?: Record<string, string>;
  receivedMs?: Int64;
}
export interface Freshness {
  codex?: string;
  codexAgeMs?: Int64;
  codexVersion?: string;
  message?: string;
  codexSession?: string;
}

/** Every kind a frame can be, by its name in the header's `oneof kind`. */
export interface Kinds {
  hello: Hello;
  presence: { macs?: MacPresence[] };
  clientGone: { client: string };
  subscribe: Subscribe;
  subscribed: Subscribed;
  unsubscribe: { stream: string };
  events: Events;
  ack: { stream: string; seq?: Int64 };
  gap: { stream: string; reason?: string };
  command: { device: string; signature: string };
  receipt: { command: string; signature: string };
  pair: { proof: string };
  paired: { signature: string; proof: string };
  signal: Record<string, never>;
  undelivered: { reason: string; message?: string };
  hookDelivery: HookDelivery;
  hookAck: { delivery: string };
  hookList: { hooks?: string[] };
  freshness: Freshness;
  probe: Record<string, never>;
}
export type Kind = keyof Kinds;

const KINDS: ReadonlySet<string> = new Set<Kind>([
  'hello',
  'presence',
  'clientGone',
  'subscribe',
  'subscribed',
  'unsubscribe',
  'events',
  'ack',
  'gap',
  'command',
  'receipt',
  'pair',
  'paired',
  'signal',
  'undelivered',
  'hookDelivery',
  'hookAck',
  'hookList',
  'freshness',
  'probe',
]);

interface Addresses {
  from?: string;
  mac?: string;
  to?: string[];
  trace?: string;
  lengths?: number[];
}
export type Header = Addresses & Partial<Kinds>;

export class FrameError extends Error {}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
const NEWLINE = 0x0a;

/** The kind a header carries, or undefined for one this release does not know. */
export function kindOf(header: Header): Kind | undefined {
  for (const key of Object.keys(header)) if (KINDS.has(key)) return key as Kind;
  return undefined;
}

function isIdList(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= TO_CLIENTS_MAX &&
    value.every((v) => typeof v === 'string' && v.length <= 64)
  );
}

/** Checks the addressing fields of one header line; the kinds' own fields are their readers' to check. */
export function parseHeader(line: string): Header {
  if (line.length > HEADER_BYTES_MAX) throw new FrameError('the header line is too long');
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new FrameError('the header line is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FrameError('the header is not an object');
  const header = value as Record<string, unknown>;
  for (const key of ['from', 'mac', 'trace']) {
    const field = header[key];
    if (field !== undefined && (typeof field !== 'string' || field.length > 64))
      throw new FrameError(`\`${key}\` is not a short string`);
  }
  if (header['to'] !== undefined && !isIdList(header['to']))
    throw new FrameError('`to` is not a list of clients');
  const lengths = header['lengths'];
  if (
    lengths !== undefined &&
    !(Array.isArray(lengths) && lengths.every((n) => Number.isInteger(n) && n >= 0 && n <= FRAME_BYTES_MAX))
  )
    throw new FrameError('`lengths` is not a list of byte counts');
  const kinds = Object.keys(header).filter((key) => KINDS.has(key));
  if (kinds.length > 1) throw new FrameError('the header has more than one kind');
  for (const kind of kinds)
    if (typeof header[kind] !== 'object' || header[kind] === null || Array.isArray(header[kind]))
      throw new FrameError(`\`${kind}\` is not an object`);
  return header as Header;
}

/** Splits a WebSocket message at its first newline without copying its bodies: all Orbit ever does. */
export function splitHeader(message: string | Uint8Array): { header: Header; rest: string | Uint8Array } {
  if (typeof message === 'string') {
    const end = message.indexOf('\n');
    if (end < 0) throw new FrameError('no header line');
    return { header: parseHeader(message.slice(0, end)), rest: message.slice(end + 1) };
  }
  const end = message.indexOf(NEWLINE);
  if (end < 0 || end > HEADER_BYTES_MAX) throw new FrameError('no header line');
  let line: string;
  try {
    line = decoder.decode(message.subarray(0, end));
  } catch {
    throw new FrameError('the header line is not UTF-8');
  }
  return { header: parseHeader(line), rest: message.subarray(end + 1) };
}

export interface Frame {
  header: Header;
  bodies: Uint8Array[];
}

/** A whole frame with its bodies apart, or FrameError when header and bytes do not fit together. */
export function decodeFrame(message: string | Uint8Array): Frame {
  const bytes = typeof message === 'string' ? encoder.encode(message) : message;
  if (bytes.length > FRAME_BYTES_MAX) throw new FrameError('the frame is too long');
  const { header, rest } = splitHeader(bytes);
  const tail = rest as Uint8Array;
  const bodies: Uint8Array[] = [];
  let at = 0;
  for (const length of header.lengths ?? []) {
    if (at + length > tail.length) throw new FrameError('a body is shorter than its length says');
    bodies.push(tail.subarray(at, at + length));
    at += length;
  }
  if (at !== tail.length) throw new FrameError('bytes follow the last body');
  return { header, bodies };
}

/** A frame as one run of bytes; `lengths` is computed here. */
export function encodeFrame(header: Header, bodies: readonly Uint8Array[] = []): Uint8Array {
  const line = encoder.encode(
    `${JSON.stringify(bodies.length ? { ...header, lengths: bodies.map((b) => b.length) } : header)}\n`,
  );
  const out = new Uint8Array(line.length + bodies.reduce((sum, b) => sum + b.length, 0));
  out.set(line);
  let at = line.length;
  for (const body of bodies) {
    out.set(body, at);
    at += body.length;
  }
  return out;
}

/** The same as text, for frames whose bodies are all UTF-8. */
export function encodeTextFrame(header: Header, bodies: readonly Uint8Array[] = []): string {
  return new TextDecoder().decode(encodeFrame(header, bodies));
}
