// The routes of Orbit's HTTP surface that concern one user, inside his Durable
// Object. The Worker names the route in the path and hands over what it checked
// in `x-orbit-…` headers, which it strips from what came from outside.
import { Close, encodeTextFrame } from '../../proto/ts/link.ts';
import { clearCookies, setCookie } from './cookies.ts';
import { orbitHello } from './hello.ts';
import type { Home } from './home.ts';
import { HttpError, json, readBytes, readJson } from './http.ts';
import type { JsonObject } from './http.ts';
import { endSocket } from './link.ts';
import { log } from './log.ts';
import { registerMac } from './macs.ts';
import { HOOK_BODY_BYTES_MAX, handOver, hookHeaders, macOfHook, storeDelivery } from './mailbox.ts';
import {
  passkeyUsed,
  registrationOptions,
  storePasskey,
  verifyLogin,
  verifyRegistration,
} from './passkeys.ts';
import { tellPresence } from './presence.ts';
import { Limiter } from './rate-limit.ts';
import { isTokenUsed, useToken } from './schema.ts';
import { randomId } from './secrets.ts';
import { endSession, holdsSession, isSession, mintAccess, openSession, renewSession } from './sessions.ts';
import { CLIENT_SOCKETS_MAX } from './sockets.ts';
import type { SocketState } from './sockets.ts';
import { signOut } from './sweep.ts';
import { verifyMacToken } from './tokens.ts';

/** Whom a route is for, as the Worker established. */
interface Call {
  user: string;
  sender: string;
  sid: string;
  target: string;
  request: Request;
}

const SENDERS_MAX = 1000;
const tooMany = () =>
  new HttpError(429, 'too-many-requests', 'too many requests: wait half a minute and try again');

export class UserRoutes {
  readonly #home: Home;
  readonly #perSender = new Limiter({ burst: 60, perSecond: 2 }, SENDERS_MAX);
  readonly #perUser = new Limiter({ burst: 240, perSecond: 8 }, 1);
  readonly #hookPosts = new Limiter({ burst: 1000, perSecond: 20 }, 1);

  constructor(home: Home) {
    this.#home = home;
  }

  async handle(request: Request): Promise<Response> {
    const header = (name: string) => request.headers.get(`x-orbit-${name}`) ?? '';
    const call = {
      user: header('user'),
      sender: header('sender'),
      sid: header('sid'),
      target: header('target'),
      request,
    };
    const route = new URL(request.url).pathname.slice(1);
    switch (route) {
      case 'mac':
        return this.#putMac(call);
      case 'session':
        return this.#session(call);
      case 'ws':
        return this.#openClient(call);
      case 'hook':
        return this.#hook(call);
    }
    this.#limit(call);
    switch (route) {
      case 'enroll/options':
        return this.#enrollOptions(call);
      case 'enroll/verify':
        return this.#enrollVerify(call);
      case 'login/verify':
        return this.#loginVerify(call);
      case 'renew':
        return this.#renew(call);
      case 'logout':
        return this.#logout(call);
      case 'link':
        return this.#openLink(call);
    }
    throw new HttpError(404, 'not-found', 'there is no such route');
  }

  #limit({ sender }: Call): void {
    const nowMs = this.#home.now();
    if (!this.#perSender.allow(sender, nowMs) || !this.#perUser.allow('', nowMs)) throw tooMany();
  }

  async #putMac({ target, request }: Call): Promise<Response> {
    const { name, key } = await readJson(request);
    const mac = await registerMac(this.#home.sql, target, name, key, this.#home.now());
    log('mac-registered', { mac: mac.mac });
    tellPresence(this.#home);
    return json({ mac: mac.mac, name: mac.name });
  }

  async #enrollOptions({ user, request }: Call): Promise<Response> {
    const { sql, config, now } = this.#home;
    const { token } = await readJson(request);
    const { mac, jti } = await this.#enrollToken(user, token);
    return json(await registrationOptions(sql, config, user, jti, mac.name, now()));
  }

  async #enrollVerify({ user, request }: Call): Promise<Response> {
    const { sql, config, now } = this.#home;
    const { token, response } = await readJson(request);
    const { mac, jti, expiresMs } = await this.#enrollToken(user, token);
    const passkey = await verifyRegistration(config, jti, response, now());
    // Stored before the token is used up: a passkey that is known already costs no token.
    if (isTokenUsed(sql, `enroll:${mac.mac}:${jti}`)) throw tokenUsed();
    storePasskey(sql, passkey, now());
    useToken(sql, `enroll:${mac.mac}:${jti}`, expiresMs);
    log('passkey-enrolled', { mac: mac.mac });
    return this.#signIn(user, passkey.id);
  }

  async #enrollToken(user: string, token: unknown) {
    const verified = await verifyMacToken(this.#home.sql, user, 'zane-enroll', token, this.#home.now());
    if (isTokenUsed(this.#home.sql, `enroll:${verified.mac.mac}:${verified.jti}`)) throw tokenUsed();
    return verified;
  }

  async #loginVerify({ user, request }: Call): Promise<Response> {
    const { sql, config, now } = this.#home;
    const { response } = await readJson(request);
    const login = await verifyLogin(sql, config, response, now());
    if (!useToken(sql, `login:${login.challenge}`, login.challengeExpiresMs))
      throw new HttpError(401, 'challenge-used', 'this answer was used before: sign in again');
    passkeyUsed(sql, login, now());
    return this.#signIn(user, login.passkey);
  }

  async #signIn(user: string, passkey: string): Promise<Response> {
    const { sql, now } = this.#home;
    const { sid, secret, ended } = await openSession(sql, passkey, now());
    for (const old of ended) signOut(this.#home, old);
    return this.#cookies(user, sid, secret);
  }

  async #cookies(user: string, sid: string, secret: string): Promise<Response> {
    const { config, now } = this.#home;
    const { jwt, expiresAtMs } = await mintAccess(config.secret, user, sid, now());
    const cookies = [
      setCookie(config, 'access', jwt),
      setCookie(config, 'session', `${user}.${sid}.${secret}`),
    ];
    return json({ user, expiresAtMs }, { cookies });
  }

  async #renew({ user, request }: Call): Promise<Response> {
    const { sql, config, now } = this.#home;
    const { sid, secret } = readPair(await readJson(request));
    const renewal = await renewSession(sql, config.secret, sid, secret, now());
    if (renewal.state === 'renewed') return this.#cookies(user, sid, renewal.secret);
    if (renewal.state === 'reused') {
      log('session-reused', { sid });
      signOut(this.#home, sid);
    }
    return json(
      { error: 'signed-out', message: 'this sign-in has ended: sign in with your passkey' },
      { status: 401, cookies: clearCookies(config) },
    );
  }

  async #session({ user, sid, request }: Call): Promise<Response> {
    this.#checkSession(sid);
    return json({ user, expiresAtMs: Number(request.headers.get('x-orbit-expires')) });
  }

  #checkSession(sid: string): void {
    if (!isSession(this.#home.sql, sid, this.#home.now()))
      throw new HttpError(401, 'signed-out', 'this sign-in has ended: sign in with your passkey');
  }

  async #logout({ request }: Call): Promise<Response> {
    const { sql, config } = this.#home;
    const { sid, secret } = readPair(await readJson(request));
    if (await holdsSession(sql, sid, secret)) {
      endSession(sql, sid);
      signOut(this.#home, sid);
      log('logout', { sid });
    }
    return json({}, { cookies: clearCookies(config) });
  }

  async #openClient({ sid }: Call): Promise<Response> {
    this.#checkSession(sid);
    if (this.#home.sockets.clients().length >= CLIENT_SOCKETS_MAX)
      throw new HttpError(
        429,
        'too-many-clients',
        `${CLIENT_SOCKETS_MAX} pages are open already: close some`,
      );
    return this.#open({
      kind: 'client',
      id: randomId(),
      sid,
      openedMs: this.#home.now(),
      ready: false,
      gone: false,
    });
  }

  async #openLink({ user, target, request }: Call): Promise<Response> {
    const { sql, now, sockets } = this.#home;
    const token = /^Bearer (\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
    const { mac } = await verifyMacToken(sql, user, 'zane-link', token, now());
    if (mac.mac !== target)
      throw new HttpError(
        401,
        'bad-token',
        "the token is of another Mac: make one with this Mac's link credential",
      );
    const older = sockets.link(mac.mac);
    if (older) endSocket(this.#home, older, Close.REPLACED, 'a newer link of this Mac');
    return this.#open({ kind: 'mac', id: mac.mac, openedMs: now(), ready: false, gone: false, inFlight: [] });
  }

  #open(state: SocketState): Response {
    const { 0: outside, 1: inside } = new WebSocketPair();
    this.#home.sockets.accept(inside, state);
    inside.send(encodeTextFrame(orbitHello(state.kind === 'client' ? state.id : undefined)));
    return new Response(null, { status: 101, webSocket: outside });
  }

  async #hook({ target, request }: Call): Promise<Response> {
    const { sql, sockets, now } = this.#home;
    if (!this.#hookPosts.allow('', now())) throw tooMany();
    macOfHook(sql, target);
    const headers = hookHeaders(request.headers);
    const body = await readBytes(request, HOOK_BODY_BYTES_MAX);
    // Looked up again: the list may have changed while the body came in.
    const mac = macOfHook(sql, target);
    const delivery = storeDelivery(sql, mac, target, headers, body, now());
    log('delivery-stored', { trace: delivery, hook: target, bytes: body.length });
    const link = sockets.link(mac);
    if (link) handOver(this.#home, link);
    return json({ delivery }, { status: 202 });
  }
}

function tokenUsed(): HttpError {
  return new HttpError(401, 'token-used', 'this link was used already: make a new one with `zane pair`');
}

/** What the Worker took from the session cookie, whose shape it checked. */
function readPair(body: JsonObject): { sid: string; secret: string } {
  return { sid: String(body['sid']), secret: String(body['secret']) };
}
