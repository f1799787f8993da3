// What the tests of the scripted model share: a model, a real Codex that asks it, one
// client, and turns one can wait for. Not for the tests of Zane's own processes.
import { watch } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { WAIT_MS_MAX } from './app-server-client.ts';
import type { AppServerClient, Heard, Json } from './app-server-client.ts';
import { startCodex } from './codex-process.ts';
import type { CodexProcess } from './codex-process.ts';
import { startModel } from './server.ts';
import type { Model } from './server.ts';

export const JOURNEY = join(import.meta.dirname, '../scenarios/journey.scenario');
export const DEMO = join(import.meta.dirname, '../scenarios/demo.scenario');

export interface Fixture {
  model: Model;
  codex: CodexProcess;
  client: AppServerClient;
}

export interface FixtureOptions {
  scenario?: string;
  /** More of Codex's configuration. */
  config?: string;
  /** Starts Codex with the two profiles that supervisor gives it; they deny this subfolder. */
  deny?: string;
}

/** Everything ends with the test. */
export async function startFixture(test: TestContext, options: FixtureOptions = {}): Promise<Fixture> {
  const model = await startModel({ scenario: options.scenario ?? JOURNEY });
  test.after(() => model.close());
  const codex = await startCodex({
    baseUrl: model.baseUrl,
    ...(options.config === undefined ? {} : { extra: options.config }),
    args: (folder) => (options.deny === undefined ? [] : profileArgs(join(folder, options.deny))),
  });
  test.after(() => codex.stop());
  return { model, codex, client: await codex.connect() };
}

/** As supervisor starts Codex: the workspace is writable, Zane's own folder is out of reach. */
export function profileArgs(denied: string): string[] {
  const filesystem = `{${JSON.stringify(denied)}="deny"}`;
  return [
    'default_permissions="zane"',
    'permissions.zane.extends=":workspace"',
    `permissions.zane.filesystem=${filesystem}`,
    'permissions.zane-read-only.extends=":read-only"',
    `permissions.zane-read-only.filesystem=${filesystem}`,
  ].flatMap((setting) => ['-c', setting]);
}

export class Turn {
  readonly client: AppServerClient;
  readonly thread: string;
  readonly id: string;

  constructor(client: AppServerClient, thread: string, id: string) {
    this.client = client;
    this.thread = thread;
    this.id = id;
  }

  /** The first message of this turn with this method that fits. */
  event(method: string, fits: (params: Json) => boolean = () => true): Promise<Heard> {
    return this.client.waitFor(method, (params) => params['turnId'] === this.id && fits(params));
  }

  item(method: 'item/started' | 'item/completed', fits: (item: Json) => boolean): Promise<Heard> {
    return this.event(method, (params) => fits(params['item'] as Json));
  }

  /** `completed`, `interrupted` or `failed`. */
  async end(): Promise<string> {
    const isThis = (params: Json): boolean => (params['turn'] as Json)['id'] === this.id;
    const { params } = await this.client.waitFor('turn/completed', isThis);
    return String((params['turn'] as Json)['status']);
  }

  /** The requests of the server and the notifications of this turn, as heard so far. */
  heard(method: string): Heard[] {
    return this.client.of(method).filter(({ params }) => params['turnId'] === this.id);
  }

  /** The agent's finished messages. */
  texts(): string[] {
    return this.heard('item/completed')
      .map(({ params }) => params['item'] as Json)
      .filter((item) => item['type'] === 'agentMessage')
      .map((item) => String(item['text']));
  }

  steer(text: string): Promise<Json> {
    return this.client.request('turn/steer', {
      threadId: this.thread,
      expectedTurnId: this.id,
      input: [{ type: 'text', text }],
    });
  }

  interrupt(): Promise<Json> {
    return this.client.request('turn/interrupt', { threadId: this.thread, turnId: this.id });
  }
}

export interface TurnOptions {
  /** Go on with this thread; a new one by default. */
  thread?: string;
  threadParams?: Json;
  turnParams?: Json;
}

export async function ask(
  { client, codex }: Fixture,
  prompt: string,
  options: TurnOptions = {},
): Promise<Turn> {
  const thread =
    options.thread ?? (await newThread(client, { cwd: codex.workspace, ...options.threadParams }));
  const input = [{ type: 'text', text: prompt }];
  const { turn } = await client.request<{ turn: { id: string } }>('turn/start', {
    threadId: thread,
    input,
    ...options.turnParams,
  });
  return new Turn(client, thread, turn.id);
}

/** Resolves when a file of this name is in the folder. Not sooner than the call: call it first. */
export async function fileAppears(folder: string, name: string): Promise<void> {
  for await (const change of watch(folder, { signal: AbortSignal.timeout(WAIT_MS_MAX) })) {
    if (change.filename === name) return;
  }
}

async function newThread(client: AppServerClient, params: Json): Promise<string> {
  return (await client.request<{ thread: { id: string } }>('thread/start', params)).thread.id;
}
