// Two users with two devices each on one Orbit: nothing crosses.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { NodePhone } from '../harness/node-phone.ts';
import { until, World } from '../harness/world.ts';

let ann: World;
let bob: World;
let phones: { ann: NodePhone[]; bob: NodePhone[] };

before(async () => {
  ann = await World.start();
  bob = await World.start({ orbit: ann.orbit });
  phones = {
    ann: [await NodePhone.enrol(ann, 'ann 1'), await NodePhone.enrol(ann, 'ann 2')],
    bob: [await NodePhone.enrol(bob, 'bob 1'), await NodePhone.enrol(bob, 'bob 2')],
  };
});
after(async () => {
  await bob?.close();
  await ann?.close();
});

test("each user's phones hear their own Mac, both of them, and not the other's", async () => {
  for (const phone of [...phones.ann, ...phones.bob]) {
    phone.line.send({ mac: phone.world.mac, trace: 'list', subscribe: { stream: 'list' } });
    await phone.line.next('subscribed');
  }
  const [a, b] = await Promise.all([
    phones.ann[0]!.call('zane/task/start', { cwd: ann.work, prompt: 'say: words of ann' }),
    phones.bob[0]!.call('zane/task/start', { cwd: bob.work, prompt: 'say: words of bob' }),
  ]);
  const heard = async (phone: NodePhone, thread: string): Promise<void> => {
    await until('the turn is over', async () => {
      const frame = await phone.line.next('events');
      for (const body of frame.bodies) {
        const text = Buffer.from(body).toString();
        if (text.includes('"threadId"')) assert.ok(text.includes(thread), `a foreign event: ${text}`);
      }
      return frame.bodies.some((body) => Buffer.from(body).toString().includes('"turn/completed"'));
    });
  };
  await Promise.all([
    ...phones.ann.map((phone) => heard(phone, a.result.thread)),
    ...phones.bob.map((phone) => heard(phone, b.result.thread)),
  ]);
});

test("a phone can neither command the other user's Mac nor be answered by it", async () => {
  const [a1] = phones.ann as [NodePhone, NodePhone];
  const foreign = await a1.signed('thread/list', {}, { mac: bob.mac });
  const trace = a1.send(foreign, { mac: bob.mac });
  const frame = await a1.line.next('undelivered', (header) => header.trace === trace);
  assert.equal(frame.header.undelivered?.reason, 'unknown-mac');
  const before = bob.anchor.services.policy.log;
  // Even through ann's own relay: the Mac that gets it is not the one it names.
  assert.equal((await a1.receipt(a1.send(foreign), foreign)).reason, 'wrong-mac');
  assert.equal(bob.anchor.services.policy.log, before);
});
