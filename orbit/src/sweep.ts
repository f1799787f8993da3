// What time alone brings about: silent sockets, expired sessions, tokens and
// deliveries. Run by the object's alarm. Decides from storage and sockets only,
// so it is the same before and after hibernation.
import { Close } from '../../proto/ts/link.ts';
import type { Home } from './home.ts';
import { endSocket } from './link.ts';
import { dropExpired, nextExpiryMs, resendStale } from './mailbox.ts';
import { forgetExpiredTokens } from './schema.ts';
import { endExpiredSessions } from './sessions.ts';

export function sweep(home: Home): void {
  const nowMs = home.now();
  for (const entry of home.sockets.all())
    if (home.sockets.deadlineMs(entry) <= nowMs) endSocket(home, entry, Close.SILENT, 'silent for too long');
  for (const sid of endExpiredSessions(home.sql, nowMs)) signOut(home, sid);
  forgetExpiredTokens(home.sql, nowMs);
  dropExpired(home.sql, nowMs);
  for (const link of home.sockets.macs()) resendStale(home, link);
}

/** Closes what a session that has ended had open. */
export function signOut(home: Home, sid: string): void {
  for (const entry of home.sockets.ofSession(sid)) endSocket(home, entry, Close.SIGNED_OUT, 'signed out');
}

/** When to sweep next; undefined when nothing can fall due. */
export function nextSweepMs({ sql, sockets }: Home): number | undefined {
  const rows = sql
    .exec<{ at: number | null }>(
      'SELECT MIN(expires_ms) AS at FROM (SELECT expires_ms FROM sessions UNION ALL SELECT expires_ms FROM used_tokens)',
    )
    .toArray();
  const due = [rows[0]?.at, nextExpiryMs(sql), ...sockets.all().map((entry) => sockets.deadlineMs(entry))];
  return due
    .filter((at) => typeof at === 'number')
    .reduce<number | undefined>((least, at) => (least === undefined || at < least ? at : least), undefined);
}
