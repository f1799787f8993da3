// After a round: the thread as a page builds it from the journal's stream, with the
// client's own code, is item by item the one Codex tells.
import { randomUUID } from 'node:crypto';
import { emptyThread, reduceThread } from '../../web/src/model/thread.ts';
import type { ThreadState } from '../../web/src/model/thread.ts';
import { Follow } from '../harness/follow.ts';
import type { House } from './house.ts';

const AGREE_MS_MAX = 75_000;

/** What differs; empty when they agree. */
export async function differs(house: House, thread: string): Promise<string> {
  let last = '';
  for (const end = performance.now() + AGREE_MS_MAX; performance.now() < end;) {
    try {
      last = await compare(house, thread);
      if (last === '') return '';
    } catch (error) {
      last = String(error);
    }
    await new Promise((again) => setTimeout(again, 250));
  }
  return last;
}

/** The thread as a page that comes now has it, once it has read as far as `until`. */
export async function page(house: House, thread: string, until: (stream: Follow) => Promise<void>): Promise<ThreadState> {
  const { receipt } = await house.order('zane/attach', { protocol: { min: 1, max: 1 }, release: 'test' });
  if (receipt?.state !== 'done') throw new Error(`the page is not attached: ${receipt?.state}`);
  const name = randomUUID().slice(0, 12);
  const stream = await Follow.open(house.phone, name, thread);
  await until(stream);
  let state: ThreadState = reduceThread(emptyThread(thread), { kind: 'reset', epoch: 'e' });
  for (const event of stream.events)
    if (event.kind !== 'approval') state = reduceThread(state, { kind: 'message', epoch: 'e', seq: event.seq, message: JSON.parse(event.raw.toString()) });
  house.phone.line.send({ mac: house.world.mac, unsubscribe: { stream: name } });
  return state;
}

async function compare(house: House, thread: string): Promise<string> {
  const { data } = await house.direct.request('thread/turns/list', { threadId: thread, limit: 1, sortDirection: 'desc', itemsView: 'full' }) as { data: { id: string; status: string; items: { id: string; type: string; text?: string; aggregatedOutput?: string }[] }[] };
  const truth = data[0];
  if (!truth) return 'Codex has no turn';
  const state = await page(house, thread, async (stream) => { await stream.find((event) => event.kind !== 'approval' && event.raw.includes('"turn/completed"')); });
  const turn = state.live.find((each) => each.id === truth.id);
  if (!turn) return `the page has no turn ${truth.id}`;
  if (turn.status !== truth.status) return `the page says ${turn.status}, Codex ${truth.status}`;
  // What is not whole says so, and is read from Codex: true, if not lovely.
  if (!turn.whole) return 'the turn is not whole yet';
  const ids = (items: readonly { id: string }[]): string => items.map((item) => item.id).join(' ');
  // What was declined Codex shows while it happens and does not store. The page reads
  // `declined`, or, when it missed that, `ended`.
  const stored = new Set(truth.items.map((item) => item.id));
  const kept = turn.items.filter((item) => stored.has(item.id) || !(item.type === 'command' && (item.status === 'declined' || (item.status === 'inProgress' && item.done))));
  if (ids(kept) !== ids(truth.items)) return `the page has ${ids(kept)}, Codex ${ids(truth.items)}`;
  for (const item of truth.items) {
    const shown = turn.items.find((each) => each.id === item.id)!;
    if (item.type === 'agentMessage' && shown.type === 'agent' && shown.text !== item.text) return `"${shown.text}" is shown for "${item.text}"`;
    if (item.type === 'commandExecution' && shown.type === 'command' && shown.output !== (item.aggregatedOutput ?? '')) return `output "${shown.output}" is shown for "${item.aggregatedOutput}"`;
  }
  return '';
}
