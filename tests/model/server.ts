// The scripted model: a Responses API on loopback that answers the real Codex from a
// scenario file, for tests and `script/run --demo`. Not a model, not reachable from
// elsewhere, and without memory of a turn: see progress.ts.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { answerFor } from './answer.ts';
import { Gates } from './gates.ts';
import { play } from './player.ts';
import { readProgress } from './progress.ts';
import type { Progress } from './progress.ts';
import { parseScenario, readScenario } from './scenario.ts';
import type { Scenario } from './scenario.ts';

const REQUEST_BYTES_MAX = 64 * 1024 * 1024;
/** The oldest are forgotten first. */
const REQUESTS_KEPT_MAX = 500;
const LOOPBACK = ['127.0.0.1', '::1'];
const DEMO = join(import.meta.dirname, '../scenarios/demo.scenario');

export interface ModelOptions {
  /** A file's path, or the scenario itself: a text with a line break in it. The demo by default. */
  scenario?: string;
  /** A free port by default. */
  port?: number;
  host?: string;
}

/** `line`: the scenario's block that answered. */
export interface ModelRequest extends Progress {
  line: number;
}

export interface Model {
  port: number;
  /** The server's root, without a slash at the end. */
  url: string;
  /** What Codex's configuration wants as `base_url`. */
  baseUrl: string;
  /** The last 500 requests, oldest first. */
  requests: readonly ModelRequest[];
  /** Lets one answer pass `wait for NAME`: the one that waits longest, or else the next to come. */
  release: (gate: string) => void;
  /** Resolves as soon as an answer waits at this gate. */
  reached: (gate: string) => Promise<void>;
  close: () => Promise<void>;
}

export async function startModel(options: ModelOptions = {}): Promise<Model> {
  const host = options.host ?? '127.0.0.1';
  if (!LOOPBACK.includes(host))
    throw new Error(
      `the scripted model listens on loopback only: use ${LOOPBACK.join(' or ')}, not \`${host}\``,
    );
  const state: State = { scenario: load(options.scenario ?? DEMO), requests: [], gates: new Gates() };
  const server = createServer((request, response) => void serve(state, request, response));
  await listen(server, options.port ?? 0, host);
  const { port } = server.address() as AddressInfo;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return {
    port,
    url,
    baseUrl: `${url}/v1`,
    requests: state.requests,
    release: (gate) => state.gates.release(gate),
    reached: (gate) => state.gates.reached(gate),
    close: () => close(server),
  };
}

interface State {
  scenario: Scenario;
  requests: ModelRequest[];
  gates: Gates;
}

function load(scenario: string): Scenario {
  return scenario.includes('\n') ? parseScenario(scenario) : readScenario(scenario);
}

async function serve(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await route(state, request, response);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else send(response, 400, { error: { type: 'scripted', message: (error as Error).message } });
  }
}

async function route(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://model').pathname;
  const gate = /^\/_control\/release\/([^/]+)$/.exec(path)?.[1];
  // Codex is no browser: a web page has no business here.
  if (request.headers.origin !== undefined)
    return send(response, 403, { error: { message: 'not for web pages' } });
  if (request.method === 'POST' && path === '/v1/responses')
    return respond(state, await readJson(request), response);
  if (request.method === 'POST' && gate !== undefined) {
    state.gates.release(decodeURIComponent(gate));
    return send(response, 200, { released: decodeURIComponent(gate) });
  }
  if (request.method === 'GET' && path === '/_control/state') {
    return send(response, 200, {
      scenario: state.scenario.name,
      waiting: state.gates.waiting(),
      requests: state.requests,
    });
  }
  send(response, 404, {
    error: {
      message: `no ${request.method} ${path} here: POST /v1/responses, POST /_control/release/NAME, GET /_control/state`,
    },
  });
}

async function respond(state: State, body: unknown, response: ServerResponse): Promise<void> {
  const progress = readProgress(body);
  const { cues, line } = answerFor(state.scenario, progress);
  state.requests.push({ ...progress, line });
  if (state.requests.length > REQUESTS_KEPT_MAX) state.requests.shift();
  await play(cues, response, (gate, signal) => state.gates.wait(gate, signal));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  if (request.headers['content-encoding'])
    throw new Error('a compressed request: turn `enable_request_compression` off in codex');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX)
      throw new Error(`a request above ${REQUEST_BYTES_MAX} bytes: start a new thread`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // Streams that wait at a gate would keep it open for ever.
    server.closeAllConnections();
  });
}
