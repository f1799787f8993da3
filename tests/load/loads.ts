// The loads themselves: each does its work on real services, checks the bounds of
// docs/ARCHITECTURE.md, and gives figures. How much of it is the caller's to say: a
// little in tests/integration/load.test.ts, a lot in `script/load`.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeCodex } from '../harness/fake-codex.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { preset, until, World } from '../harness/world.ts';
import { Page } from './page.ts';
import type { Pace } from './page.ts';

export type Figures = Record<string, number | string>;

/** docs/ARCHITECTURE.md, Bounds: at rest, one stream's 1 MiB unacknowledged and 1 MiB waiting, both link queues; twice, as an allocator keeps what was freed. */
export const relayMibMax = (pages: number): number => 40 + 2 * (pages * 2 + 16);
/** At rest, events not yet on the disk, one message of Codex's (64 MiB) read and copied. */
export const SUPERVISOR_MIB_MAX = 320;

/** The most memory a process ever had, in MiB; 0 where it can't be said, or is a sanitizer's own. */
export function peakMib(pid: number | undefined): number {
  if (process.platform !== 'linux' || !pid || preset === 'asan' || preset === 'tsan') return 0;
  return Math.round(
    Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
  );
}

function memory(world: World): Figures {
  const { supervisor, relay, policy } = world.anchor.services;
  return {
    'supervisor MiB': peakMib(supervisor.child?.pid),
    'relay MiB': peakMib(relay.child?.pid),
    'policy MiB': peakMib(policy.child?.pid),
  };
}

function held(world: World, pages: number): void {
  const { relay, supervisor } = world.anchor.services;
  assert.equal(relay.log.match(/ linked /g)?.length, 1, 'the link was never made anew');
  assert.doesNotMatch(relay.log, /link_outbox_full|4009/);
  assert.doesNotMatch(supervisor.log, / died | weather /);
  const relayMib = peakMib(relay.child?.pid);
  assert.ok(relayMib <= relayMibMax(pages), `relay had ${relayMib} MiB, and may have ${relayMibMax(pages)}`);
  const supervisorMib = peakMib(supervisor.child?.pid);
  assert.ok(supervisorMib <= SUPERVISOR_MIB_MAX, `supervisor had ${supervisorMib} MiB`);
}

async function turn(owner: NodePhone, thread: string, prompt: string): Promise<void> {
  const started = await owner.call('turn/start', {
    threadId: thread,
    input: [{ type: 'text', text: prompt, text_elements: [] }],
  });
  assert.equal(started.state, 'done', started.message);
}

/** `pages` on one thread of which one is slow and one has stopped reading; a flood. */
export async function crowd(load: {
  pages: number;
  perSecond: number;
  seconds: number;
  bytes: number;
}): Promise<Figures> {
  const world = await World.start({ codexBinary: fakeCodex });
  const pages: Page[] = [];
  try {
    const owner = await NodePhone.enrol(world, 'owner');
    const { thread } = await world.json('start', '-C', world.work, 'hello');
    for (let n = 0; n < load.pages; n++) {
      const page = new Page(owner, thread, (n === 0 ? 'slow' : n === 1 ? 'stopped' : 'quick') satisfies Pace);
      pages.push(page);
      await page.ready;
    }
    const began = performance.now();
    const whole = pages.filter(({ pace }) => pace !== 'stopped').map((page) => page.saw('"flooded"'));
    await turn(owner, thread, `flood ${load.perSecond} for ${load.seconds} of ${load.bytes}`);
    await within(
      120_000 + load.seconds * 1_000,
      "every page that reads has the flood's end",
      Promise.all(whole),
    );
    const ms = performance.now() - began;
    for (const page of pages) {
      assert.equal(page.closed, '', `a ${page.pace} page was cut off`);
      assert.deepEqual(page.breaks, [], `a ${page.pace} page missed something`);
      if (page.pace !== 'stopped')
        assert.ok(page.events >= load.perSecond * load.seconds, `${page.pace}: ${page.events}`);
    }
    held(world, load.pages);
    return {
      pages: load.pages,
      events: pages[2]!.events,
      seconds: Math.round(ms / 100) / 10,
      'MiB to each': Math.round(pages[2]!.bytes / 1048576),
      ...memory(world),
    };
  } finally {
    for (const page of pages) page.close();
    await world.close();
  }
}

/** One item of `bytes`: named instead of shown, and everything after it comes. */
export async function longItem(bytes: number): Promise<Figures> {
  const world = await World.start({ codexBinary: fakeCodex });
  let page: Page | undefined;
  try {
    const owner = await NodePhone.enrol(world, 'owner');
    const { thread } = await world.json('start', '-C', world.work, 'hello');
    page = new Page(owner, thread, 'quick');
    await page.ready;
    await turn(owner, thread, `overlong ${bytes}`);
    const ended = page.saw('"flooded"');
    await turn(owner, thread, 'flood 100 for 1 of 200');
    await within(60_000, 'what came after it', ended);
    assert.deepEqual([page.closed, page.breaks], ['', []]);
    assert.equal(page.kinds.get('too-large'), 1);
    held(world, 1);
    return { 'item MiB': Math.round(bytes / 1048576), ...memory(world) };
  } finally {
    page?.close();
    await world.close();
  }
}

/** A real thread's file, to be written again with more in it, or as other threads. */
async function rollout(
  world: World,
  prompt = 'say hello',
): Promise<{ thread: string; file: string; lines: string[] }> {
  const { thread } = await world.json('start', '-C', world.work, prompt);
  const file = await until('its file is there', () => find(world.codexHome, thread));
  const lines = await until('its turn is over', () => {
    const read = readFileSync(file, 'utf8').trimEnd().split('\n');
    return read.some((line) => line.includes('task_complete') || line.includes('turn_complete'))
      ? read
      : undefined;
  });
  return { thread, file, lines };
}

/** An id of the same moment. */
function another(thread: string): string {
  return thread.slice(0, -12) + randomUUID().slice(-12);
}

function find(home: string, thread: string): string | undefined {
  const name = readdirSync(join(home, 'sessions'), { recursive: true, encoding: 'utf8' }).find((each) =>
    each.endsWith(`${thread}.jsonl`),
  );
  return name && join(home, 'sessions', name);
}

/** Ends Codex, lets `change` be made to its home, and waits for the next one. */
async function anotherCodex(world: World, change: () => void): Promise<number> {
  const { supervisor } = world.anchor.services;
  const pid = await world.codexPid();
  await supervisor.stop();
  process.kill(pid, 'SIGKILL');
  change();
  const began = performance.now();
  const back = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await back;
  return performance.now() - began;
}

/** Codex takes the longer for each item the more its turn has, and sends the model all turns each time: between the two. */
const ITEMS_OF_A_TURN = 500;
const MANY = `when the user says "many"
${'  say one more\n'.repeat(ITEMS_OF_A_TURN)}otherwise
  say Well.
`;

/** A thread of so many items, each told to a page; and then read from its end, page by page. */
export async function longThread(items: number): Promise<Figures> {
  const world = await World.start({ scenario: MANY });
  let page: Page | undefined;
  try {
    const owner = await NodePhone.enrol(world, 'owner');
    const { thread } = await world.json('start', '-C', world.work, 'hello');
    page = new Page(owner, thread, 'quick');
    // A message into a turn that runs would steer it.
    const idle = page.saw('"turn/completed"');
    await page.ready;
    await within(30_000, 'the first turn is over', idle);
    const began = performance.now();
    for (let n = 0; n < items; n += ITEMS_OF_A_TURN) {
      const ended = page.saw('"turn/completed"');
      await turn(owner, thread, 'many');
      await within(120_000, 'the turn is over', ended);
    }
    const seconds = (performance.now() - began) / 1_000;
    assert.deepEqual([page.closed, page.breaks], ['', []]);
    assert.ok(page.events >= items * 2, `a start and an end of each: ${page.events}`);
    const seen = new Set<string>();
    const times: number[] = [];
    for (let cursor: string | undefined, n = 0; n < 20; n++) {
      const asked = performance.now();
      const read = await owner.call('thread/items/list', {
        threadId: thread,
        limit: 50,
        sortDirection: 'desc',
        ...(cursor === undefined ? {} : { cursor }),
      });
      assert.equal(read.state, 'done', read.message);
      for (const { item } of read.result.data as { item: { id: string } }[]) seen.add(item.id);
      times.push(performance.now() - asked);
      cursor = read.result.nextCursor;
    }
    assert.equal(seen.size, 20 * 50, 'no page repeats another');
    held(world, 1);
    return {
      items,
      seconds: Math.round(seconds),
      'longest page ms': Math.round(Math.max(...times)),
      ...memory(world),
    };
  } finally {
    page?.close();
    await world.close();
  }
}

/** A real thread that was made long on the disk, as Codex would have in weeks: opened, read to its first item, gone on in. */
export async function deepThread(items: number): Promise<Figures> {
  const world = await World.start({ scenario: MANY });
  let page: Page | undefined;
  try {
    const owner = await NodePhone.enrol(world, 'owner');
    const { thread, file, lines } = await rollout(world, 'many');
    await anotherCodex(world, () =>
      writeFileSync(file, `${repeated(lines, items / ITEMS_OF_A_TURN).join('\n')}\n`),
    );
    // Codex reads what is new in the file into its index.
    const resuming = performance.now();
    const neighbour = world
      .json('start', '-C', world.work, 'a neighbour')
      .then(() => performance.now() - resuming);
    const resumed = await patient(() =>
      owner.call('thread/resume', { threadId: thread, excludeTurns: true }),
    );
    assert.equal(resumed.state, 'done', resumed.message);
    const resumeMs = performance.now() - resuming;
    page = new Page(owner, thread, 'quick');
    await page.ready;
    const began = performance.now();
    const pages: number[] = [];
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const asked = performance.now();
      const read = await patient(() =>
        owner.call('thread/turns/list', {
          threadId: thread,
          limit: 2,
          sortDirection: 'desc',
          itemsView: 'full',
          ...(cursor === undefined ? {} : { cursor }),
        }),
      );
      assert.equal(read.state, 'done', read.message);
      for (const { items: its } of read.result.data as { items: { id: string }[] }[])
        for (const { id } of its) seen.add(id);
      pages.push(performance.now() - asked);
      cursor = read.result.nextCursor ?? undefined;
    } while (cursor !== undefined);
    assert.ok(seen.size >= items, `${seen.size} of ${items} items are there`);
    const seconds = (performance.now() - began) / 1_000;
    // It goes on.
    const ended = page.saw('"turn/completed"');
    await turn(owner, thread, 'hello again');
    await within(120_000, 'a turn more in it', ended);
    assert.equal(page.closed, '');
    held(world, 1);
    return {
      items: seen.size,
      'resume ms': Math.round(resumeMs),
      "a neighbour's start meanwhile ms": Math.round(await neighbour),
      pages: pages.length,
      'first page ms': Math.round(pages[0]!),
      'longest page ms': Math.round(Math.max(...pages)),
      'all pages s': Math.round(seconds),
      'Codex MiB': peakMib(await world.codexPid()),
      ...memory(world),
    };
  } finally {
    page?.close();
    await world.close();
  }
}

/** Codex may read the whole file for its first page. */
async function patient<T>(ask: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + 300_000; ; ) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

/** The file of a thread whose one turn was had `turns` times; what the model is told of it stays short. */
function repeated(lines: string[], turns: number): string[] {
  const first = lines.findIndex((line) => line.includes('"task_started"'));
  const last = lines.findLastIndex((line) => line.includes('"task_complete"')) + 1;
  const its = lines.slice(first, last).filter((line) => line.includes('"type":"event_msg"'));
  const turnId = (JSON.parse(its[0]!) as { payload: { turn_id: string } }).payload.turn_id;
  const all = lines.slice(0, last);
  for (let n = 1; n < turns; n++) {
    const anew = another(turnId);
    for (const line of its) {
      const record = JSON.parse(line.replaceAll(turnId, anew)) as {
        ordinal: number;
        payload: { item?: { id: string } };
      };
      record.ordinal = all.length;
      if (record.payload.item) record.payload.item.id = another(record.payload.item.id);
      all.push(JSON.stringify(record));
    }
  }
  return all;
}

/** Gives Codex's home so many threads of one turn each, and starts it anew; how long that took. */
export async function withThreads(world: World, count: number): Promise<number> {
  const { thread, file, lines } = await rollout(world);
  return anotherCodex(world, () => {
    for (let n = 1; n < count; n++) {
      const id = another(thread);
      writeFileSync(file.replace(thread, id), `${lines.join('\n').replaceAll(thread, id)}\n`);
    }
  });
}

/** So many threads on the disk: all are listed, page by page. */
export async function manyThreads(count: number): Promise<Figures> {
  const world = await World.start();
  try {
    const owner = await NodePhone.enrol(world, 'owner');
    const startMs = await withThreads(world, count);
    const began = performance.now();
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await owner.call('thread/list', {
        limit: 100,
        ...(cursor === undefined ? {} : { cursor }),
      });
      assert.equal(page.state, 'done', page.message);
      for (const each of page.result.data as { id: string }[]) seen.add(each.id);
      cursor = page.result.nextCursor ?? undefined;
    } while (cursor !== undefined);
    assert.ok(seen.size >= count, `${seen.size} of ${count} are listed`);
    const ms = performance.now() - began;
    held(world, 1);
    return {
      threads: seen.size,
      'all pages ms': Math.round(ms),
      'start ms': Math.round(startMs),
      ...memory(world),
    };
  } finally {
    await world.close();
  }
}

function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(new Error(`in ${ms} ms it did not come true: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
