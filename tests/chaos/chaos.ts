// Rounds of it: a story, one to three faults in the middle of it, and everything
// compared afterwards. What a round chose is printed and can be had again by its
// seed.
import { Chance } from './chance.ts';
import { differs } from './agree.ts';
import { choose, inject, named } from './faults.ts';
import type { House } from './house.ts';
import { STORIES } from './stories.ts';
import type { Finding, Wrong } from './stories.ts';

export interface Tally {
  rounds: number;
  faults: number;
  checks: number;
  wrong: Record<Wrong, number>;
  longestMs: number;
  findings: string[];
}

export function emptyTally(): Tally {
  return {
    rounds: 0,
    faults: 0,
    checks: 0,
    wrong: { lost: 0, doubled: 0, rerun: 0, stuck: 0, untrue: 0 },
    longestMs: 0,
    findings: [],
  };
}

export async function round(
  house: House,
  seed: number,
  tally: Tally,
  say: (line: string) => void,
): Promise<void> {
  const chance = new Chance(seed);
  house.forget();
  const [name, story] = chance.of(STORIES);
  const faults = Array.from({ length: chance.between(1, 3) }, () => choose(chance));
  const line = `seed ${seed}: ${name}; ${faults.map(named).join(', ')}`;
  const [told] = await Promise.all([story(house, chance), ...faults.map((fault) => inject(house, fault))]);
  tally.rounds++;
  tally.faults += faults.length;
  tally.checks += told.checks;
  tally.longestMs = Math.max(tally.longestMs, told.truthMs);
  const findings: Finding[] = [...told.findings];
  for (const thread of told.threads) {
    tally.checks++;
    const difference = await differs(house, thread, name === 'steer');
    if (difference) findings.push({ wrong: 'untrue', what: `thread ${thread}: ${difference}` });
  }
  if (findings.some(({ wrong }) => wrong === 'stuck')) say(`  ${await house.health()}`);
  for (const { wrong, what } of findings) {
    tally.wrong[wrong]++;
    tally.findings.push(`${line}: ${wrong}: ${what}`);
  }
  say(
    `${line}: ${findings.length === 0 ? `right (${told.states.join(', ') || 'done'}; ${told.checks} checks, ${Math.round(told.truthMs)} ms)` : findings.map(({ wrong, what }) => `${wrong.toUpperCase()} ${what}`).join('; ')}`,
  );
}
