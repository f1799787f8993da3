// An Orbit that can't be trusted: stands before the real one, passes everything
// on, and lets a test change, hold back, repeat or make up frames in both
// directions. What it can do is what a broken or hostile Orbit can do.
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { decodeFrame, encodeFrame } from '../../proto/ts/link.ts';
import type { Frame } from '../../proto/ts/link.ts';

/** Gives the frames to pass on instead: none, this one, another, several. */
export type Bend = (frame: Frame) => Frame[];
const asItIs: Bend = (frame) => [frame];

export class HostileOrbit {
  readonly port: number;
  toPhone: Bend = asItIs;
  toMac: Bend = asItIs;
  /** Everything that phones have sent, as Orbit saw it. */
  readonly seen: Frame[] = [];
  readonly #server: Server;
  #target = '';
  #lines: { phone: WebSocket; orbit: WebSocket }[] = [];

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    const sockets = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, (phone) => this.#pass(phone, request)),
    );
    server.on('request', (request, response) => {
      const onward = httpRequest(
        this.#target + request.url,
        { method: request.method ?? 'GET', headers: request.headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    });
  }

  static async start(): Promise<HostileOrbit> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return new HostileOrbit(server);
  }

  get origin(): string {
    return `http://localhost:${this.port}`;
  }

  standBefore(url: string): void {
    this.#target = url;
  }

  /** Makes up a frame towards the Mac, in the name of the newest page. */
  sendToMac(frame: Frame): void {
    this.#lines.at(-1)!.orbit.send(text(frame));
  }
  sendToPhone(frame: Frame): void {
    this.#lines.at(-1)!.phone.send(text(frame));
  }

  close(): void {
    for (const { phone, orbit } of this.#lines) {
      phone.terminate();
      orbit.terminate();
    }
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #pass(phone: WebSocket, request: IncomingMessage): void {
    const { cookie = '', origin = '' } = request.headers;
    const orbit = new WebSocket(this.#target.replace(/^http/, 'ws') + request.url, {
      headers: { cookie, origin },
    });
    this.#lines.push({ phone, orbit });
    const early: string[] = [];
    orbit.on('open', () => {
      for (const message of early.splice(0)) orbit.send(message);
    });
    orbit.on('message', (data: Buffer) => bent(data, this.toPhone, (message) => phone.send(message)));
    phone.on('message', (data: Buffer) => {
      if (data.toString() !== 'ping') this.seen.push(copy(data));
      bent(data, this.toMac, (message) =>
        orbit.readyState === WebSocket.OPEN ? orbit.send(message) : early.push(message),
      );
    });
    for (const [one, other] of [
      [phone, orbit],
      [orbit, phone],
    ] as const) {
      one.on('close', () => other.terminate());
      one.on('error', () => other.terminate());
    }
  }
}

function copy(data: Buffer): Frame {
  return decodeFrame(new Uint8Array(data));
}

function text(frame: Frame): string {
  const { lengths: _, ...header } = frame.header;
  return Buffer.from(encodeFrame(header, frame.bodies)).toString();
}

function bent(data: Buffer, bend: Bend, send: (message: string) => void): void {
  const said = data.toString();
  if (said === 'ping' || said === 'pong') return send(said);
  for (const frame of bend(copy(data))) send(text(frame));
}
