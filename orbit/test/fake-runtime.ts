// What a Durable Object's modules need of the runtime, in plain Node: SQL by
// node:sqlite, sockets that record, a clock that is set. For unit tests of what
// takes days or a hibernation; whatever workerd can show is tested in workerd.
import { DatabaseSync } from 'node:sqlite';
import { decodeFrame } from '../../proto/ts/link.ts';
import type { Header } from '../../proto/ts/link.ts';
import type { Config } from '../src/env.ts';
import type { Home } from '../src/home.ts';
import { createTables } from '../src/schema.ts';
import type { Sql, SqlValue } from '../src/schema.ts';
import { Sockets } from '../src/sockets.ts';
import type { SocketHost } from '../src/sockets.ts';

export function memorySql(): Sql {
  const db = new DatabaseSync(':memory:');
  const sql: Sql = {
    exec<Row extends Record<string, SqlValue>>(query: string, ...bindings: (SqlValue | Uint8Array)[]) {
      const values = bindings.map((value) => (value instanceof ArrayBuffer ? new Uint8Array(value) : value));
      const rows = db
        .prepare(query)
        .all(...values)
        .map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([key, value]) => [
              key,
              value instanceof Uint8Array ? new Uint8Array(value).buffer : value,
            ]),
          ),
        );
      return { toArray: () => rows as Row[] };
    },
  };
  createTables(sql);
  return sql;
}

/** A server-side socket: keeps its attachment as bytes would be kept, and what was sent. */
export class FakeSocket {
  readonly sent: (string | Uint8Array)[] = [];
  closed: { code: number; reason: string } | undefined;
  pingMs = 0;
  #attachment = 'null';

  serializeAttachment(value: unknown): void {
    this.#attachment = JSON.stringify(value);
  }

  deserializeAttachment(): unknown {
    return JSON.parse(this.#attachment);
  }

  send(message: string | Uint8Array): void {
    this.sent.push(message);
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  get headers(): Header[] {
    return this.sent.map((message) => decodeFrame(message).header);
  }
}

/** The runtime's list of sockets, which outlives the object's memory. */
export class FakeHost implements SocketHost {
  readonly #sockets: { ws: FakeSocket; tags: string[] }[] = [];

  acceptWebSocket(ws: WebSocket, tags: string[] = []): void {
    this.#sockets.push({ ws: ws as unknown as FakeSocket, tags });
  }

  getWebSockets(tag?: string): WebSocket[] {
    return this.#sockets
      .filter(({ tags }) => tag === undefined || tags.includes(tag))
      .map(({ ws }) => ws as unknown as WebSocket);
  }

  getWebSocketAutoResponseTimestamp(ws: WebSocket): Date | null {
    const { pingMs } = ws as unknown as FakeSocket;
    return pingMs === 0 ? null : new Date(pingMs);
  }
}

const config: Config = {
  secret: 'a secret of thirty-two characters',
  origins: ['https://x.example'],
  rpId: 'x.example',
  secure: true,
};

/** Storage, socket list and clock of one user; `wake` is the object's constructor. */
export class FakeObject {
  readonly sql = memorySql();
  readonly host = new FakeHost();
  nowMs = 1_800_000_000_000;

  wake(): Home {
    return { config, sql: this.sql, sockets: new Sockets(this.host), now: () => this.nowMs };
  }

  addMac(mac: string): void {
    this.sql.exec(
      'INSERT INTO macs (mac, name, key, online, since_ms) VALUES (?, ?, ?, 0, ?)',
      mac,
      'desk',
      'key',
      this.nowMs,
    );
  }
}

export const asWebSocket = (ws: FakeSocket) => ws as unknown as WebSocket;
