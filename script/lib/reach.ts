// Which address can a phone really reach? Only one that was given, or one that
// Tailscale already serves; never a guess.
import { execFileSync } from 'node:child_process';

export interface Reach {
  /** The public https origin, or undefined: only this machine. */
  origin?: string;
  /** One line on how to get one. */
  advice?: string;
}

/** The host of a `tailscale serve` entry that proxies to our port. Pure. */
export function servedName(serveStatus: unknown, port: number): string | undefined {
  const web = (serveStatus as { Web?: Record<string, { Handlers?: Record<string, { Proxy?: string }> }> } | null)?.Web ?? {};
  for (const [host, entry] of Object.entries(web)) {
    const proxy = entry.Handlers?.['/']?.Proxy ?? '';
    const target = URL.canParse(proxy) ? new URL(proxy) : undefined;
    if (target?.port === String(port) && host.endsWith(':443')) return host.slice(0, -':443'.length);
  }
  return undefined;
}

export function findReach(port: number, env: NodeJS.ProcessEnv): Reach {
  const given = env['ZANE_PUBLIC_URL'];
  if (given) {
    const url = URL.canParse(given) ? new URL(given) : undefined;
    if (url?.protocol !== 'https:') throw new Error(`ZANE_PUBLIC_URL is \`${given}\`: it must be an https address, as passkeys need one`);
    return { origin: url.origin };
  }
  try {
    const text = execFileSync('tailscale', ['serve', 'status', '--json'], { encoding: 'utf8', timeout: 5_000, stdio: ['ignore', 'pipe', 'ignore'] });
    const name = servedName(JSON.parse(text || '{}'), port);
    if (name) return { origin: `https://${name}` };
    return { advice: `run \`tailscale serve --bg ${port}\` and start this again: then a phone in your tailnet can reach it` };
  } catch {
    return { advice: 'a phone needs an https name: install Tailscale and run `tailscale serve --bg ' + port + '`, or set ZANE_PUBLIC_URL (README, "From a real phone")' };
  }
}
