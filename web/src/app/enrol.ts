// The enrolment exchange after the passkey: send `pair`, judge the answer, keep
// the Mac. Not for what is on screen (screens/enrol.tsx).
import type { Frame } from '../../../proto/ts/link.ts';
import { rememberMac } from '../link/keys.ts';
import { deviceName, judgePaired, pairFrame } from '../link/pairing.ts';
import type { EnrolLink, PairAnswer } from '../link/pairing.ts';
import { randomId } from '../link/signed.ts';
import type { Client } from './client.ts';

const PAIR_TIMEOUT_MS = 20_000;
const OPEN_TIMEOUT_MS = 20_000;

/** Resolves once the socket is open, or tells why not. */
function whenOpen(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + OPEN_TIMEOUT_MS;
    const look = (): void => {
      if (client.socket.state.phase === 'open') return resolve();
      if (Date.now() > deadline)
        return reject(new Error(`Orbit cannot be reached: ${client.socket.state.message ?? 'try again'}`));
      setTimeout(look, 100);
    };
    look();
  });
}

export async function pairWith(client: Client, link: EnrolLink): Promise<PairAnswer> {
  await whenOpen(client);
  const trace = randomId();
  const { header, body } = await pairFrame(
    link,
    client.device,
    deviceName(navigator.userAgent),
    Date.now(),
    trace,
  );
  const answer = await new Promise<PairAnswer>((resolve, reject) => {
    const stop = client.onPaired((frame) => void judge(frame));
    const timer = setTimeout(
      () => finish(() => reject(new Error('your Mac did not answer: is Zane running on it? Try again'))),
      PAIR_TIMEOUT_MS,
    );
    const finish = (end: () => void): void => {
      stop();
      clearTimeout(timer);
      end();
    };
    const judge = async (frame: Frame): Promise<void> => {
      const undelivered = frame.header.undelivered;
      if (undelivered && frame.header.trace === trace)
        return finish(() =>
          reject(
            new Error(undelivered.message || 'your Mac is not connected: start Zane on it and try again'),
          ),
        );
      const told = frame.bodies[0];
      if (!frame.header.paired || !told || frame.header.mac !== link.mac) return;
      const judged = await judgePaired(link, client.device, frame.header, told);
      finish(() => resolve(judged));
    };
    if (!client.socket.send(header, [body]))
      finish(() => reject(new Error('the connection was lost: try again')));
  });
  if (answer.kind === 'paired') {
    await rememberMac(client.store, answer.mac);
    await client.loadMacs(answer.mac.mac);
    client.reattach();
  }
  return answer;
}
