// The tables of one user's Durable Object: everything Orbit keeps. There is no
// transcript, prompt or approval in it; `mailbox` is the one named exception
// (design §9), emptied as the Mac acknowledges.

export type SqlValue = string | number | null | ArrayBuffer;

/** The part of SqlStorage that the modules use; the unit tests put node:sqlite behind it. */
export interface Sql {
  exec<Row extends Record<string, SqlValue>>(
    query: string,
    ...bindings: (SqlValue | Uint8Array)[]
  ): { toArray(): Row[] };
}

const TABLES = [
  // `key` is the Mac's link credential, 65 raw bytes as base64url; `online` and
  // `since_ms` are the presence last told to the phones.
  `CREATE TABLE IF NOT EXISTS macs (
     mac TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL,
     online INTEGER NOT NULL DEFAULT 0, since_ms INTEGER NOT NULL) STRICT`,
  `CREATE TABLE IF NOT EXISTS passkeys (
     id TEXT PRIMARY KEY, key BLOB NOT NULL, counter INTEGER NOT NULL,
     transports TEXT NOT NULL, created_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL) STRICT`,
  // Hashes of the session cookie's secret, the current one and the one before.
  `CREATE TABLE IF NOT EXISTS sessions (
     sid TEXT PRIMARY KEY, hash TEXT NOT NULL, previous TEXT, rotated_ms INTEGER NOT NULL,
     passkey TEXT NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT`,
  // Enrolment tokens and login challenges that were good once.
  `CREATE TABLE IF NOT EXISTS used_tokens (
     token TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL) STRICT`,
  `CREATE TABLE IF NOT EXISTS hooks (
     hook TEXT PRIMARY KEY, mac TEXT NOT NULL) STRICT`,
  // `bytes` is what the row weighs in the mailbox: body and headers.
  `CREATE TABLE IF NOT EXISTS mailbox (
     id INTEGER PRIMARY KEY AUTOINCREMENT, delivery TEXT NOT NULL UNIQUE, mac TEXT NOT NULL, hook TEXT NOT NULL,
     received_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL) STRICT`,
  `CREATE INDEX IF NOT EXISTS mailbox_by_mac ON mailbox (mac, id)`,
];

export function createTables(sql: Sql): void {
  for (const table of TABLES) sql.exec(table);
}

/** False when the token was used before. Rows go once the token has expired anyway. */
export function useToken(sql: Sql, token: string, expiresMs: number): boolean {
  return (
    sql
      .exec(
        'INSERT INTO used_tokens (token, expires_ms) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING token',
        token,
        expiresMs,
      )
      .toArray().length === 1
  );
}

export function isTokenUsed(sql: Sql, token: string): boolean {
  return sql.exec('SELECT token FROM used_tokens WHERE token = ?', token).toArray().length === 1;
}

export function forgetExpiredTokens(sql: Sql, nowMs: number): void {
  sql.exec('DELETE FROM used_tokens WHERE expires_ms <= ?', nowMs);
}
