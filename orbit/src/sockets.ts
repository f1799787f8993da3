// The live sockets of one user: whose each is, found by tag, with its state in
// the attachment so that it survives hibernation. Not for what travels on them
// (link.ts).
import { log } from './log.ts';

/** A socket that is kept; at most 16 KiB serialised, ours stay below 2 KiB. */
interface SocketBase {
  /** Client id minted here, or the Mac's id. */
  id: string;
  openedMs: number;
  /** Hello has been exchanged; before that nothing is forwarded. */
  ready: boolean;
  /** We have closed it; the runtime may list it until the peer answers. */
  gone: boolean;
}
export interface ClientSocket extends SocketBase {
  kind: 'client';
  sid: string;
}
export interface MacSocket extends SocketBase {
  kind: 'mac';
  /** Webhook deliveries handed over on this connection and not acknowledged. */
  inFlight: { delivery: string; sentMs: number }[];
}
export type SocketState = ClientSocket | MacSocket;

/** Phones and tabs of one person, with room for half-dead connections. */
export const CLIENT_SOCKETS_MAX = 64;
/** Three missed pings, at one every 30 s: then the phone must not be told `online`. */
export const SILENT_MS = 90_000;
/** Time to say hello. */
const HELLO_MS = 30_000;

export interface Entry<State extends SocketState = SocketState> {
  ws: WebSocket;
  state: State;
}

/** The part of DurableObjectState this needs. */
export interface SocketHost {
  acceptWebSocket(ws: WebSocket, tags?: string[]): void;
  getWebSockets(tag?: string): WebSocket[];
  getWebSocketAutoResponseTimestamp(ws: WebSocket): Date | null;
}

export class Sockets {
  readonly #host: SocketHost;
  /** Last frame per socket. Lost in hibernation, which itself takes silence; pings are remembered by the runtime. */
  readonly #heardMs = new WeakMap<WebSocket, number>();

  constructor(host: SocketHost) {
    this.#host = host;
  }

  accept(ws: WebSocket, state: SocketState): void {
    const tags =
      state.kind === 'client'
        ? ['client', `client:${state.id}`, `session:${state.sid}`]
        : ['mac', `mac:${state.id}`];
    this.#host.acceptWebSocket(ws, tags);
    this.save({ ws, state });
  }

  save(entry: Entry): void {
    entry.ws.serializeAttachment(entry.state);
  }

  /** Undefined for a socket that is on its way out. */
  find(ws: WebSocket): Entry | undefined {
    const state = ws.deserializeAttachment() as SocketState | null;
    return state === null || state.gone ? undefined : { ws, state };
  }

  #tagged(tag: string): Entry[] {
    return this.#host
      .getWebSockets(tag)
      .map((ws) => this.find(ws))
      .filter((entry) => entry !== undefined);
  }

  all(): Entry[] {
    return [...this.clients(), ...this.macs()];
  }

  clients(): Entry<ClientSocket>[] {
    return this.#tagged('client') as Entry<ClientSocket>[];
  }

  macs(): Entry<MacSocket>[] {
    return this.#tagged('mac') as Entry<MacSocket>[];
  }

  client(id: string): Entry<ClientSocket> | undefined {
    return (this.#tagged(`client:${id}`) as Entry<ClientSocket>[]).find((entry) => entry.state.ready);
  }

  /** The Mac's connection, whether or not it has said hello. */
  link(mac: string): Entry<MacSocket> | undefined {
    return this.#tagged(`mac:${mac}`)[0] as Entry<MacSocket> | undefined;
  }

  ofSession(sid: string): Entry[] {
    return this.#tagged(`session:${sid}`);
  }

  heard(ws: WebSocket, nowMs: number): void {
    this.#heardMs.set(ws, nowMs);
  }

  #lastHeardMs({ ws, state }: Entry): number {
    const pingMs = this.#host.getWebSocketAutoResponseTimestamp(ws)?.getTime() ?? 0;
    return Math.max(state.openedMs, pingMs, this.#heardMs.get(ws) ?? 0);
  }

  /** When this socket is to be given up, unless it speaks before. */
  deadlineMs(entry: Entry): number {
    const silentMs = this.#lastHeardMs(entry) + SILENT_MS;
    return entry.state.ready ? silentMs : Math.min(silentMs, entry.state.openedMs + HELLO_MS);
  }

  send({ ws }: Entry, message: string | Uint8Array): void {
    try {
      ws.send(message);
    } catch (error) {
      // Weather: its webSocketClose follows and tells the others.
      log('send-failed', { reason: error instanceof Error ? error.message : 'unknown' });
    }
  }

  /** Closes from our side; from here on the socket is in no list. */
  retire(entry: Entry, code: number, reason: string): void {
    entry.state.gone = true;
    this.save(entry);
    log('socket-ended', { peer: entry.state.kind, id: entry.state.id, code, reason });
    try {
      entry.ws.close(code, reason);
    } catch (error) {
      log('close-failed', { reason: error instanceof Error ? error.message : 'unknown' });
    }
  }
}
