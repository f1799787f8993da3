// What is done to the house, and when. One line names each, so that a round can be
// had again.
import type { Chance } from './chance.ts';
import { SERVICES } from './house.ts';
import type { House } from './house.ts';

type Kind =
  | 'kill'
  | 'away'
  | 'stop'
  | 'cut-codex'
  | 'cut-orbit'
  | 'hold-codex'
  | 'hold-orbit'
  | 'repeat-orbit'
  | 'reorder-orbit';
/** Few cuts of the link: each makes relay's next pause longer, as it should, and the round with it. */
const KINDS: readonly Kind[] = [
  'kill',
  'kill',
  'kill',
  'away',
  'away',
  'stop',
  'stop',
  'cut-codex',
  'cut-codex',
  'cut-codex',
  'hold-codex',
  'hold-orbit',
  'cut-orbit',
  'repeat-orbit',
  'repeat-orbit',
  'reorder-orbit',
  'reorder-orbit',
];

export interface Fault {
  kind: Kind;
  victim: (typeof SERVICES)[number] | '';
  afterMs: number;
  lastingMs: number;
}

export function choose(chance: Chance): Fault {
  const kind = chance.of(KINDS);
  const victim = kind === 'kill' || kind === 'away' || kind === 'stop' ? chance.of(SERVICES) : '';
  const lastingMs =
    kind === 'kill' || kind.startsWith('cut') ? 0 : chance.between(100, kind === 'away' ? 5_000 : 2_000);
  return { kind, victim, afterMs: chance.between(0, 700), lastingMs };
}

export function named(fault: Fault): string {
  return `${fault.kind}${fault.victim ? ` ${fault.victim}` : ''} after ${fault.afterMs} ms${fault.lastingMs ? ` for ${fault.lastingMs} ms` : ''}`;
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

export async function inject(house: House, fault: Fault): Promise<void> {
  await pause(fault.afterMs);
  switch (fault.kind) {
    case 'kill':
      return house.world.anchor.services[fault.victim as 'policy'].kill();
    // As long as launchd lets one wait that died too soon.
    case 'away': {
      const service = house.world.anchor.services[fault.victim as 'policy'];
      await service.stop('SIGKILL');
      await pause(fault.lastingMs);
      if (!service.child) service.start();
      return;
    }
    case 'stop': {
      const child = house.world.anchor.services[fault.victim as 'policy'].child;
      child?.kill('SIGSTOP');
      await pause(fault.lastingMs);
      child?.kill('SIGCONT');
      return;
    }
    case 'cut-codex':
      return house.codexWire.cut();
    case 'cut-orbit':
      return house.orbitWire.cut();
    case 'hold-codex':
      return house.codexWire.hold(fault.lastingMs);
    case 'hold-orbit':
      return house.orbitWire.hold(fault.lastingMs);
    case 'repeat-orbit':
      return house.orbitWire.bend('repeat', fault.lastingMs);
    case 'reorder-orbit':
      return house.orbitWire.bend('reorder', fault.lastingMs);
  }
}
