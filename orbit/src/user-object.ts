// One Durable Object per user: his Macs, passkeys, sessions, sockets, mailbox.
// Thin: each hook of the runtime decodes, calls a plain function and encodes.
// The Worker has checked the user's tag, Origin and cookies before anything
// arrives here; nobody else can call.
import { DurableObject } from 'cloudflare:workers';
import { readConfig } from './env.ts';
import type { Env } from './env.ts';
import { HttpError, errorResponse } from './http.ts';
import type { Home } from './home.ts';
import { Allowance, receive, tellGone } from './link.ts';
import { log } from './log.ts';
import { createTables } from './schema.ts';
import { Sockets } from './sockets.ts';
import { nextSweepMs, sweep } from './sweep.ts';
import { UserRoutes } from './user-routes.ts';

/** The earliest a sweep repeats, so that a deadline just missed does not spin. */
const SWEEP_PAUSE_MS = 5_000;

export class UserObject extends DurableObject<Env> {
  readonly #home: Home;
  readonly #routes: UserRoutes;
  readonly #allowance = new Allowance();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    createTables(sql);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
    this.#home = { config: readConfig(env), sql, sockets: new Sockets(ctx), now: Date.now };
    this.#routes = new UserRoutes(this.#home);
  }

  override async fetch(request: Request): Promise<Response> {
    try {
      const response = await this.#routes.handle(request);
      await this.#schedule();
      return response;
    } catch (error) {
      if (error instanceof HttpError) return errorResponse(error);
      throw error;
    }
  }

  override async webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const entry = this.#home.sockets.find(ws);
    if (entry)
      receive(
        this.#home,
        this.#allowance,
        entry,
        typeof message === 'string' ? message : new Uint8Array(message),
      );
  }

  override async webSocketClose(ws: WebSocket, code: number): Promise<void> {
    this.#ended(ws, code);
    try {
      // The runtime's own codes must not be sent back.
      ws.close(code === 1000 || (code >= 3000 && code <= 4999) ? code : 1000);
    } catch {
      // Closed from both sides already.
    }
  }

  override async webSocketError(ws: WebSocket): Promise<void> {
    this.#ended(ws, 1006);
  }

  override async alarm(): Promise<void> {
    sweep(this.#home);
    await this.#schedule();
  }

  #ended(ws: WebSocket, code: number): void {
    const entry = this.#home.sockets.find(ws);
    if (!entry) return;
    entry.state.gone = true;
    this.#home.sockets.save(entry);
    log('socket-closed', { peer: entry.state.kind, id: entry.state.id, code });
    tellGone(this.#home, entry);
  }

  /** One alarm serves all deadlines: the earliest of them. */
  async #schedule(): Promise<void> {
    const next = nextSweepMs(this.#home);
    if (next === undefined) return;
    const atMs = Math.max(next, Date.now() + SWEEP_PAUSE_MS);
    const current = await this.ctx.storage.getAlarm();
    if (current === null || current > atMs) await this.ctx.storage.setAlarm(atMs);
  }
}
