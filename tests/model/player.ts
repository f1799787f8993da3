// Plays the steps of one answer as the server-sent events of the Responses API. Owns the
// one HTTP response; ends when the answer is over or Codex hangs up, whichever is first.
// Not for choosing the steps: see answer.ts.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cue } from './answer.ts';
import { checkNumbers, isTool, wholeNumber } from './steps.ts';
import type { Step, ToolStep } from './steps.ts';
import { fill } from './template.ts';

/** By default a text comes in as many deltas as it has words, but not in more than this. */
const DEFAULT_DELTAS_MAX = 200;

/** Waits at a gate until the test opens it; rejects when the signal fires. */
export type WaitAtGate = (gate: string, signal: AbortSignal) => Promise<void>;

/** The response was broken on purpose (`fail`), or Codex is gone. */
class Cut extends Error {}

export async function play(cues: Cue[], response: ServerResponse, waitAtGate: WaitAtGate): Promise<void> {
  // All of them first: a bad value is then an HTTP error with its reason, not a broken stream.
  const steps = cues.map(({ step, values }) => fillStep(step, values));
  steps.forEach(checkNumbers);
  const player = new Player(response, waitAtGate);
  try {
    for (const step of steps) await player.step(step);
    await player.complete();
  } catch (error) {
    if (player.gone || error instanceof Cut) return;
    throw error;
  }
}

class Player {
  readonly #response: ServerResponse;
  readonly #waitAtGate: WaitAtGate;
  readonly #hangUp = new AbortController();
  readonly #id = `resp_${randomUUID()}`;
  #outputIndex = 0;
  #outputChars = 0;

  constructor(response: ServerResponse, waitAtGate: WaitAtGate) {
    this.#response = response;
    this.#waitAtGate = waitAtGate;
    response.once('close', () => this.#hangUp.abort());
  }

  get gone(): boolean {
    return this.#hangUp.signal.aborted;
  }

  async step(step: Step): Promise<void> {
    if (isTool(step)) return this.#call(step);
    switch (step.kind) {
      case 'say':
        return this.#say(pieces(step.text, step.deltas), step.perSecond);
      case 'think':
        return this.#think(pieces(step.text, step.deltas), step.perSecond);
      case 'flood':
        return this.#say(flood(step.deltas, step.bytes));
      case 'wait':
        return this.#waitAtGate(step.gate, this.#hangUp.signal);
      case 'fail':
        return this.#fail(wholeNumber('status', step.status));
    }
  }

  async complete(): Promise<void> {
    const tokens = Math.ceil(this.#outputChars / 4);
    await this.#event('response.completed', {
      response: {
        id: this.#id,
        status: 'completed',
        usage: {
          input_tokens: 100,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: tokens,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: 100 + tokens,
        },
      },
    });
    this.#response.end();
  }

  async #say(deltas: Iterable<string>, perSecond?: string): Promise<void> {
    const id = `msg_${randomUUID()}`;
    await this.#item('added', { type: 'message', id, role: 'assistant', status: 'in_progress', content: [] });
    const text = await this.#stream(deltas, perSecond, (delta) =>
      this.#event('response.output_text.delta', {
        item_id: id,
        output_index: this.#outputIndex,
        content_index: 0,
        delta,
      }),
    );
    await this.#item('done', {
      type: 'message',
      id,
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text, annotations: [] }],
    });
  }

  async #think(deltas: Iterable<string>, perSecond?: string): Promise<void> {
    const id = `rs_${randomUUID()}`;
    const place = { item_id: id, output_index: this.#outputIndex, summary_index: 0 };
    await this.#item('added', { type: 'reasoning', id, summary: [] });
    await this.#event('response.reasoning_summary_part.added', {
      ...place,
      part: { type: 'summary_text', text: '' },
    });
    const text = await this.#stream(deltas, perSecond, (delta) =>
      this.#event('response.reasoning_summary_text.delta', { ...place, delta }),
    );
    await this.#item('done', { type: 'reasoning', id, summary: [{ type: 'summary_text', text }] });
  }

  async #stream(
    deltas: Iterable<string>,
    perSecond: string | undefined,
    send: (delta: string) => Promise<void>,
  ): Promise<string> {
    const gapMs = perSecond === undefined ? 0 : 1000 / wholeNumber('perSecond', perSecond);
    const startedMs = performance.now();
    const sent: string[] = [];
    for (const delta of deltas) {
      const earlyMs = startedMs + sent.length * gapMs - performance.now();
      if (earlyMs >= 1) await pause(earlyMs, undefined, { signal: this.#hangUp.signal });
      await send(delta);
      sent.push(delta);
    }
    const text = sent.join('');
    this.#outputChars += text.length;
    return text;
  }

  async #call(step: ToolStep): Promise<void> {
    const call_id = `call_${randomUUID()}`;
    if (step.kind === 'patch') return this.#patch(call_id, step.patch);
    const { args, ...tool } = functionCall(step);
    await this.#item('done', {
      type: 'function_call',
      id: `fc_${randomUUID()}`,
      call_id,
      ...tool,
      arguments: JSON.stringify(args),
      status: 'completed',
    });
  }

  async #patch(call_id: string, input: string): Promise<void> {
    const item = { type: 'custom_tool_call', id: `ctc_${randomUUID()}`, call_id, name: 'apply_patch' };
    await this.#item('added', { ...item, input: '', status: 'in_progress' });
    for (const delta of pieces(input)) {
      await this.#event('response.custom_tool_call_input.delta', {
        item_id: item.id,
        output_index: this.#outputIndex,
        delta,
      });
    }
    await this.#item('done', { ...item, input, status: 'completed' });
  }

  /** Before the first event: an HTTP error. Later the stream just breaks off, after what was sent. */
  #fail(status: number): Promise<void> {
    if (this.#response.headersSent) this.#response.socket?.end();
    else
      this.#response.writeHead(status, { 'content-type': 'application/json' }).end(
        JSON.stringify({
          error: { type: 'scripted', message: `the scenario answers with status ${status} here` },
        }),
      );
    return Promise.reject(new Cut());
  }

  async #item(phase: 'added' | 'done', item: object): Promise<void> {
    await this.#event(`response.output_item.${phase}`, { output_index: this.#outputIndex, item });
    if (phase === 'done') this.#outputIndex++;
  }

  async #event(type: string, fields: object): Promise<void> {
    if (this.gone) throw new Cut();
    if (!this.#response.headersSent) this.#open();
    const kept = this.#response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
    // A flood never piles up here: it goes as fast as Codex reads.
    if (!kept) await once(this.#response, 'drain', { signal: this.#hangUp.signal });
  }

  #open(): void {
    this.#response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const created = { type: 'response.created', response: { id: this.#id, status: 'in_progress' } };
    this.#response.write(`event: response.created\ndata: ${JSON.stringify(created)}\n\n`);
  }
}

function functionCall(step: Exclude<ToolStep, { kind: 'patch' }>): {
  name: string;
  namespace?: string;
  args: object;
} {
  switch (step.kind) {
    case 'run':
      return {
        name: 'exec_command',
        args: {
          cmd: step.command,
          ...workdir(step.folder),
          ...(step.yieldMs === undefined ? {} : { yield_time_ms: wholeNumber('yieldMs', step.yieldMs) }),
        },
      };
    case 'escalate':
      return {
        name: 'exec_command',
        args: {
          cmd: step.command,
          ...workdir(step.folder),
          sandbox_permissions: 'require_escalated',
          justification: step.reason,
        },
      };
    case 'ask':
      return {
        name: 'request_user_input',
        args: {
          questions: [{ id: 'answer', header: 'Question', question: step.question, options: step.options }],
        },
      };
    case 'plan':
      return { name: 'update_plan', args: { explanation: step.explanation, plan: step.steps } };
    case 'call':
      return { ...toolName(step.tool), args: step.args };
  }
}

/** `mcp__server/tool`: Codex keeps the tools of an MCP server in a namespace of that name. */
function toolName(tool: string): { name: string; namespace?: string } {
  const [, namespace, name] = /^(.+)\/(.+)$/.exec(tool) ?? [];
  return namespace === undefined || name === undefined ? { name: tool } : { name, namespace };
}

const workdir = (folder: string | undefined): object => (folder === undefined ? {} : { workdir: folder });

/** Values come in last, so that a captured text is never read as part of the format. */
function fillStep(step: Step, values: Record<string, string>): Step {
  const filled = (value: unknown): unknown => {
    if (typeof value === 'string') return fill(value, values);
    if (Array.isArray(value)) return value.map(filled);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filled(inner)]));
    return value;
  };
  return filled(step) as Step;
}

/** Cuts a text at its words, or into `count` parts of about one length. */
function pieces(text: string, count?: string): string[] {
  const units = count === undefined ? (text.match(/\s*\S+\s*$|\s*\S+/g) ?? [text]) : [...text];
  const parts = Math.min(
    units.length,
    count === undefined ? DEFAULT_DELTAS_MAX : wholeNumber('deltas', count),
  );
  const cut = (index: number): number => Math.round((index * units.length) / parts);
  return Array.from({ length: parts }, (_, index) => units.slice(cut(index), cut(index + 1)).join(''));
}

function* flood(deltas: string, bytes: string): Generator<string> {
  const count = wholeNumber('deltas', deltas);
  const size = wholeNumber('bytes', bytes);
  for (let index = 0; index < count; index++) yield `${index} `.padEnd(size, '.').slice(0, size);
}
