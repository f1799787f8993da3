// After a round: the thread as a page builds it from the journal's stream, with the
// client's own code, is item by item the one Codex tells.
import { emptyThread, reduceThread } from '../../web/src/model/thread.ts';
import type { ThreadState } from '../../web/src/model/thread.ts';
import { systemClock } from '../../web/src/link/clock.ts';
import { Streams } from '../../web/src/link/streams.ts';
import type { House } from './house.ts';

const AGREE_MS_MAX = 75_000;
const PAGE_MS_MAX = 10_000;

/** What differs; empty when they agree. `steered`: a steer may have cut off what was being said. */
export async function differs(house: House, thread: string, steered: boolean): Promise<string> {
  let last = '';
  for (const end = performance.now() + AGREE_MS_MAX; performance.now() < end; ) {
    try {
      last = await compare(house, thread, steered);
      if (last === '') return '';
    } catch (error) {
      last = String(error);
    }
    await new Promise((again) => setTimeout(again, 250));
  }
  return last;
}

/** What the page of a thread was told last, as "method item": for whoever asks why it disagrees. */
const heard = new Map<string, string[]>();

/** The thread as a page that comes now has it, by the client's own code, as soon as `enough` of it is there. */
export async function page(
  house: House,
  thread: string,
  enough: (state: ThreadState, atHead: boolean) => boolean,
): Promise<ThreadState> {
  const { receipt } = await house.order('zane/attach', { protocol: { min: 1, max: 1 }, release: 'test' });
  if (receipt?.state !== 'done') throw new Error(`the page is not attached: ${receipt?.state}`);
  const { line } = house.phone;
  let state = emptyThread(thread);
  let atHead = false;
  let failure: unknown;
  heard.clear();
  const told: string[] = [];
  heard.set(thread, told);
  const streams = new Streams({
    clock: systemClock,
    ready: () => line.isOpen,
    mac: () => house.world.mac,
    failed: (error) => {
      failure = error;
    },
    send: (header) => {
      line.send(header);
      return true;
    },
  });
  const text = new TextDecoder();
  const deaf = line.listen((frame) => {
    streams.frame(frame);
  });
  const close = streams.open(thread, {
    reset: (epoch) => {
      state = reduceThread(emptyThread(thread), { kind: 'reset', epoch });
    },
    apply: (epoch, events) => {
      for (const { seq, kind, bodies } of events)
        if (kind !== 'approval') {
          const message = JSON.parse(text.decode(bodies[0])) as {
            method?: string;
            params?: { itemId?: string; item?: { id: string } };
          };
          told.push(
            `${kind || 'codex'} ${message.method} ${message.params?.itemId ?? message.params?.item?.id ?? ''}`,
          );
          state = reduceThread(state, { kind: 'message', epoch, seq, message });
        }
    },
    atHead: (at) => {
      atHead = at;
    },
  });
  try {
    for (const end = performance.now() + PAGE_MS_MAX; !enough(state, atHead); ) {
      if (failure !== undefined) throw failure;
      if (!line.isOpen) throw new Error('the page lost its line');
      if (performance.now() > end) throw new Error('the page has not enough of the thread');
      await new Promise((again) => setTimeout(again, 10));
    }
    return state;
  } finally {
    close();
    deaf();
    house.forget();
  }
}

async function compare(house: House, thread: string, steered: boolean): Promise<string> {
  const { data } = (await house.direct.request('thread/turns/list', {
    threadId: thread,
    limit: 1,
    sortDirection: 'desc',
    itemsView: 'full',
  })) as {
    data: {
      id: string;
      status: string;
      items: { id: string; type: string; text?: string; aggregatedOutput?: string }[];
    }[];
  };
  const truth = data[0];
  if (!truth) return 'Codex has no turn';
  const state = await page(house, thread, (now) =>
    now.live.some((turn) => turn.id === truth.id && turn.status !== 'inProgress'),
  );
  const turn = state.live.find((each) => each.id === truth.id);
  if (!turn) return `the page has no turn ${truth.id}`;
  if (turn.status !== truth.status) return `the page says ${turn.status}, Codex ${truth.status}`;
  // What is not whole says so, and is read from Codex: true, if not lovely.
  if (!turn.whole) return 'the turn is not whole yet';
  const ids = (items: readonly { id: string }[]): string => items.map((item) => item.id).join(' ');
  // What was declined, and what a steer cut off, Codex shows while it happens and does not
  // store. The page reads `declined`, or, when it missed that, `ended`; and `cut off`.
  const stored = new Set(truth.items.map((item) => item.id));
  const kept = turn.items.filter(
    (item) =>
      stored.has(item.id) ||
      !(
        (steered && item.cutOff) ||
        (item.type === 'command' &&
          (item.status === 'declined' || (item.status === 'inProgress' && item.done)))
      ),
  );
  if (ids(kept) !== ids(truth.items)) {
    const others = kept.filter((item) => !stored.has(item.id)).map((item) => item.id);
    const of = (heard.get(thread) ?? []).filter(
      (line) => others.some((id) => line.endsWith(id)) || / (turn\/|zane\/|error)/.test(line),
    );
    return `the page has ${ids(kept)}, Codex ${ids(truth.items)}; it was told ${of.join(', ')}`;
  }
  for (const item of truth.items) {
    const shown = turn.items.find((each) => each.id === item.id)!;
    if (shown.cutOff) return `${item.id} reads as cut off, and Codex has all of it`;
    if (item.type === 'agentMessage' && shown.type === 'agent' && shown.text !== item.text)
      return `"${shown.text}" is shown for "${item.text}"`;
    if (
      item.type === 'commandExecution' &&
      shown.type === 'command' &&
      shown.output !== (item.aggregatedOutput ?? '')
    )
      return `output "${shown.output}" is shown for "${item.aggregatedOutput}"`;
  }
  return '';
}
