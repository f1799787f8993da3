// An MCP server on stdio with one tool, which asks the person with a form before it
// answers and then tells what it was told: for tests that want to see such a form. Only
// what Codex needs of the protocol; not for `script/run --demo`.
import { createInterface } from 'node:readline';

type Json = Record<string, unknown>;
interface Message {
  id?: string | number;
  method?: string;
  params?: Json;
  result?: Json;
  error?: Json;
}

const TOOL = {
  name: 'order',
  description: 'Orders something, once the person has said how.',
  inputSchema: { type: 'object', properties: { what: { type: 'string' } }, required: ['what'] },
};
const FORM = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string', title: 'Your name' },
    gift: { type: 'boolean', title: 'Wrap it as a gift' },
    size: { type: 'string', title: 'Size', enum: ['small', 'large'] },
  },
};

/** Calls that wait for the person, by the id of the question. */
const waiting = new Map<string, string | number>();

function send(message: Json): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}

function take({ id, method, params, result, error }: Message): void {
  if (id === undefined) return;
  const call = waiting.get(String(id));
  if (method === undefined && call !== undefined) {
    waiting.delete(String(id));
    return send({ id: call, result: { content: [{ type: 'text', text: JSON.stringify(result ?? error) }] } });
  }
  switch (method) {
    case 'initialize':
      return send({
        id,
        result: {
          protocolVersion: params?.['protocolVersion'],
          capabilities: { tools: {} },
          serverInfo: { name: 'asking-tool', version: '1' },
        },
      });
    case 'tools/list':
      return send({ id, result: { tools: [TOOL] } });
    case 'tools/call': {
      const question = `question-${id}`;
      waiting.set(question, id);
      const { what } = (params?.['arguments'] ?? {}) as { what: string };
      return send({
        id: question,
        method: 'elicitation/create',
        params: { message: `How do you want your ${what}?`, requestedSchema: FORM },
      });
    }
    default:
      return send({ id, error: { code: -32601, message: `no ${method} here` } });
  }
}

createInterface({ input: process.stdin }).on('line', (line) => take(JSON.parse(line) as Message));
