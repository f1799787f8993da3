// The people and machines around Orbit, for tests: a user with a registered Mac,
// a browser with cookies and a passkey, and sockets whose frames can be awaited.
// Speaks to a real Orbit only; it knows nothing of its inside.
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { SignJWT } from 'jose';
import { WebSocket } from 'ws';
import { PROTOCOL_MAX, PROTOCOL_MIN, decodeFrame, encodeTextFrame, kindOf } from '../../proto/ts/link.ts';
import type { Frame, Header, Kind } from '../../proto/ts/link.ts';
import { mintUser, operatorToken } from '../src/secrets.ts';
import type { OrbitProcess } from '../tool/orbit-process.ts';
import { SoftPasskey } from './soft-passkey.ts';

/** Nothing here takes long: what has not come by then does not come. */
const WAIT_MS_MAX = 10_000;

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: each test looks into it as it likes
  body: Record<string, any>;
  headers: Headers;
  cookies: string[];
}

export async function ask(orbit: OrbitProcess, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(orbit.url + path, init);
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  return {
    status: response.status,
    body: type.startsWith('application/json') ? JSON.parse(text) : { text },
    headers: response.headers,
    cookies: response.headers.getSetCookie(),
  };
}

export interface TokenBut {
  iat?: number;
  exp?: number;
  aud?: string;
  sub?: string;
  iss?: string;
  jti?: string;
  key?: webcrypto.CryptoKey;
}

/** A Mac as Orbit sees it: an id, a link credential, and relay's socket. */
export class FakeMac {
  readonly id: string;
  readonly user: string;
  readonly key: string;
  readonly privateKey: webcrypto.CryptoKey;
  readonly #orbit: OrbitProcess;

  private constructor(orbit: OrbitProcess, user: string, pair: webcrypto.CryptoKeyPair, raw: Uint8Array) {
    this.#orbit = orbit;
    this.user = user;
    this.key = Buffer.from(raw).toString('base64url');
    // The id is the hash of the Mac's own key, which Orbit never sees: any will do.
    this.id = createHash('sha256').update(randomBytes(65)).digest().subarray(0, 16).toString('base64url');
    this.privateKey = pair.privateKey;
  }

  static async make(orbit: OrbitProcess, user: string): Promise<FakeMac> {
    const pair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    return new FakeMac(
      orbit,
      user,
      pair,
      new Uint8Array(await webcrypto.subtle.exportKey('raw', pair.publicKey)),
    );
  }

  async register(but: { key?: string; token?: string; name?: string; user?: string } = {}): Promise<Answer> {
    const key = but.key ?? this.key;
    const user = but.user ?? this.user;
    const token = but.token ?? (await operatorToken(this.#orbit.secret, user, this.id, key));
    return ask(this.#orbit, `/api/users/${user}/macs/${this.id}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ name: but.name ?? 'desk', key }),
    });
  }

  async token(aud: 'zane-link' | 'zane-enroll', but: TokenBut = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const iat = but.iat ?? now;
    return new SignJWT({})
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(but.iss ?? this.id)
      .setSubject(but.sub ?? this.user)
      .setAudience(but.aud ?? aud)
      .setJti(but.jti ?? randomBytes(16).toString('base64url'))
      .setIssuedAt(iat)
      .setExpirationTime(but.exp ?? iat + 100)
      .sign(but.key ?? this.privateKey);
  }

  async connect(but: TokenBut & { path?: string } = {}): Promise<Line> {
    const token = await this.token('zane-link', but);
    return Line.open(this.#orbit, but.path ?? `/link/${this.user}/${this.id}`, {
      authorization: `Bearer ${token}`,
    });
  }

  /** Connected and greeted. */
  async online(): Promise<Line> {
    const line = await this.connect();
    await line.greet('relay');
    return line;
  }
}

/** A browser profile: a passkey, a cookie jar, one socket per `connect`. */
export class Phone {
  readonly passkey: SoftPasskey;
  cookies = new Map<string, string>();
  readonly #orbit: OrbitProcess;

  constructor(orbit: OrbitProcess) {
    this.#orbit = orbit;
    this.passkey = new SoftPasskey(orbit.origin);
  }

  get cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  async post(path: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await ask(this.#orbit, path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: {
        origin: this.#orbit.origin,
        'content-type': 'application/json',
        cookie: this.cookieHeader,
        ...headers,
      },
    });
    this.#keep(answer.cookies);
    return answer;
  }

  async session(): Promise<Answer> {
    return ask(this.#orbit, '/api/session', { headers: { cookie: this.cookieHeader } });
  }

  #keep(cookies: readonly string[]): void {
    for (const cookie of cookies) {
      const [pair = ''] = cookie.split(';');
      const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }

  async enroll(token: string): Promise<Answer> {
    const options = await this.post('/api/enroll/options', { token });
    if (options.status !== 200) return options;
    return this.post('/api/enroll/verify', { token, response: this.passkey.register(options.body as never) });
  }

  async login(): Promise<Answer> {
    const options = await this.post('/api/login/options');
    if (options.status !== 200) return options;
    return this.post('/api/login/verify', { response: this.passkey.authenticate(options.body as never) });
  }

  async connect(headers: Record<string, string> = {}): Promise<Line> {
    return Line.open(this.#orbit, '/ws', {
      origin: this.#orbit.origin,
      cookie: this.cookieHeader,
      ...headers,
    });
  }

  /** Connected, greeted, and told who is online. */
  async online(): Promise<Line> {
    const line = await this.connect();
    await line.greet('client');
    await line.next('presence');
    return line;
  }
}

/** The upgrade was refused, with this HTTP status. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly body: string;
  constructor(status: number, body: string) {
    super(`the upgrade was refused with ${status}: ${body}`);
    this.status = status;
    this.body = body;
  }
}

type Received = Frame & { binary: boolean };

/** One WebSocket to Orbit whose frames wait until they are asked for. */
export class Line {
  /** The client id Orbit gave in its hello; empty for a Mac. */
  client = '';
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  readonly #frames: Received[] = [];
  readonly #texts: string[] = [];
  readonly #listeners = new Set<(frame: Received) => void>();
  #wake: (() => void)[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer, binary: boolean) => this.#take(data, binary));
    socket.on('error', () => {});
    this.closed = new Promise((done) =>
      socket.once('close', (code, reason) => {
        this.#woken();
        done({ code, reason: reason.toString() });
      }),
    );
  }

  static open(orbit: OrbitProcess, path: string, headers: Record<string, string>): Promise<Line> {
    return new Promise((done, fail) => {
      const socket = new WebSocket(orbit.wsUrl + path, { headers, rejectUnauthorized: false });
      const line = new Line(socket);
      socket.once('open', () => done(line));
      socket.once('error', fail);
      socket.once('unexpected-response', (_request, response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => fail(new UpgradeRefused(response.statusCode ?? 0, body)));
      });
    });
  }

  #take(data: Buffer, binary: boolean): void {
    if (!binary && data.toString() === 'pong') this.#texts.push('pong');
    else {
      const frame = { ...decodeFrame(new Uint8Array(data)), binary };
      this.#frames.push(frame);
      for (const listener of this.#listeners) listener(frame);
    }
    this.#woken();
  }

  #woken(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const call of wake) call();
  }

  async greet(
    part: 'client' | 'relay',
    range: [number, number] = [PROTOCOL_MIN, PROTOCOL_MAX],
  ): Promise<void> {
    const { header } = await this.next('hello');
    this.client = header.hello?.client ?? '';
    this.send({ hello: { part, protocolMin: range[0], protocolMax: range[1], release: 'test' } });
  }

  send(header: Header, ...bodies: (string | Uint8Array)[]): void {
    this.raw(
      encodeTextFrame(
        header,
        bodies.map((body) => (typeof body === 'string' ? new TextEncoder().encode(body) : body)),
      ),
    );
  }

  raw(message: string | Uint8Array): void {
    this.#socket.send(message);
  }

  /** Tells each frame that comes, whoever asks for it; until what is returned is called. */
  listen(listener: (frame: Received) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets go of what nobody has asked for. */
  forget(): void {
    this.#frames.length = 0;
    this.#texts.length = 0;
  }

  close(code?: number): void {
    this.#socket.close(code);
  }

  /** Cuts the line without a word, as a lost network does. */
  cut(): void {
    this.#socket.terminate();
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** The next frame of this kind; frames before it stay for others to ask. */
  async next(kind: Kind, fits: (header: Header) => boolean = () => true): Promise<Received> {
    return this.#await(`a ${kind} frame`, () => {
      const at = this.#frames.findIndex((frame) => kindOf(frame.header) === kind && fits(frame.header));
      return at < 0 ? undefined : this.#frames.splice(at, 1)[0];
    });
  }

  async pong(): Promise<void> {
    await this.#await('pong', () => this.#texts.shift());
  }

  /** Frames that have arrived and nobody has asked for. */
  get pending(): readonly Received[] {
    return this.#frames;
  }

  /**
   * Everything Orbit had for this line when it handled a probe has arrived by
   * then: used to say that something did *not* come, without sleeping.
   */
  async settle(): Promise<void> {
    const trace = randomBytes(8).toString('hex');
    this.send({ trace, mac: 'none', undelivered: { reason: 'probe' } });
    await this.next('undelivered', (header) => header.trace === trace);
  }

  async #await<T>(what: string, find: () => T | undefined): Promise<T> {
    const deadline = Date.now() + WAIT_MS_MAX;
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (!this.isOpen) throw new Error(`the socket closed before ${what} came`);
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(
          `${what} did not come; waiting: ${this.#frames.map((frame) => JSON.stringify(frame.header)).join(' ')}`,
        );
      await new Promise<void>((done) => {
        const timer = setTimeout(done, left);
        this.#wake.push(() => {
          clearTimeout(timer);
          done();
        });
      });
    }
  }
}

export async function newUser(orbit: OrbitProcess): Promise<string> {
  return mintUser(orbit.secret);
}

/** A fresh user whose Mac is registered. */
export async function newMac(orbit: OrbitProcess, user?: string): Promise<FakeMac> {
  const mac = await FakeMac.make(orbit, user ?? (await newUser(orbit)));
  const answer = await mac.register();
  if (answer.status !== 200) throw new Error(`the Mac was not registered: ${JSON.stringify(answer.body)}`);
  return mac;
}

/** A phone that is enrolled with this Mac and signed in. */
export async function newPhone(orbit: OrbitProcess, mac: FakeMac): Promise<Phone> {
  const phone = new Phone(orbit);
  const answer = await phone.enroll(await mac.token('zane-enroll'));
  if (answer.status !== 200) throw new Error(`the phone was not enrolled: ${JSON.stringify(answer.body)}`);
  return phone;
}
