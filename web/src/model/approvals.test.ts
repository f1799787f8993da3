// Statements, digests and the order of an approval's steps, forgeries included.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approvalDigest, utf8 } from '../link/signed.ts';
import { FakeMac } from '../testing/fake-mac.ts';
import { choiceLabel, summaryOf, viewOf } from './approval-view.ts';
import { APPROVALS_MAX, openApprovals, readApproval, reduceApproval, unanswerable } from './approvals.ts';
import type { Approval, Approvals } from './approvals.ts';

const REQUEST = utf8(JSON.stringify({ id: 3, method: 'item/commandExecution/requestApproval', params: { command: "/bin/zsh -lc 'make all'", cwd: '/w', reason: 'needs it' } }));
const NONE = new Uint8Array();

async function step(mac: FakeMac, fields: Record<string, unknown>, more: { bodies?: Uint8Array[]; signer?: FakeMac } = {}): Promise<Approval> {
  const digest = await approvalDigest(REQUEST, NONE);
  const all = { mac: mac.id, approval: 'a', thread: 't', item: 'i', method: 'item/commandExecution/requestApproval', digest, state: 'open', choices: [{ choice: 'accept', grants: true }, { choice: 'decline' }], epoch: 'e', seq: 1, at: 1, ...fields };
  const { body, signature } = await (more.signer ?? mac).approval(all);
  const bodies = [body, ...(more.bodies ?? (all.state === 'open' ? [REQUEST, NONE] : []))];
  const read = await readApproval({ seq: Number(all.seq), kind: 'approval', signature, bodies }, mac.id, mac.publicKey);
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
  assert.deepEqual([view.command, view.cwd, view.reason, view.outside], ["/bin/zsh -lc 'make all'", '/w', 'needs it', true]);
});

test('a forgery, other bytes and missing bytes cannot be answered', async () => {
  const [mac, stranger] = [await FakeMac.make(), await FakeMac.make()];
  const forged = await step(mac, {}, { signer: stranger });
  assert.match(unanswerable(forged), /did not sign/);
  const swapped = await step(mac, {}, { bodies: [utf8('{"params":{"command":"rm -rf /"}}'), NONE] });
  assert.equal(swapped.bytes, 'mismatch');
  assert.match(unanswerable(swapped), /not what your Mac asked/);
  assert.match(unanswerable(await step(mac, {}, { bodies: [] })), /not arrived/);
  assert.match(unanswerable(await step(mac, { mac: stranger.id })), /did not sign/);
});

test('the newest signed word counts, and later steps keep the bytes', async () => {
  const mac = await FakeMac.make();
  const steps = [await step(mac, {}), await step(mac, { state: 'deciding', seq: 2 }), await step(mac, { state: 'applied', seq: 3, choice: 'accept', actor: { kind: 'device', id: 'd', name: 'Phone' } })];
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

test('several are open at once, oldest first, and open ones are never dropped', async () => {
  const mac = await FakeMac.make();
  const open = await step(mac, {});
  let all: Approvals = reduceApproval(empty, { ...open, id: 'first', at: 0 });
  for (let n = 0; n < APPROVALS_MAX + 20; n++) all = reduceApproval(all, { ...open, id: `done${n}`, state: 'applied', at: n });
  all = reduceApproval(all, { ...open, id: 'second', at: 5 });
  assert.equal(all.size, APPROVALS_MAX);
  assert.deepEqual(openApprovals(all).map((approval) => approval.id), ['first', 'second']);
});

test('buttons say what they do, and unknown decisions show themselves', () => {
  const label = (choice: string): string => choiceLabel({ choice, grants: true }, 'item/commandExecution/requestApproval');
  assert.equal(label('accept'), 'Allow once');
  assert.equal(label('{"acceptWithExecpolicyAmendment":{"execpolicy_amendment":["npm","test"]}}'), 'Allow, and always allow: npm test');
  assert.equal(label('{"applyNetworkPolicyAmendment":{"network_policy_amendment":{"host":"h","action":"deny"}}}'), 'Always block h');
  assert.equal(label('{"grantMoon":1}'), '{"grantMoon":1}');
});

test('an unknown kind is shown raw', async () => {
  const approval = await step(await FakeMac.make(), { method: 'item/brand/new' });
  const view = viewOf(approval);
  assert.ok(view.kind === 'raw');
  assert.match(view.raw, /make all/);
});
