// A clean log of one thread, random but seeded: turns, items of every kind with
// their deltas, plans, errors, ends. For tests only.
import type { Logged } from './fake-relay.ts';

const KINDS = [
  'agentMessage',
  'reasoning',
  'commandExecution',
  'fileChange',
  'mcpToolCall',
  'somethingNew',
] as const;

export function threadLog(thread: string, random: () => number, turns: number): Logged[] {
  const log: Logged[] = [];
  let seq = 0;
  const say = (method: string, params: Record<string, unknown>): void => {
    seq += 1 + Math.floor(random() * 3);
    log.push({ seq, message: { method, params: { threadId: thread, ...params }, emittedAtMs: seq } });
  };
  for (let t = 0; t < turns; t++) {
    const turnId = `turn${t}`;
    say('turn/started', { turn: { id: turnId, items: [], status: 'inProgress', startedAt: t } });
    say('item/completed', {
      turnId,
      item: {
        type: 'userMessage',
        id: `${turnId}-user`,
        clientId: `c${t}`,
        content: [{ type: 'text', text: `do ${t}` }],
      },
    });
    for (let i = 0; i < 1 + random() * 5; i++) item(say, turnId, `${turnId}-item${i}`, random);
    if (random() < 0.4)
      say('turn/plan/updated', {
        turnId,
        plan: [
          { step: 'a', status: 'completed' },
          { step: 'b', status: 'pending' },
        ],
      });
    if (random() < 0.2) say('error', { turnId, error: { message: 'try again' }, willRetry: true });
    say('thread/tokenUsage/updated', {
      turnId,
      tokenUsage: { last: { totalTokens: seq }, modelContextWindow: 1000 },
    });
    if (random() < 0.8)
      say('turn/completed', {
        turn: {
          id: turnId,
          items: [],
          status: random() < 0.8 ? 'completed' : 'interrupted',
          completedAt: t + 1,
        },
      });
  }
  return log;
}

type Say = (method: string, params: Record<string, unknown>) => void;

function item(say: Say, turnId: string, id: string, random: () => number): void {
  const type = KINDS[Math.floor(random() * KINDS.length)] ?? 'agentMessage';
  const full: Record<string, unknown> = {
    type,
    id,
    status: 'inProgress',
    text: '',
    command: 'ls',
    changes: [],
    tool: 't',
  };
  say('item/started', { turnId, item: full });
  let text = '';
  for (let d = 0; d < random() * 8; d++) {
    const delta = `${d}·`;
    text += delta;
    if (type === 'agentMessage') say('item/agentMessage/delta', { turnId, itemId: id, delta });
    if (type === 'commandExecution') say('item/commandExecution/outputDelta', { turnId, itemId: id, delta });
    if (type === 'reasoning')
      say('item/reasoning/summaryTextDelta', { turnId, itemId: id, summaryIndex: d % 2, delta });
  }
  if (random() < 0.8)
    say('item/completed', {
      turnId,
      item: { ...full, status: 'completed', text, aggregatedOutput: text, exitCode: 0, summary: [text] },
    });
}
