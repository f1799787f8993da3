// One JSON-RPC connection to a real `codex app-server` over its Unix socket, for tests.
// It keeps what it heard, so a test waits for an event by condition, never by time.
// Not for production: the services have their own client, in C++.
import { realpathSync } from 'node:fs';
import { WebSocket } from 'ws';

/** Codex on two busy cores: everything in these tests happens within seconds. */
export const WAIT_MS_MAX = 30_000;
/** Above what one flood of a test sends; beyond it the oldest are forgotten. */
const HEARD_MESSAGES_MAX = 20_000;

export type Json = Record<string, unknown>;
/** A notification (no id) or a server's request (with id). `raw` is the text as it came. */
export interface Heard {
  method: string;
  params: Json;
  id?: number | string;
  raw: string;
}
interface Waiter {
  matches: (heard: Heard) => boolean;
  resolve: (heard: Heard) => void;
}
interface Pending {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

export class AppServerClient {
  /** Everything heard so far, oldest first. */
  readonly heard: Heard[] = [];
  readonly #socket: WebSocket;
  readonly #waiters = new Set<Waiter>();
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#take(data.toString('utf8')));
    socket.on('close', () => this.#end());
    socket.on('error', () => this.#end());
  }

  /** Connects and says `initialize`, with the experimental methods on. */
  static async connect(socketPath: string, name = 'zane-test'): Promise<AppServerClient> {
    // Codex's path is a link to a short one: a long path does not fit a socket address.
    const socket = new WebSocket(`ws+unix:${realpathSync(socketPath)}:/`, {
      perMessageDeflate: false,
      maxPayload: 64 * 1024 * 1024,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    const client = new AppServerClient(socket);
    await client.request('initialize', {
      clientInfo: { name, title: name, version: '0' },
      capabilities: { experimentalApi: true },
    });
    client.#send({ method: 'initialized', params: {} });
    return client;
  }

  /** Sends a request; an error answer rejects with its message. */
  request<T = Json>(method: string, params: Json): Promise<T> {
    const id = ++this.#lastId;
    return withDeadline(
      `an answer to ${method}`,
      new Promise<T>((resolve, reject) => {
        this.#pending.set(id, { resolve: (result) => resolve(result as T), reject });
        this.#send({ id, method, params });
      }),
    );
  }

  /** Answers a request of the server. */
  answer(request: Heard, result: Json): void {
    this.#send({ id: request.id, result });
  }

  /** The first message of this method that fits, among those heard and those to come. */
  waitFor(
    method: string,
    fits: (params: Json, heard: Heard) => boolean = () => true,
    since = 0,
  ): Promise<Heard> {
    const matches = (heard: Heard): boolean => heard.method === method && fits(heard.params, heard);
    const known = this.heard.slice(since).find(matches);
    if (known) return Promise.resolve(known);
    return withDeadline(
      method,
      new Promise((resolve) => {
        this.#waiters.add({ matches, resolve });
      }),
    );
  }

  /** What was heard of this method so far. */
  of(method: string): Heard[] {
    return this.heard.filter((heard) => heard.method === method);
  }

  async close(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.terminate();
    await closed;
  }

  #send(message: Json): void {
    this.#socket.send(JSON.stringify(message));
  }

  #take(raw: string): void {
    const message = JSON.parse(raw) as Json;
    if (typeof message['method'] === 'string') this.#hear(message as unknown as Heard, raw);
    else this.#settle(message);
  }

  #hear(message: Heard, raw: string): void {
    const heard = { ...message, params: message.params ?? {}, raw };
    this.heard.push(heard);
    if (this.heard.length > HEARD_MESSAGES_MAX) this.heard.shift();
    for (const waiter of this.#waiters) {
      if (!waiter.matches(heard)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(heard);
    }
  }

  #settle(message: Json): void {
    const pending = this.#pending.get(message['id'] as number);
    this.#pending.delete(message['id'] as number);
    const error = message['error'] as { message: string } | undefined;
    if (error) pending?.reject(new Error(error.message));
    else pending?.resolve(message['result']);
  }

  #end(): void {
    for (const pending of this.#pending.values()) pending.reject(new Error('codex closed the connection'));
    this.#pending.clear();
  }
}

function withDeadline<T>(what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`waited ${WAIT_MS_MAX} ms in vain for ${what}`)),
      WAIT_MS_MAX,
    );
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
