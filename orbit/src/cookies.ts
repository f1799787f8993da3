// The two cookies: their names, flags and reading. Not for what is in them
// (sessions.ts).
import type { Config } from './env.ts';

export const ACCESS_SECONDS = 10 * 60;
export const SESSION_SECONDS = 30 * 24 * 60 * 60;
/** Ours together are under 600 characters; browsers stop near 8 KiB. */
const COOKIE_HEADER_CHARS_MAX = 16 * 1024;

type Which = 'access' | 'session';

function cookieName(config: Config, which: Which): string {
  const name = which === 'access' ? 'zane' : 'zane-session';
  return config.secure ? `__Host-${name}` : name;
}

export function setCookie(config: Config, which: Which, value: string): string {
  const seconds = which === 'access' ? ACCESS_SECONDS : SESSION_SECONDS;
  return `${cookieName(config, which)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${config.secure ? '; Secure' : ''}`;
}

export function clearCookies(config: Config): string[] {
  return (['access', 'session'] as const).map(
    (which) =>
      `${cookieName(config, which)}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict${config.secure ? '; Secure' : ''}`,
  );
}

export function readCookie(request: Request, config: Config, which: Which): string | undefined {
  const header = request.headers.get('cookie') ?? '';
  if (header.length > COOKIE_HEADER_CHARS_MAX) return undefined;
  const prefix = `${cookieName(config, which)}=`;
  return header
    .split(';')
    .map((part) => part.trim())
    .find((part) => part.startsWith(prefix))
    ?.slice(prefix.length);
}
