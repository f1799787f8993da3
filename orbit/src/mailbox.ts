// The webhook mailbox: what was posted while the Mac slept, kept until its
// webhook service has written it down. The one place where Orbit holds contents.
// Checking signatures is the Mac's work; here every body is just bytes.
import { FRAME_BYTES_MAX, HEADER_BYTES_MAX, encodeFrame } from '../../proto/ts/link.ts';
import { HttpError } from './http.ts';
import type { Home } from './home.ts';
import { log } from './log.ts';
import { randomId } from './secrets.ts';
import type { Sql } from './schema.ts';
import type { Entry, MacSocket } from './sockets.ts';

/** A delivery and its header line must fit one frame. */
export const HOOK_BODY_BYTES_MAX = FRAME_BYTES_MAX - HEADER_BYTES_MAX;
const HOOK_HEADERS_MAX = 64;
const HOOK_HEADER_BYTES_MAX = 16 * 1024;
const HOOKS_MAX = 256;
export const MAILBOX_DELIVERIES_MAX = 1000;
export const MAILBOX_BYTES_MAX = 64 * 1024 * 1024;
/** A Mac that sleeps over a holiday week loses nothing. */
export const RETENTION_MS = 7 * 24 * 60 * 60 * 1000;
/** Unacknowledged at once: 8 MiB at most, small enough for one hand-over. */
export const IN_FLIGHT_MAX = 8;
/** The Mac may have dropped one (its webhook service was down): tell it again. It knows repeats by id. */
const RESEND_MS = 60_000;

/** Ours, the proxy's and the runtime's: not the sender's, or not for others' eyes. */
const PRIVATE_HEADER = /^(cookie$|cf-|x-forwarded-|x-real-ip$|true-client-ip$|cdn-loop$|x-orbit-)/;

export function isHookId(text: unknown): text is string {
  return typeof text === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(text);
}

/** Replaces the list of one Mac. An id that another Mac holds stays with that one. */
export function replaceHooks(sql: Sql, mac: string, hooks: unknown): boolean {
  const list = hooks ?? [];
  if (!Array.isArray(list) || list.length > HOOKS_MAX || !list.every(isHookId)) return false;
  sql.exec('DELETE FROM hooks WHERE mac = ?', mac);
  for (const hook of list)
    sql.exec('INSERT INTO hooks (hook, mac) VALUES (?, ?) ON CONFLICT DO NOTHING', hook, mac);
  return true;
}

export function macOfHook(sql: Sql, hook: string): string {
  const row = sql.exec<{ mac: string }>('SELECT mac FROM hooks WHERE hook = ?', hook).toArray()[0];
  if (!row)
    throw new HttpError(
      404,
      'unknown-hook',
      'there is no such hook: take its address from `zane hooks` anew',
    );
  return row.mac;
}

export function hookHeaders(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {};
  let bytes = 0;
  let count = 0;
  for (const [name, value] of headers) {
    if (PRIVATE_HEADER.test(name)) continue;
    kept[name] = value;
    count += 1;
    // Latin-1 values grow to two bytes each in the frame.
    bytes += name.length + new TextEncoder().encode(value).length;
  }
  if (count > HOOK_HEADERS_MAX || bytes > HOOK_HEADER_BYTES_MAX)
    throw new HttpError(
      431,
      'too-many-headers',
      `send at most ${HOOK_HEADERS_MAX} headers of ${HOOK_HEADER_BYTES_MAX} bytes in all`,
    );
  return kept;
}

/** Writes the delivery down; the answer leaves once that is on the disk (the object's output gate). */
export function storeDelivery(
  sql: Sql,
  mac: string,
  hook: string,
  headers: Record<string, string>,
  body: Uint8Array,
  nowMs: number,
): string {
  const text = JSON.stringify(headers);
  const bytes = body.length + text.length;
  const held = sql
    .exec<{ n: number; total: number }>('SELECT COUNT(*) AS n, COALESCE(SUM(bytes), 0) AS total FROM mailbox')
    .toArray()[0];
  if (!held || held.n >= MAILBOX_DELIVERIES_MAX || held.total + bytes > MAILBOX_BYTES_MAX)
    throw new HttpError(
      507,
      'mailbox-full',
      'the mailbox is full: wake the Mac so that it takes what is waiting, then send again',
    );
  const delivery = randomId();
  sql.exec(
    'INSERT INTO mailbox (delivery, mac, hook, received_ms, bytes, headers, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
    delivery,
    mac,
    hook,
    nowMs,
    bytes,
    text,
    body,
  );
  return delivery;
}

type MailRow = { delivery: string; hook: string; received_ms: number; headers: string; body: ArrayBuffer };

function nextRows(sql: Sql, mac: string, inFlight: readonly string[]): MailRow[] {
  const room = IN_FLIGHT_MAX - inFlight.length;
  if (room <= 0) return [];
  return sql
    .exec<MailRow>(
      `SELECT delivery, hook, received_ms, headers, body FROM mailbox
     WHERE mac = ? AND delivery NOT IN (${inFlight.map(() => '?').join(', ')}) ORDER BY id LIMIT ?`,
      mac,
      ...inFlight,
      room,
    )
    .toArray();
}

/** Hands over what is waiting, oldest first, as far as the window allows. */
export function handOver({ sql, sockets, now }: Home, link: Entry<MacSocket>): void {
  if (!link.state.ready) return;
  const rows = nextRows(
    sql,
    link.state.id,
    link.state.inFlight.map((sent) => sent.delivery),
  );
  if (rows.length === 0) return;
  for (const row of rows) link.state.inFlight.push({ delivery: row.delivery, sentMs: now() });
  sockets.save(link);
  for (const row of rows) {
    const headers = JSON.parse(row.headers) as Record<string, string>;
    const hookDelivery = {
      delivery: row.delivery,
      hook: row.hook,
      headers,
      receivedMs: String(row.received_ms),
    };
    sockets.send(
      link,
      encodeFrame({ mac: link.state.id, trace: row.delivery, hookDelivery }, [new Uint8Array(row.body)]),
    );
  }
}

/** The Mac has it: ours goes. A repeat finds nothing to do. */
export function acknowledge(home: Home, link: Entry<MacSocket>, delivery: unknown): void {
  if (typeof delivery !== 'string') return;
  home.sql.exec('DELETE FROM mailbox WHERE delivery = ? AND mac = ?', delivery, link.state.id);
  link.state.inFlight = link.state.inFlight.filter((sent) => sent.delivery !== delivery);
  home.sockets.save(link);
  handOver(home, link);
}

/** Sends again what a connected Mac has left unacknowledged for too long. */
export function resendStale(home: Home, link: Entry<MacSocket>): void {
  const staleMs = home.now() - RESEND_MS;
  link.state.inFlight = link.state.inFlight.filter((sent) => sent.sentMs > staleMs);
  home.sockets.save(link);
  handOver(home, link);
}

export function dropExpired(sql: Sql, nowMs: number): void {
  const gone = sql
    .exec<{ delivery: string; hook: string }>(
      'DELETE FROM mailbox WHERE received_ms <= ? RETURNING delivery, hook',
      nowMs - RETENTION_MS,
    )
    .toArray();
  for (const row of gone) log('delivery-expired', { trace: row.delivery, hook: row.hook });
}

/** When the oldest delivery is to be dropped; undefined for an empty mailbox. */
export function nextExpiryMs(sql: Sql): number | undefined {
  const oldest = sql
    .exec<{ received_ms: number }>('SELECT received_ms FROM mailbox ORDER BY id LIMIT 1')
    .toArray()[0];
  return oldest && oldest.received_ms + RETENTION_MS;
}
