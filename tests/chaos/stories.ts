// What a person does while the house is shaken, and what must be true afterwards:
// the receipt, the approval, Codex's own thread and what the commands left on the
// disk agree. Each finding is a word of what went wrong: lost, doubled, rerun,
// stuck or untrue.
import { createHmac, randomUUID } from 'node:crypto';
import type { Chance } from './chance.ts';
import { page } from './agree.ts';
import { HOOK_SECRET, TRUTH_MS_MAX, WORDS } from './house.ts';
import type { House } from './house.ts';

export type Wrong = 'lost' | 'doubled' | 'rerun' | 'stuck' | 'untrue';
export interface Finding {
  wrong: Wrong;
  what: string;
}
/** `states`: how each order ended. */
export interface Told {
  findings: Finding[];
  checks: number;
  truthMs: number;
  threads: string[];
  states: string[];
}

export type Story = (house: House, chance: Chance) => Promise<Told>;

class Ledger {
  readonly findings: Finding[] = [];
  checks = 0;
  truthMs = 0;
  readonly threads: string[] = [];
  readonly states: string[] = [];

  check(right: boolean, wrong: Wrong, what: string): void {
    this.checks++;
    if (!right) this.findings.push({ wrong, what });
  }
}

async function becomes(condition: () => Promise<boolean> | boolean, ms = TRUTH_MS_MAX): Promise<boolean> {
  for (const end = performance.now() + ms; ; ) {
    try {
      if (await condition()) return true;
    } catch {
      /* asked again */
    }
    if (performance.now() > end) return false;
    await new Promise((again) => setTimeout(again, 25));
  }
}

interface CodexItem {
  id: string;
  type: string;
  text?: string;
  content?: { text?: string }[];
}
interface CodexTurn {
  id: string;
  status: string;
  items: CodexItem[];
}

async function turns(house: House, thread: string): Promise<CodexTurn[]> {
  const { data } = (await house.direct.request('thread/turns/list', {
    threadId: thread,
    limit: 20,
    sortDirection: 'asc',
    itemsView: 'full',
  })) as { data: CodexTurn[] };
  return data;
}

const isIdle = async (house: House, thread: string): Promise<boolean> =>
  (
    (await house.direct.request('thread/read', { threadId: thread })) as {
      thread: { status: { type: string } };
    }
  ).thread.status.type === 'idle';

/** Starts a task; gives its thread, if it has one. */
async function start(house: House, ledger: Ledger, prompt: string): Promise<string | undefined> {
  const { receipt, ms } = await house.order('zane/task/start', { cwd: house.codex.workspace, prompt });
  ledger.truthMs = Math.max(ledger.truthMs, ms);
  ledger.states.push(receipt ? [receipt.state, receipt.reason].filter(Boolean).join(' ') : 'none');
  ledger.check(receipt !== undefined, 'stuck', `no final word on the task "${prompt}" in ${TRUTH_MS_MAX} ms`);
  const thread = receipt?.state === 'done' ? (receipt.result as { thread: string }).thread : undefined;
  if (thread) ledger.threads.push(thread);
  ledger.check(receipt === undefined || receipt.verified, 'untrue', 'a receipt that the Mac did not sign');
  return thread;
}

export const task: Story = async (house) => {
  const ledger = new Ledger();
  const name = randomUUID();
  const thread = await start(house, ledger, `mark ${name} in ${house.evidence()}`);
  if (thread) {
    ledger.check(
      await becomes(() => house.marks(name) > 0),
      'lost',
      `task ${name} was done and left no mark`,
    );
    await becomes(() => isIdle(house, thread));
  } else {
    await new Promise((done) => setTimeout(done, 500));
    ledger.check(
      !ledger.states[0]?.startsWith('refused') || house.marks(name) === 0,
      'untrue',
      `task ${name} was ${ledger.states[0]} and left ${house.marks(name)} marks`,
    );
  }
  ledger.check(house.marks(name) <= 1, 'rerun', `task ${name} left ${house.marks(name)} marks`);
  return ledger;
};

/** In a thread that Codex never writes to the disk: what it can't show is no proof. */
export const fleeting: Story = async (house) => {
  const ledger = new Ledger();
  const name = randomUUID();
  const made = await house.order('thread/start', {
    cwd: house.codex.workspace,
    permissions: 'zane',
    approvalPolicy: 'on-request',
    ephemeral: true,
  });
  ledger.check(made.receipt !== undefined, 'stuck', 'no final word on the making of a thread');
  const thread =
    made.receipt?.state === 'done'
      ? (made.receipt.result as { thread: { id: string } }).thread.id
      : undefined;
  if (!thread) return ledger;
  const { receipt, ms } = await house.order('turn/start', {
    threadId: thread,
    input: [{ type: 'text', text: `mark ${name} in ${house.evidence()}` }],
  });
  ledger.truthMs = Math.max(made.ms, ms);
  ledger.states.push(receipt ? [receipt.state, receipt.reason].filter(Boolean).join(' ') : 'none');
  ledger.check(receipt !== undefined, 'stuck', `no final word on the turn ${name}`);
  if (receipt?.state === 'done')
    ledger.check(
      await becomes(() => house.marks(name) > 0),
      'lost',
      `turn ${name} was done and left no mark`,
    );
  await new Promise((done) => setTimeout(done, 1_000));
  ledger.check(
    receipt?.state !== 'refused' || house.marks(name) === 0,
    'untrue',
    `turn ${name} was refused (${receipt?.reason}) and left ${house.marks(name)} marks`,
  );
  ledger.check(house.marks(name) <= 1, 'rerun', `turn ${name} left ${house.marks(name)} marks`);
  return ledger;
};

function decided(choice: 'accept' | 'decline'): Story {
  return async (house) => {
    const ledger = new Ledger();
    const name = randomUUID();
    const thread = await start(house, ledger, `ask ${name} in ${house.evidence()}`);
    if (!thread) return ledger;
    let row: { approval: string; digest: string; state: string } | undefined;
    const row_ = async (): Promise<typeof row> =>
      (await house.console('approvals', '--all')).approvals.find(
        (each: { thread: string }) => each.thread === thread,
      );
    ledger.check(
      await becomes(async () => (row = await row_()) !== undefined),
      'lost',
      `the approval of ${name} never opened`,
    );
    if (!row) return ledger;
    const began = performance.now();
    const { receipt } = await house.order('zane/approval/decide', {
      approval: row.approval,
      digest: row.digest,
      choice,
    });
    ledger.check(
      receipt?.state === 'done',
      receipt ? 'untrue' : 'stuck',
      `deciding ${name}: ${receipt?.state} ${receipt?.reason} ${receipt?.message}`,
    );
    const ends = choice === 'accept' ? ['applied'] : ['declined'];
    const settled = await becomes(
      async () => !['open', 'deciding'].includes((row = await row_())?.state ?? 'open'),
    );
    ledger.truthMs = Math.max(ledger.truthMs, performance.now() - began);
    ledger.check(settled, 'stuck', `the approval of ${name} stays ${row?.state}`);
    ledger.check(
      !settled || ends.includes(row?.state ?? ''),
      'untrue',
      `the approval of ${name} reads ${row?.state}`,
    );
    const over = await becomes(() => isIdle(house, thread));
    ledger.check(over, 'stuck', `Codex still waits for ${name}, and Zane reads ${row?.state}`);
    ledger.check(
      house.marks(name) === (choice === 'accept' ? 1 : 0),
      house.marks(name) > 1 ? 'rerun' : 'untrue',
      `${name} was ${choice}ed and left ${house.marks(name)} marks`,
    );
    return ledger;
  };
}

export const steer: Story = async (house, chance) => {
  const ledger = new Ledger();
  const gate = randomUUID();
  const thread = await start(house, ledger, `long ${gate}`);
  if (!thread) return ledger;
  const [turn] = await turns(house, thread).catch(() => []);
  const words = `steer ${gate}`;
  if (turn) {
    // Before it speaks, and in the middle of what it says.
    await new Promise((done) => setTimeout(done, chance.between(0, 1_200)));
    const { receipt, ms } = await house.order('turn/steer', {
      threadId: thread,
      expectedTurnId: turn.id,
      input: [{ type: 'text', text: words }],
    });
    ledger.truthMs = Math.max(ledger.truthMs, ms);
    ledger.check(receipt !== undefined, 'stuck', `no final word on the steering of ${gate}`);
    house.model.release(gate);
    await becomes(() => isIdle(house, thread));
    const said = (await turns(house, thread))
      .flatMap((each) => each.items)
      .filter(
        (item) => item.type === 'userMessage' && item.content?.some((part) => part.text === words),
      ).length;
    ledger.check(said <= 1, 'doubled', `${gate} was steered ${said} times`);
    if (receipt?.state === 'done')
      ledger.check(said === 1, 'lost', `${gate} was steered, and Codex has not heard it`);
    if (receipt?.state === 'refused')
      ledger.check(said === 0, 'untrue', `steering ${gate} was refused, and Codex heard it`);
  }
  house.model.release(gate);
  return ledger;
};

export const keys: Story = async (house) => {
  const ledger = new Ledger();
  const name = randomUUID().slice(0, 8);
  const typed = `${house.evidence()}.${name}`;
  const processHandle = `k${name}`;
  const spawned = await house.order('process/spawn', {
    command: ['/bin/sh', '-c', `stty -echo; while read line; do echo "$line" >> ${typed}; done`],
    cwd: house.codex.workspace,
    processHandle,
    tty: true,
    size: { rows: 24, cols: 80 },
    env: {},
    outputBytesCap: null,
    timeoutMs: null,
  });
  const acknowledged: number[] = [];
  if (spawned.receipt?.state === 'done')
    for (let n = 0; n < 12; n++) {
      const { receipt, signed } = await house.order('process/writeStdin', {
        processHandle,
        deltaBase64: Buffer.from(`${n}\n`).toString('base64'),
      });
      ledger.check(receipt !== undefined, 'stuck', `no word on keystroke ${n} of ${name}`);
      // Its terminal is gone: what follows would be another's.
      if (receipt?.state !== 'done') break;
      acknowledged.push(n);
      // And once more, as a relay that retries would.
      house.phone.send(signed);
    }
  const { readFileSync } = await import('node:fs');
  const lines = (): number[] => {
    try {
      return readFileSync(typed, 'utf8').split('\n').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  };
  await becomes(() => lines().length >= acknowledged.length, 3_000);
  ledger.check(new Set(lines()).size === lines().length, 'doubled', `typed ${lines().join(' ')} in ${name}`);
  ledger.check(
    lines().every((n, at, all) => at === 0 || n > all[at - 1]!),
    'untrue',
    `typed out of order: ${lines().join(' ')}`,
  );
  await house.order('process/kill', { processHandle });
  return ledger;
};

export const hook: Story = async (house) => {
  const ledger = new Ledger();
  const before = house.marks('hooked');
  const body = JSON.stringify({ id: randomUUID() });
  const headers = {
    'x-hub-signature-256': `sha256=${createHmac('sha256', HOOK_SECRET).update(body).digest('hex')}`,
  };
  const posted = await fetch(`${house.world.orbit.url}/hooks/${house.world.user}.h`, {
    method: 'POST',
    body,
    headers,
  });
  if (posted.status !== 202) return ledger;
  const began = performance.now();
  const came = Date.now();
  let unknown: { delivery: string; canBeSentAgain: boolean } | undefined;
  const deliveries = async (): Promise<
    { delivery: string; atMs: string; result: string; canBeSentAgain: boolean }[]
  > => (await house.console('hooks', '-n', '3')).deliveries;
  const started = await becomes(async () => {
    if (house.marks('hooked') > before) return true;
    unknown = (await deliveries()).find(
      (row) => row.result.startsWith('unknown') && Number(row.atMs) >= came - 1_000,
    );
    return unknown !== undefined;
  }, 60_000);
  ledger.truthMs = performance.now() - began;
  ledger.check(started, 'lost', `a delivery that had its 202 never started (${body})`);
  ledger.states.push(unknown ? 'unknown' : 'started');
  // Whether it reached Codex nobody can know: then a person looks, and has it sent again.
  if (unknown && !(await becomes(() => house.marks('hooked') > before, 3_000))) {
    ledger.check(unknown.canBeSentAgain, 'untrue', `${unknown.delivery} can't be sent again`);
    await becomes(async () => (await house.world.zane('hooks', 'replay', unknown!.delivery)).code === 0);
    ledger.check(
      await becomes(() => house.marks('hooked') > before),
      'lost',
      `${unknown.delivery} was sent again and never started`,
    );
  }
  await new Promise((done) => setTimeout(done, 300));
  ledger.check(
    house.marks('hooked') <= before + 1,
    'rerun',
    `a delivery started ${house.marks('hooked') - before} tasks`,
  );
  return ledger;
};

/** Answered at the desk, by Codex's own screen: Zane neither claims it nor waits for it. */
export const desk: Story = async (house) => {
  const ledger = new Ledger();
  const name = randomUUID();
  const thread = await start(house, ledger, `ask ${name} in ${house.evidence()}`);
  if (!thread) return ledger;
  // Its file may be empty yet.
  await becomes(async () => Boolean(await house.direct.request('thread/resume', { threadId: thread })));
  const asked = await house.direct
    .waitFor('item/commandExecution/requestApproval', (params) => params['threadId'] === thread)
    .catch(() => undefined);
  ledger.check(asked !== undefined, 'lost', `Codex never asked for ${name}`);
  if (!asked) return ledger;
  const began = performance.now();
  house.direct.answer(asked, { decision: 'accept' });
  let row: { state: string } | undefined;
  const settled = await becomes(async () => {
    row = (await house.console('approvals', '--all')).approvals.find(
      (each: { thread: string }) => each.thread === thread,
    );
    // One that was answered before Zane heard of it was never its own.
    return row === undefined ? isIdle(house, thread) : row.state !== 'open';
  });
  ledger.truthMs = Math.max(ledger.truthMs, performance.now() - began);
  ledger.states.push(row?.state ?? 'never seen');
  ledger.check(settled, 'stuck', `the approval of ${name} was answered at the desk and stays ${row?.state}`);
  ledger.check(
    row === undefined || row.state === 'answered-elsewhere' || !settled,
    'untrue',
    `the approval of ${name} was answered at the desk and reads ${row?.state}`,
  );
  await becomes(() => isIdle(house, thread));
  ledger.check(
    house.marks(name) === 1,
    house.marks(name) > 1 ? 'rerun' : 'lost',
    `${name} was accepted at the desk and left ${house.marks(name)} marks`,
  );
  return ledger;
};

/** A page looks again and again at a text that is being written: what it is shown as whole is. */
export const watch: Story = async (house) => {
  const ledger = new Ledger();
  const name = randomUUID();
  const thread = await start(house, ledger, `watch ${name}`);
  if (!thread) return ledger;
  let looks = 0;
  let hole = '';
  const over = await becomes(async () => {
    const state = await page(house, thread, (_state, atHead) => atHead);
    looks++;
    for (const turn of state.live)
      for (const item of turn.whole ? turn.items : [])
        if (item.type === 'agent' && !WORDS.startsWith(item.text) && item.text !== 'Watched.')
          hole = item.text;
    return isIdle(house, thread);
  });
  ledger.checks += looks;
  ledger.check(hole === '', 'untrue', `"${hole}" was shown as a whole turn's text`);
  ledger.check(over, 'stuck', `the turn of ${name} does not end`);
  return ledger;
};

export const STORIES: readonly (readonly [string, Story])[] = [
  ['task', task],
  ['fleeting', fleeting],
  ['accept', decided('accept')],
  ['decline', decided('decline')],
  ['steer', steer],
  ['keys', keys],
  ['hook', hook],
  ['desk', desk],
  ['watch', watch],
];
