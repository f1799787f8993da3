// Orbit's front door: finds the route, checks who may knock (user tag, Origin,
// cookies, operator token), and only then touches the user's Durable Object. Not
// for anything that needs storage (user-routes.ts).
import { PROTOCOL_MAX, PROTOCOL_MIN } from '../../proto/ts/link.ts';
import { clearCookies, readCookie } from './cookies.ts';
import { ConfigError, readConfig } from './env.ts';
import type { Config, Env } from './env.ts';
import { HttpError, checkOrigin, checkPost, errorResponse, json, readJson } from './http.ts';
import { log } from './log.ts';
import { isMacId } from './macs.ts';
import { isHookId } from './mailbox.ts';
import { loginOptions, userHandle } from './passkeys.ts';
import { Limiter, senderOf } from './rate-limit.ts';
import { RELEASE } from './release.ts';
import { isOperatorToken, isUser } from './secrets.ts';
import { parseSessionCookie, verifyAccess } from './sessions.ts';
import { serveStatic } from './static-files.ts';
import { claimedUser } from './tokens.ts';

export { UserObject } from './user-object.ts';

/** Per isolate: the one route that neither names a user nor costs storage. */
const loginOptionsLimit = new Limiter({ burst: 60, perSecond: 2 }, 1000);

interface Knock {
  request: Request;
  env: Env;
  config: Config;
}
type Handler = (knock: Knock, params: string[]) => Promise<Response>;

const ROUTES: { method: string; path: RegExp; handler: Handler }[] = [
  {
    method: 'GET',
    path: /^\/api\/hello$/,
    handler: async () => json({ release: RELEASE, protocolMin: PROTOCOL_MIN, protocolMax: PROTOCOL_MAX }),
  },
  { method: 'PUT', path: /^\/api\/users\/([^/]+)\/macs\/([^/]+)$/, handler: putMac },
  { method: 'POST', path: /^\/api\/(enroll\/options|enroll\/verify)$/, handler: enroll },
  { method: 'POST', path: /^\/api\/login\/options$/, handler: startLogin },
  { method: 'POST', path: /^\/api\/login\/verify$/, handler: finishLogin },
  { method: 'POST', path: /^\/api\/(?:session\/(renew)|(logout))$/, handler: withSession },
  { method: 'GET', path: /^\/(?:api\/(session)|(ws))$/, handler: withAccess },
  { method: 'GET', path: /^\/link\/([^/]+)\/([^/]+)$/, handler: openLink },
  { method: 'POST', path: /^\/hooks\/([^/.]+)\.([^/]+?)\/?$/, handler: postHook },
];

async function route(knock: Knock): Promise<Response> {
  const { pathname } = new URL(knock.request.url);
  const matching = ROUTES.filter(({ path }) => path.test(pathname));
  if (matching.length === 0) {
    if (/^\/(api|ws|link|hooks)(\/|$)/.test(pathname))
      throw new HttpError(404, 'not-found', 'there is no such route: see docs/link.md');
    return serveStatic(knock.request, knock.env, knock.config);
  }
  const found = matching.find(({ method }) => method === knock.request.method);
  if (!found) throw new HttpError(405, 'bad-method', `this address takes ${matching[0]?.method} only`);
  return found.handler(
    knock,
    (found.path.exec(pathname) ?? []).slice(1).filter((param) => param !== undefined),
  );
}

interface ToUser {
  route: string;
  sid?: string;
  target?: string;
  expires?: number;
  body?: unknown;
}

/** Hands the request to the user's object; the tag is checked here and nowhere else. */
async function askUser(
  { request, env, config }: Knock,
  user: string | undefined,
  to: ToUser,
): Promise<Response> {
  if (user === undefined || !(await isUser(config.secret, user)))
    throw new HttpError(
      404,
      'unknown-user',
      'this Orbit has no such user: check the address, or enrol again',
    );
  const headers = new Headers([...request.headers].filter(([name]) => !name.startsWith('x-orbit-')));
  headers.set('x-orbit-user', user);
  headers.set('x-orbit-sender', senderOf(request));
  for (const key of ['sid', 'target', 'expires'] as const)
    if (to[key] !== undefined) headers.set(`x-orbit-${key}`, String(to[key]));
  if (to.body !== undefined) headers.delete('content-length');
  const body = to.body === undefined ? request.body : JSON.stringify(to.body);
  return env.USERS.get(env.USERS.idFromName(user)).fetch(`https://user/${to.route}`, {
    method: request.method,
    headers,
    body,
  });
}

async function putMac(knock: Knock, [user = '', mac = '']: string[]): Promise<Response> {
  const body = await readJson(knock.request);
  const token = /^Bearer (\S+)$/i.exec(knock.request.headers.get('authorization') ?? '')?.[1] ?? '';
  const key = typeof body['key'] === 'string' ? body['key'] : '';
  if (!isMacId(mac) || !(await isOperatorToken(token, knock.config.secret, user, mac, key)))
    throw new HttpError(
      401,
      'bad-operator-token',
      "the operator token is not for this user, Mac and key: make it with orbit/tool/operator.ts and this Orbit's `ORBIT_SECRET`",
    );
  return askUser(knock, user, { route: 'mac', target: mac, body });
}

async function enroll(knock: Knock, [step = '']: string[]): Promise<Response> {
  checkPost(knock.request, knock.config);
  const body = await readJson(knock.request);
  const user = claimedUser(body['token']);
  if (user === undefined)
    throw new HttpError(
      401,
      'bad-token',
      'the link holds no enrolment token: make a new one with `zane pair`',
    );
  return askUser(knock, user, { route: step, body });
}

async function startLogin({ request, config }: Knock): Promise<Response> {
  checkPost(request, config);
  if (!loginOptionsLimit.allow(senderOf(request), Date.now()))
    throw new HttpError(429, 'too-many-requests', 'too many requests: wait half a minute and try again');
  return json(await loginOptions(config, Date.now()));
}

async function finishLogin(knock: Knock): Promise<Response> {
  checkPost(knock.request, knock.config);
  const body = await readJson(knock.request);
  return askUser(knock, userHandle(body['response']), { route: 'login/verify', body });
}

async function withSession(knock: Knock, [step = '']: string[]): Promise<Response> {
  checkPost(knock.request, knock.config);
  const session = parseSessionCookie(readCookie(knock.request, knock.config, 'session'));
  if (!session || !(await isUser(knock.config.secret, session.user)))
    return json(
      { error: 'signed-out', message: 'there is no sign-in here: sign in with your passkey' },
      { status: 401, cookies: clearCookies(knock.config) },
    );
  return askUser(knock, session.user, { route: step, body: { sid: session.sid, secret: session.secret } });
}

async function withAccess(knock: Knock, [step = '']: string[]): Promise<Response> {
  const { request, config } = knock;
  if (step === 'ws') {
    checkOrigin(request, config);
    checkUpgrade(request);
  }
  const access = await verifyAccess(config.secret, readCookie(request, config, 'access'), Date.now());
  if (!access)
    throw new HttpError(
      401,
      'signed-out',
      'the access cookie is missing or has expired: renew the session, or sign in',
    );
  return askUser(knock, access.user, { route: step, sid: access.sid, expires: access.expiresAtMs });
}

function checkUpgrade(request: Request): void {
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket')
    throw new HttpError(426, 'upgrade-required', 'this address speaks WebSocket only');
}

async function openLink(knock: Knock, [user, mac = '']: string[]): Promise<Response> {
  checkUpgrade(knock.request);
  return askUser(knock, user, { route: 'link', target: mac });
}

async function postHook(knock: Knock, [user, hook = '']: string[]): Promise<Response> {
  if (!isHookId(hook))
    throw new HttpError(
      404,
      'unknown-hook',
      'there is no such hook: take its address from `zane hooks` anew',
    );
  return askUser(knock, user, { route: 'hook', target: hook });
}

export default {
  async fetch(request, env) {
    try {
      return await route({ request, env, config: readConfig(env) });
    } catch (error) {
      if (error instanceof HttpError) return errorResponse(error);
      if (error instanceof ConfigError)
        return errorResponse(new HttpError(503, 'not-configured', error.message));
      log('internal-error', { error: error instanceof Error ? (error.stack ?? error.message) : 'unknown' });
      return errorResponse(
        new HttpError(500, 'internal', 'Orbit failed at this: see its log, and try again'),
      );
    }
  },
} satisfies ExportedHandler<Env>;
