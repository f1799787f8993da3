// Which address can a phone really reach? Only one that was given, or one that
// Tailscale already serves; never a guess.
import { execFileSync } from 'node:child_process';

export interface Reach {
  /** The public https origin, or undefined: only this machine. */
  origin?: string;
  /** One line on how to get one. */
  advice?: string;
}

type Web = Record<string, { Handlers?: Record<string, { Proxy?: string }> }>;

/** What `tailscale serve` makes of our port: the address, or why it can't be used. Pure. */
export function served(serveStatus: unknown, port: number): { host: string } | { why: string } | undefined {
  const status = serveStatus as { Web?: Web; Foreground?: Record<string, { Web?: Web }> } | null;
  // Without `--bg` the entry lives in a foreground session, and works as well.
  const webs = [
    status?.Web ?? {},
    ...Object.values(status?.Foreground ?? {}).map((session) => session.Web ?? {}),
  ];
  let why: { why: string } | undefined;
  for (const [host, entry] of webs.flatMap((web) => Object.entries(web))) {
    const proxy = entry.Handlers?.['/']?.Proxy ?? '';
    const target = URL.canParse(proxy) ? new URL(proxy) : undefined;
    if (target?.port !== String(port)) continue;
    if (host.endsWith(':443')) return { host: host.slice(0, -':443'.length) };
    // A name with its port is an origin of its own, and as good for a passkey.
    if (/:\d+$/.test(host)) return { host };
    why = { why: `Tailscale serves \`${host}\` without https: run \`tailscale serve --bg ${port}\`` };
  }
  return why;
}

/** The command line of Tailscale, wherever it is. */
const COMMANDS = ['tailscale', '/Applications/Tailscale.app/Contents/MacOS/Tailscale'];

function serveStatus(): { status: unknown } | { why: string } | undefined {
  for (const command of COMMANDS) {
    let text: string;
    try {
      text = execFileSync(command, ['serve', 'status', '--json'], {
        encoding: 'utf8',
        timeout: 5_000,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      return { why: 'Tailscale is installed but does not answer: is it running and logged in?' };
    }
    try {
      return { status: JSON.parse(text || '{}') };
    } catch {
      // The app's own command line says a sentence, and that all is well, where it can't work.
      return { why: `Tailscale says: ${text.trim().split('\n')[0]}` };
    }
  }
  return undefined;
}

export function findReach(port: number, env: NodeJS.ProcessEnv): Reach {
  const given = env['ZANE_PUBLIC_URL'];
  if (given) {
    const url = URL.canParse(given) ? new URL(given) : undefined;
    if (url?.protocol !== 'https:')
      throw new Error(`ZANE_PUBLIC_URL is \`${given}\`: it must be an https address, as passkeys need one`);
    return { origin: url.origin };
  }
  const asked = serveStatus();
  if (!asked)
    return {
      advice:
        'a phone needs an https name: install Tailscale and run `tailscale serve --bg ' +
        port +
        '`, or set ZANE_PUBLIC_URL (README, "From a real phone")',
    };
  if ('why' in asked) return { advice: asked.why };
  const found = served(asked.status, port);
  if (found && 'host' in found) return { origin: `https://${found.host}` };
  return {
    advice:
      found?.why ??
      `run \`tailscale serve --bg ${port}\` and start this again: then a phone in your tailnet can reach it`,
  };
}
