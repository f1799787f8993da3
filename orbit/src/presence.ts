// Which of the user's Macs are online and since when, told to every phone after
// hello and on each change. `macs.online` is what was told last: after a crash
// of Orbit it differs from the sockets, and the next look puts it right.
import { encodeTextFrame } from '../../proto/ts/link.ts';
import type { MacPresence } from '../../proto/ts/link.ts';
import type { Home } from './home.ts';
import type { Entry } from './sockets.ts';

type PresenceRow = { mac: string; name: string; online: number; since_ms: number };

function readPresence({ sql, sockets, now }: Home): MacPresence[] {
  const online = new Set(
    sockets
      .macs()
      .filter((entry) => entry.state.ready)
      .map((entry) => entry.state.id),
  );
  return sql
    .exec<PresenceRow>('SELECT mac, name, online, since_ms FROM macs ORDER BY mac')
    .toArray()
    .map((row) => {
      const is = online.has(row.mac);
      if (is === (row.online === 1))
        return { mac: row.mac, name: row.name, online: is, sinceMs: String(row.since_ms) };
      const sinceMs = now();
      sql.exec('UPDATE macs SET online = ?, since_ms = ? WHERE mac = ?', is ? 1 : 0, sinceMs, row.mac);
      return { mac: row.mac, name: row.name, online: is, sinceMs: String(sinceMs) };
    });
}

export function tellPresence(home: Home, only?: Entry): void {
  const frame = encodeTextFrame({ presence: { macs: readPresence(home) } });
  for (const entry of only ? [only] : home.sockets.clients())
    if (entry.state.ready) home.sockets.send(entry, frame);
}
