// A connection as a thing that fails: stands between supervisor and Codex, or
// between relay and Orbit, passes bytes on, and cuts or holds all of it when told;
// messages of a WebSocket it also repeats and passes on out of their turn.
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, NetConnectOpts, Server, Socket } from 'node:net';
import { Frames, isMessage } from './frames.ts';

/** A message that is out of its turn waits no longer for the one that overtakes it. */
const OVERTAKEN_MS_MAX = 50;

export class Wire {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  #bend: 'none' | 'repeat' | 'reorder' = 'none';

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `at`: a path to listen on, or 0 for a port of its own. `messages`: it can repeat and reorder. */
  static async open(at: string | 0, to: () => NetConnectOpts, { messages = false } = {}): Promise<Wire> {
    const server = createServer();
    const wire = new Wire(server);
    server.on('connection', (near) => {
      const far = connect(to());
      const pair: [Socket, Socket] = [near, far];
      wire.#pairs.add(pair);
      const end = (): void => {
        wire.#pairs.delete(pair);
        near.destroy();
        far.destroy();
      };
      for (const socket of pair) socket.on('error', end).on('close', end);
      if (messages) {
        wire.#passMessages(near, far);
        wire.#passMessages(far, near);
      } else {
        near.pipe(far);
        far.pipe(near);
      }
    });
    if (at) rmSync(at, { force: true });
    await new Promise<void>((done) =>
      at === 0 ? server.listen(0, '127.0.0.1', done) : server.listen(at, done),
    );
    return wire;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Every connection ends, in the middle of whatever is said. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** Nothing passes for a while, and then all of it. */
  async hold(ms: number): Promise<void> {
    const held = [...this.#pairs];
    for (const pair of held) for (const socket of pair) socket.pause();
    await new Promise((done) => setTimeout(done, ms));
    for (const pair of held) for (const socket of pair) socket.resume();
  }

  /** For a while each message comes twice, or after the one that followed it. */
  async bend(how: 'repeat' | 'reorder', ms: number): Promise<void> {
    this.#bend = how;
    await new Promise((done) => setTimeout(done, ms));
    this.#bend = 'none';
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #passMessages(from: Socket, to: Socket): void {
    const frames = new Frames();
    let waiting: Buffer | undefined;
    const letGo = (): void => {
      if (waiting) to.write(waiting);
      waiting = undefined;
    };
    from.on('data', (chunk: Buffer) => {
      for (const piece of frames.push(chunk)) {
        if (this.#bend === 'reorder' && !waiting && isMessage(piece)) {
          waiting = piece;
          setTimeout(letGo, OVERTAKEN_MS_MAX);
          continue;
        }
        to.write(piece);
        if (this.#bend === 'repeat' && isMessage(piece)) to.write(piece);
        letGo();
      }
    });
    from.on('end', () => to.end());
  }
}
