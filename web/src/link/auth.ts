// Orbit's HTTP side for the page: session and sign-out. Passkeys: passkey.ts.
// Not for the Mac's trust, which is pairing (pairing.ts): Orbit is a postman.
import type { Admission } from './socket.ts';

/** Renew when the access cookie has less than this left. */
const RENEW_BEFORE_MS = 60_000;
const HTTP_TIMEOUT_MS = 15_000;

export class OrbitError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface Session {
  user: string;
  expiresAtMs: number;
}

let expiresAtMs = 0;

export async function request(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
  const init: RequestInit = {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
  };
  if (method === 'POST') {
    init.headers = { 'content-type': 'application/json' };
    init.body = JSON.stringify(body ?? {});
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new OrbitError(0, 'weather', 'Orbit cannot be reached: check the connection and try again');
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer;
  const told = (answer ?? {}) as { error?: unknown; message?: unknown };
  const message =
    typeof told.message === 'string' ? told.message.slice(0, 500) : `Orbit answered ${response.status}`;
  throw new OrbitError(response.status, typeof told.error === 'string' ? told.error : 'http', message);
}

function isDenial(error: unknown): boolean {
  return error instanceof OrbitError && (error.status === 401 || error.status === 403);
}

async function look(): Promise<Session> {
  const told = (await request('GET', '/api/session')) as Partial<Session>;
  expiresAtMs = Number(told.expiresAtMs) || 0;
  return { user: String(told.user ?? ''), expiresAtMs };
}

/** One tab at a time: a session secret that is used twice ends the session. */
function alone<T>(run: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request('zane-renew', run) : run();
}

/** The session with `leftMs` to go, renewed if need be; undefined when nobody is signed in. Throws OrbitError for weather. */
export function session(leftMs = 0): Promise<Session | undefined> {
  return alone(async () => {
    try {
      const known = await look();
      if (known.expiresAtMs - Date.now() > leftMs) return known;
    } catch (error) {
      if (!isDenial(error)) throw error;
    }
    try {
      await request('POST', '/api/session/renew');
    } catch (error) {
      if (isDenial(error)) return undefined;
      throw error;
    }
    return look();
  });
}

/** Asked before every connection: refreshes the cookie early, and tells a refusal from bad weather. */
export async function admit(doubt: 'fresh' | 'doubt'): Promise<Admission> {
  try {
    if (expiresAtMs - Date.now() > RENEW_BEFORE_MS && doubt === 'fresh') return 'ok';
    return (await session(RENEW_BEFORE_MS)) ? 'ok' : 'signed-out';
  } catch (error) {
    return isDenial(error) ? 'signed-out' : 'weather';
  }
}

export async function logout(): Promise<void> {
  await request('POST', '/api/logout');
  expiresAtMs = 0;
}
