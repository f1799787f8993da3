// What the modules of one user's Durable Object share: its storage, its sockets
// and the clock. Built anew whenever the object wakes; holds nothing that
// storage and attachments do not.
import type { Config } from './env.ts';
import type { Sql } from './schema.ts';
import type { Sockets } from './sockets.ts';

export interface Home {
  config: Config;
  sql: Sql;
  sockets: Sockets;
  now: () => number;
}
