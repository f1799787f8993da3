// What the runtime hands Orbit (workerd.capnp, wrangler.jsonc) and the one
// reading of it. Not for anything that changes while Orbit runs.
import type { UserObject } from './user-object.ts';

export interface Env {
  ORBIT_SECRET?: string | null;
  ORBIT_ORIGIN?: string | null;
  USERS: DurableObjectNamespace<UserObject>;
  ASSETS: Fetcher;
}

export interface Config {
  secret: string;
  /** The origins whose pages are ours; the first one fixes the RP ID. */
  origins: string[];
  rpId: string;
  /** False only on plain-http loopback, where browsers differ about Secure cookies. */
  secure: boolean;
}

/** Below 32 characters a secret can be guessed offline from any user id. */
const SECRET_CHARS_MIN = 32;
const ORIGINS_MAX = 8;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Orbit is set up wrong: answered to everybody as 503, with the cure. */
export class ConfigError extends Error {}

function parseOrigin(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new ConfigError(
      `\`ORBIT_ORIGIN\` holds \`${text}\`, which is not an origin: set it to one such as https://x.example`,
    );
  }
  if (url.origin !== text.replace(/\/$/, ''))
    throw new ConfigError(`\`ORBIT_ORIGIN\` holds \`${text}\`: leave out everything after host and port`);
  const loopback = LOOPBACK.has(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))
    throw new ConfigError(`\`ORBIT_ORIGIN\` holds \`${text}\`: use https, as http works on loopback alone`);
  return url;
}

export function readConfig(env: Pick<Env, 'ORBIT_SECRET' | 'ORBIT_ORIGIN'>): Config {
  const secret = env.ORBIT_SECRET ?? '';
  if (secret.length < SECRET_CHARS_MIN)
    throw new ConfigError(
      `\`ORBIT_SECRET\` is missing or shorter than ${SECRET_CHARS_MIN} characters: set it to 32 random bytes, e.g. from \`openssl rand -hex 32\``,
    );
  const urls = (env.ORBIT_ORIGIN ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseOrigin);
  const first = urls[0];
  if (first === undefined)
    throw new ConfigError(
      '`ORBIT_ORIGIN` is missing: set it to the origin the phone opens, e.g. https://x.example',
    );
  if (urls.length > ORIGINS_MAX)
    throw new ConfigError(`\`ORBIT_ORIGIN\` lists more than ${ORIGINS_MAX} origins: leave some out`);
  if (urls.some((url) => url.protocol !== first.protocol))
    throw new ConfigError(
      '`ORBIT_ORIGIN` mixes http and https: the cookies of one would be unsafe for the other, choose one',
    );
  return {
    secret,
    origins: urls.map((url) => url.origin),
    rpId: first.hostname,
    secure: first.protocol === 'https:',
  };
}
