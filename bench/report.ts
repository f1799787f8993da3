// The figures of one run as a table, and the aims beside them.
import type { Delayed } from './delays.ts';
import type { Many, Tapped } from './phone.ts';
import type { Usage } from './usage.ts';

export interface Measured {
  rate: number;
  sent: number;
  local: Delayed;
  phone?: Delayed;
  used: Record<string, Usage>;
}
/** One service that has nothing to do. */
export interface Rest {
  name: string;
  cpuPercent: number;
  wakeUpsPerS: number;
  pssMib: number;
}
export interface Others {
  idle: readonly Rest[];
  opened: number;
  many: Many;
  expected: number;
  tapped: Tapped;
  ceiling: { sent: number; local: Delayed };
}
export interface Run {
  seconds: number;
  bytes: number;
  preset: string;
  cpus: number;
  /** Load average of the minute before: what others were doing. */
  busy: number;
}

/** docs: bench/README.md says where these come from. */
const AIMS = {
  p50Ratio: 2,
  cpuRatioAt1000: 3,
  cpuRatioAt10000: 2,
  phoneP50UsAt10000: 30_000,
  idleCpuPercent: 0.05,
  idleWakeUps: 5,
  pssMib: 25,
  openMs: 500,
  manyP99Us: 50_000,
  tapP50Us: 4_000,
};
const SERVICES = ['supervisor', 'policy', 'relay', 'webhook'];

function print(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => (column ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
        .join('  ')
        .trimEnd(),
    );
  console.log();
}

function ms(us: number): string {
  return `${(us / 1000).toFixed(3)} ms`;
}

function missing(sent: number, delayed: Delayed): number {
  return delayed.lost + (sent - 1 - delayed.last);
}

function line(name: string, rate: number, sent: number, delayed: Delayed): string[] {
  return [
    name,
    `${rate}/s`,
    ms(delayed.p50Us),
    ms(delayed.p99Us),
    ms(delayed.maxUs),
    String(delayed.count),
    String(missing(sent, delayed)),
    String(delayed.disordered),
  ];
}

/** True when every aim is met. */
export function printReport(
  zane: readonly Measured[],
  bare: readonly Measured[],
  others: Others,
  run: Run,
): boolean {
  console.log(
    `\n${run.preset} build, ${run.seconds} s per rate, messages of about ${run.bytes} bytes; ${run.cpus} CPUs, load before ${run.busy.toFixed(2)}\n`,
  );
  const delays = [["from Codex's socket to", 'rate', 'p50', 'p99', 'max', 'arrived', 'lost', 'out of order']];
  for (const m of zane)
    delays.push(
      line('local subscriber', m.rate, m.sent, m.local),
      line('phone, through Orbit', m.rate, m.sent, m.phone!),
    );
  for (const m of bare) delays.push(line("bare relay's reader", m.rate, m.sent, m.local));
  print(delays);
  const used = [['process', ...zane.flatMap((m) => [`CPU at ${m.rate}/s`, 'most memory'])]];
  const cells = (m: Measured, name: string): string[] => {
    const usage = m.used[name]!;
    return [`${usage.cpuS.toFixed(2)} s`, `${usage.rssMib.toFixed(1)} MiB`];
  };
  for (const name of Object.keys(zane[0]!.used)) used.push([name, ...zane.flatMap((m) => cells(m, name))]);
  for (const name of Object.keys(bare[0]!.used))
    used.push([`${name} (baseline)`, ...bare.flatMap((m) => cells(m, name))]);
  print(used);
  print([
    ['at rest', 'CPU', 'wake-ups', 'PSS'],
    ...others.idle.map((rest) => [
      rest.name,
      `${rest.cpuPercent.toFixed(3)} %`,
      `${rest.wakeUpsPerS.toFixed(1)}/s`,
      `${rest.pssMib.toFixed(1)} MiB`,
    ]),
  ]);
  return printAims(zane, bare, others);
}

function printAims(zane: readonly Measured[], bare: readonly Measured[], others: Others): boolean {
  const at = (list: readonly Measured[], rate: number): Measured => list.find((m) => m.rate === rate)!;
  const p50Ratio = (rate: number): number => at(zane, rate).local.p50Us / at(bare, rate).local.p50Us;
  const cpuRatio = (rate: number): number =>
    SERVICES.reduce((all, name) => all + at(zane, rate).used[name]!.cpuS, 0) /
    at(bare, rate).used['bare relay']!.cpuS;
  const lost = [...zane, ...bare]
    .flatMap((m) =>
      [m.local, m.phone].filter((d) => d !== undefined).map((d) => missing(m.sent, d) + d.disordered),
    )
    .reduce((a, b) => a + b, 0);
  const { idle, many, tapped, ceiling } = others;
  const most = (of: (rest: Rest) => number): number => Math.max(...idle.map(of));
  const pss = idle.reduce((all, rest) => all + rest.pssMib, 0);
  const dropped = missing(ceiling.sent, ceiling.local) + ceiling.local.disordered;
  const aims: [string, string, string, boolean][] = [];
  const atMost = (name: string, is: number, wanted: number, unit: string, digits: number): void => {
    aims.push([name, `${is.toFixed(digits)}${unit}`, `≤ ${wanted}${unit}`, is <= wanted]);
  };
  for (const rate of [1_000, 10_000])
    atMost(`local p50 against the bare relay, ${rate}/s`, p50Ratio(rate), AIMS.p50Ratio, ' ×', 2);
  atMost(
    'CPU of the four services against the bare relay, 1000/s',
    cpuRatio(1_000),
    AIMS.cpuRatioAt1000,
    ' ×',
    2,
  );
  atMost(
    'CPU of the four services against the bare relay, 10000/s',
    cpuRatio(10_000),
    AIMS.cpuRatioAt10000,
    ' ×',
    2,
  );
  atMost('phone p50, 10000/s', at(zane, 10_000).phone!.p50Us / 1000, AIMS.phoneP50UsAt10000 / 1000, ' ms', 1);
  atMost('lost or out of order', lost, 0, '', 0);
  atMost('100000/s: lost or out of order', dropped, 0, '', 0);
  atMost(
    'CPU at rest, the busiest service',
    most((rest) => rest.cpuPercent),
    AIMS.idleCpuPercent,
    ' %',
    3,
  );
  atMost(
    'wake-ups at rest, the busiest service',
    most((rest) => rest.wakeUpsPerS),
    AIMS.idleWakeUps,
    '/s',
    1,
  );
  atMost('PSS of the four services together', pss, AIMS.pssMib, ' MiB', 1);
  atMost('opening a turn of 100,000 events', others.opened, AIMS.openMs, ' ms', 0);
  atMost(`${many.phones} phones at 1000/s, p99`, many.p99Us / 1000, AIMS.manyP99Us / 1000, ' ms', 1);
  atMost(`${many.phones} phones: links cut`, many.cut, 0, '', 0);
  atMost('approval, tap to Codex, p50', tapped.p50Us / 1000, AIMS.tapP50Us / 1000, ' ms', 2);
  print([
    ['aim', 'measured', 'wanted', ''],
    ...aims.map(([name, is, wanted, met]) => [name, is, wanted, met ? 'met' : 'MISSED']),
  ]);
  console.log(
    `${many.phones} phones: ${many.events} of ${others.expected} events came (some deltas as one), p50 ${ms(many.p50Us)}; approvals: ${tapped.count}, p99 ${ms(tapped.p99Us)}`,
  );
  return aims.every(([, , , met]) => met);
}
