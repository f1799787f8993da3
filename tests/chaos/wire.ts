// A connection as a thing that fails: stands between supervisor and Codex, or
// between relay and Orbit, passes bytes on, and cuts or holds all of it when told.
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, NetConnectOpts, Server, Socket } from 'node:net';

export class Wire {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `at`: a path to listen on, or 0 for a port of its own. */
  static async open(at: string | 0, to: () => NetConnectOpts): Promise<Wire> {
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
      near.pipe(far);
      far.pipe(near);
    });
    if (at) rmSync(at, { force: true });
    await new Promise<void>((done) => (at === 0 ? server.listen(0, '127.0.0.1', done) : server.listen(at, done)));
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

  close(): void {
    this.cut();
    this.#server.close();
  }
}
