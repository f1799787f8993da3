// A thread's turns as `thread/turns/list` tells them, however heavy they are: what is too
// large for one answer is asked for in smaller pieces, down to single items. Not for
// joining them with what is seen live (model/history.ts).
import { CallError } from '../link/commands.ts';
import { arr, obj, str } from '../model/read.ts';
import type { Fields } from '../model/read.ts';

/** A first screenful or two; older ones come on demand. */
const PAGE_TURNS = 8;
const PAGE_ITEMS = 64;
/** The output of commands and tools that went well is left out (Codex's ThreadItemOutputDeferral). */
const LIGHT = { deferOutput: { commandExecution: true, mcpToolCall: true } };
/** Of one turn that has to be read item by item; the phone keeps no more (model/turns.ts). */
const ITEMS_MAX = 1_000;

export type Call = (method: string, params: Fields) => Promise<unknown>;

/** The newest turns before `cursor` ('' for the newest of all), newest first. */
export async function readTurns(call: Call, threadId: string, cursor: string): Promise<unknown> {
  const params = { threadId, sortDirection: 'desc', ...(cursor ? { cursor } : {}) };
  for (let limit = PAGE_TURNS; limit >= 1; limit = Math.floor(limit / 2)) {
    const page = await unlessTooLarge(call('thread/turns/list', { ...params, limit, itemsView: 'full' }));
    if (page !== undefined) return page;
  }
  return oneInPieces(call, params);
}

async function oneInPieces(call: Call, params: Fields): Promise<Fields> {
  const page = obj(await call('thread/turns/list', { ...params, limit: 1, itemsView: 'notLoaded' }));
  const turn = obj(arr(page['data'])[0]);
  if (!str(turn['id'])) return page;
  const { items, all } = await newestItems(call, params['threadId'], turn['id']);
  return { ...page, data: [{ ...turn, items, itemsView: all ? 'full' : 'partial' }] };
}

/** In Codex's order. `all`: there are no others. */
async function newestItems(
  call: Call,
  threadId: unknown,
  turnId: unknown,
): Promise<{ items: unknown[]; all: boolean }> {
  const items: unknown[] = [];
  let limit = PAGE_ITEMS;
  let cursor = '';
  // The output of commands is what is heavy; without it a person still sees what was done.
  let light = false;
  let all = true;
  while (items.length < ITEMS_MAX) {
    const asked = {
      threadId,
      turnId,
      limit,
      sortDirection: 'desc',
      ...(light ? LIGHT : {}),
      ...(cursor ? { cursor } : {}),
    };
    const page = await unlessTooLarge(call('thread/items/list', asked));
    if (page === undefined) {
      if (limit === 1 && light) break;
      if (limit === 1) light = true;
      limit = Math.max(1, Math.floor(limit / 2));
      continue;
    }
    const { data, nextCursor } = obj(page);
    // A Codex that goes on without an end is not followed for ever.
    if (str(nextCursor) && (arr(data).length === 0 || nextCursor === cursor)) break;
    items.unshift(
      ...arr(data)
        .map((entry) => obj(entry)['item'])
        .reverse(),
    );
    cursor = str(nextCursor);
    all &&= !light;
    if (!cursor) return { items, all };
    light = false;
    limit = Math.min(PAGE_ITEMS, limit * 2);
  }
  return { items, all: false };
}

async function unlessTooLarge(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (failure) {
    if (failure instanceof CallError && failure.reason === 'too-large') return undefined;
    throw failure;
  }
}
