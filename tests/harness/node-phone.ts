// A phone without a page: the same signing code as the client, a software
// passkey, and frames that a test can bend. For what a browser can't be made to
// do: other roles, forged and repeated commands, many devices.
import { Phone } from '../../orbit/test/people.ts';
import type { Line } from '../../orbit/test/people.ts';
import { judgePaired, pairFrame, readEnrolLink } from '../../web/src/link/pairing.ts';
import {
  fromUtf8,
  importMacKey,
  makeDeviceKey,
  randomId,
  sha256Text,
  signCommand,
  utf8,
  verifyStatement,
} from '../../web/src/link/signed.ts';
import type { DeviceKey } from '../../web/src/link/signed.ts';
import type { Header } from '../../proto/ts/link.ts';
import type { OrbitProcess } from '../../orbit/tool/orbit-process.ts';

export interface Receipt {
  state: string;
  reason?: string;
  message?: string;
  result: any;
  verified: boolean;
  statement: any;
}
/** What a phone needs of a world. */
export interface PhoneHome {
  orbit: OrbitProcess;
  mac: string;
  link(): Promise<string>;
}
export interface Signed {
  id: string;
  body: Uint8Array;
  signature: string;
}

export class NodePhone {
  readonly world: PhoneHome;
  readonly person: Phone;
  device!: DeviceKey;
  line!: Line;
  #macKey!: CryptoKey;

  private constructor(world: PhoneHome) {
    this.world = world;
    this.person = new Phone(world.orbit);
  }

  /** Enrolled, paired and attached. A second device of a user signs in with its own passkey. */
  static async enrol(world: PhoneHome, name = 'node phone'): Promise<NodePhone> {
    const phone = new NodePhone(world);
    const link = readEnrolLink(new URL(await world.link()).hash);
    if (!link) throw new Error('the enrolment link is not one');
    const enrolled = await phone.person.enroll(link.token);
    if (enrolled.status !== 200) throw new Error(`orbit did not enrol: ${JSON.stringify(enrolled.body)}`);
    phone.line = await phone.person.online();
    phone.device = await makeDeviceKey();
    const trace = randomId();
    const { header, body } = await pairFrame(link, phone.device, name, Date.now(), trace);
    phone.line.send(header, body);
    const frame = await phone.line.next('paired', (h) => h.trace === trace);
    const answer = await judgePaired(link, phone.device, frame.header, frame.bodies[0]!);
    if (answer.kind !== 'paired') throw new Error(`not paired: ${JSON.stringify(answer)}`);
    phone.#macKey = await importMacKey(answer.mac.mac, answer.mac.key);
    await phone.attach();
    return phone;
  }

  async attach(): Promise<any> {
    const receipt = await this.call('zane/attach', { protocol: { min: 1, max: 1 }, release: 'test' });
    if (receipt.state !== 'done') throw new Error(`not attached: ${receipt.reason} ${receipt.message}`);
    return receipt.result;
  }

  async reconnect(): Promise<void> {
    this.line.close();
    this.line = await this.person.online();
    await this.attach();
  }

  async signed(method: string, params: unknown, but: Record<string, unknown> = {}): Promise<Signed> {
    const id = (but['id'] as string | undefined) ?? randomId();
    const now = Date.now();
    const body = utf8(
      JSON.stringify({
        mac: this.world.mac,
        device: this.device.id,
        id,
        issuedAt: now,
        expiresAt: now + 60_000,
        method,
        params,
        ...but,
      }),
    );
    return { id, body, signature: await signCommand(this.device, body) };
  }

  /** Sends signed bytes; the trace names the answer. */
  send(command: Signed, but: Header = {}): string {
    const trace = randomId();
    this.line.send(
      {
        mac: this.world.mac,
        trace,
        command: { device: this.device.id, signature: command.signature },
        ...but,
      },
      command.body,
    );
    return trace;
  }

  /** The receipt that ends the command with this trace (`received` is passed over). */
  async receipt(trace: string, command?: Signed): Promise<Receipt> {
    for (;;) {
      const frame = await Promise.race([
        this.line.next('receipt', (h) => h.trace === trace),
        this.line.next('undelivered', (h) => h.trace === trace),
      ]);
      if (frame.header.undelivered)
        return {
          state: 'undelivered',
          ...frame.header.undelivered,
          result: undefined,
          verified: false,
          statement: undefined,
        };
      const bytes = frame.bodies[0]!;
      const statement = JSON.parse(fromUtf8(bytes));
      if (statement.state === 'received') continue;
      const signatureFits = await verifyStatement(this.#macKey, bytes, frame.header.receipt?.signature);
      const verified =
        signatureFits && (!command || statement.commandDigest === (await sha256Text(command.body)));
      const result = frame.bodies[1] ? JSON.parse(fromUtf8(frame.bodies[1])) : undefined;
      return {
        state: statement.state,
        reason: statement.reason,
        message: statement.message,
        result,
        verified,
        statement,
      };
    }
  }

  /** A receipt that may take a minute: longer than a line waits for a frame. */
  async receiptAtLast(trace: string, command: Signed): Promise<Receipt> {
    for (const end = Date.now() + 60_000; ; ) {
      try {
        return await this.receipt(trace, command);
      } catch (error) {
        if (Date.now() > end) throw error;
      }
    }
  }

  async call(method: string, params: unknown, but: Record<string, unknown> = {}): Promise<Receipt> {
    const command = await this.signed(method, params, but);
    return this.receipt(this.send(command), command);
  }
}
