// Answers and request bodies of Orbit's HTTP surface. Not for static files
// (static-files.ts) nor for what any route means.
import type { Config } from './env.ts';

/** Login and enrolment answers of every known authenticator fit several times. */
const JSON_BYTES_MAX = 64 * 1024;

/** Ends a request with `{"error", "message"}`; `message` names the cure. */
export class HttpError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const API_HEADERS: Record<string, string> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export function json(
  value: unknown,
  options: { status?: number; cookies?: readonly string[]; headers?: Record<string, string> } = {},
): Response {
  const headers = new Headers({
    'content-type': 'application/json; charset=utf-8',
    ...API_HEADERS,
    ...options.headers,
  });
  for (const cookie of options.cookies ?? []) headers.append('set-cookie', cookie);
  return new Response(JSON.stringify(value), { status: options.status ?? 200, headers });
}

export function errorResponse(error: HttpError): Response {
  const headers: Record<string, string> = error.status === 429 ? { 'retry-after': '30' } : {};
  return json({ error: error.code, message: error.message }, { status: error.status, headers });
}

/** At most `bytesMax` of the body; more is refused before it is held in memory. */
export async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new HttpError(413, 'too-large', `the body is larger than ${bytesMax} bytes: send less`);
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (request.body) {
    for await (const chunk of request.body as ReadableStream<Uint8Array>) {
      size += chunk.length;
      if (size > bytesMax) throw tooLarge();
      chunks.push(chunk);
    }
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export async function readJson(request: Request): Promise<JsonObject> {
  const bytes = await readBytes(request, JSON_BYTES_MAX);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    throw new HttpError(400, 'bad-json', 'the body is not JSON: send a JSON object');
  }
  if (!isObject(value)) throw new HttpError(400, 'bad-json', 'the body is not a JSON object: send one');
  return value;
}

/** Other sites can make a browser send a request, but neither our Origin nor, without CORS, this content type. */
export function checkOrigin(request: Request, config: Config): void {
  const origin = request.headers.get('origin');
  if (origin === null || !config.origins.includes(origin))
    throw new HttpError(
      403,
      'foreign-origin',
      `this Orbit serves pages of ${config.origins[0]} only: open Zane there, or set \`ORBIT_ORIGIN\``,
    );
}

export function checkPost(request: Request, config: Config): void {
  checkOrigin(request, config);
  const type = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new HttpError(415, 'bad-content-type', 'send the body as `application/json`');
}
