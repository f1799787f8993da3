// What becomes of an order that came too late. The orders themselves: orders.ts.
import type { Entry, Order } from '../link/outbox.ts';

export function textInput(text: string) {
  return [{ type: 'text', text, text_elements: [] }];
}

/**
 * A steer that came too late begins a turn; of a turn that has ended there is nothing left to stop. What Codex
 * refuses for any other reason (a review or a compaction runs, another turn does) is told as refused.
 */
export function insteadOf({ prepared, purpose }: Entry, why: string, id: string): Order | 'done' | undefined {
  if (purpose.kind === 'stop') return why.includes('no active turn to interrupt') ? 'done' : undefined;
  if (purpose.kind !== 'prompt' || !purpose.steer || !why.includes('no active turn to steer'))
    return undefined;
  return {
    mac: prepared.mac,
    method: 'turn/start',
    params: { threadId: purpose.thread, input: textInput(purpose.text), clientUserMessageId: id },
    id,
    now: 0,
    keep: 'disk',
    purpose: { ...purpose, steer: false },
  };
}
