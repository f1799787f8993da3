// The static client, from Cloudflare's assets or a bare workerd's disk. The disk
// knows no content types and lists folders, so only plain paths with a known
// extension are asked for. Not for the API.
import type { Config, Env } from './env.ts';
import { HttpError } from './http.ts';

const TYPES: Record<string, string> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  ico: 'image/x-icon',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  map: 'application/json; charset=utf-8',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  wasm: 'application/wasm',
  webmanifest: 'application/manifest+json; charset=utf-8',
  webp: 'image/webp',
  woff2: 'font/woff2',
};

/** Plain segments only: nothing hidden, nothing encoded, no way up. */
const PLAIN_PATH = /^(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+$/;
/** Vite's names under /assets/ carry a hash of the content: they never change. */
const HASHED = /^\/assets\/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;

/** The file a path means: `/` and the client's own views are index.html. */
function fileOf(path: string): string | undefined {
  if (path === '/') return '/index.html';
  if (!PLAIN_PATH.test(path)) return undefined;
  const last = path.slice(path.lastIndexOf('/') + 1);
  return last.includes('.') ? path : '/index.html';
}

export function contentSecurityPolicy(config: Config): string {
  // `'self'` does not cover WebSockets in every Safari, so they are named.
  const sockets = config.origins.map((origin) => origin.replace(/^http/, 'ws')).join(' ');
  return [
    "default-src 'none'",
    "script-src 'self'",
    // xterm sizes and colours its rows through <style> elements it makes itself.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    `connect-src 'self' ${sockets}`,
    "manifest-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join('; ');
}

function pageHeaders(config: Config, file: string, type: string): Headers {
  return new Headers({
    'content-type': type,
    'cache-control': HASHED.test(file) ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-security-policy': contentSecurityPolicy(config),
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'publickey-credentials-get=(self), publickey-credentials-create=(self)',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    ...(config.secure ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  });
}

/** A bare workerd compresses only what it is told to; Cloudflare would do it anyway. */
const COMPRESSIBLE = /^(text\/|application\/(json|manifest\+json|wasm)|image\/svg)/;

function acceptsGzip(request: Request): boolean {
  return /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '');
}

const notFound = () => new HttpError(404, 'not-found', 'there is nothing here: open `/`');

export async function serveStatic(request: Request, env: Env, config: Config): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new HttpError(405, 'bad-method', 'this address takes GET only');
  const file = fileOf(new URL(request.url).pathname);
  const type = TYPES[file?.slice(file.lastIndexOf('.') + 1) ?? ''];
  if (file === undefined || type === undefined) throw notFound();
  const asset = await env.ASSETS.fetch(`http://assets${file}`, { method: request.method });
  if (asset.status !== 200) {
    await asset.body?.cancel();
    throw notFound();
  }
  const headers = pageHeaders(config, file, type);
  if (COMPRESSIBLE.test(type)) {
    headers.set('vary', 'accept-encoding');
    if (acceptsGzip(request)) headers.set('content-encoding', 'gzip');
  }
  return new Response(asset.body, { headers });
}
