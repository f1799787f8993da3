// The figures of one run as a table, and the aims beside them.
import type { Delayed } from './delays.ts';
import type { Usage } from './usage.ts';

export interface Measured { rate: number; sent: number; local: Delayed; phone?: Delayed; used: Record<string, Usage> }
export interface Run {
  seconds: number;
  bytes: number;
  preset: string;
  cpus: number;
  /** Load average of the minute before: what others were doing. */
  busy: number;
}

/** docs: bench/README.md says where these come from. */
const AIMS = { baselineRatioAt1000: 5, localP50UsAt10000: 1_000, phoneP50UsAt10000: 30_000 };

function print(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) console.log(row.map((cell, column) => (column ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join('  ').trimEnd());
  console.log();
}

function ms(us: number): string {
  return `${(us / 1000).toFixed(3)} ms`;
}

function missing(sent: number, delayed: Delayed): number {
  return delayed.lost + (sent - 1 - delayed.last);
}

function line(name: string, rate: number, sent: number, delayed: Delayed): string[] {
  return [name, `${rate}/s`, ms(delayed.p50Us), ms(delayed.p99Us), ms(delayed.maxUs), String(delayed.count), String(missing(sent, delayed)), String(delayed.disordered)];
}

/** True when every aim is met. */
export function printReport(zane: readonly Measured[], bare: readonly Measured[], run: Run): boolean {
  console.log(`\n${run.preset} build, ${run.seconds} s per rate, messages of about ${run.bytes} bytes; ${run.cpus} CPUs, load before ${run.busy.toFixed(2)}\n`);
  const delays = [['from Codex\'s socket to', 'rate', 'p50', 'p99', 'max', 'arrived', 'lost', 'out of order']];
  for (const m of zane) delays.push(line('local subscriber', m.rate, m.sent, m.local), line('phone, through Orbit', m.rate, m.sent, m.phone!));
  for (const m of bare) delays.push(line('bare relay\'s reader', m.rate, m.sent, m.local));
  print(delays);
  const used = [['process', ...zane.flatMap((m) => [`CPU at ${m.rate}/s`, 'most memory'])]];
  const cells = (m: Measured, name: string): string[] => {
    const usage = m.used[name]!;
    return [`${usage.cpuS.toFixed(2)} s`, `${usage.rssMib.toFixed(1)} MiB`];
  };
  for (const name of Object.keys(zane[0]!.used)) used.push([name, ...zane.flatMap((m) => cells(m, name))]);
  for (const name of Object.keys(bare[0]!.used)) used.push([`${name} (baseline)`, ...bare.flatMap((m) => cells(m, name))]);
  print(used);
  return printAims(zane, bare);
}

function printAims(zane: readonly Measured[], bare: readonly Measured[]): boolean {
  const at = (list: readonly Measured[], rate: number): Measured => list.find((m) => m.rate === rate)!;
  const ratios = zane.map((m) => ({ rate: m.rate, ratio: m.local.p50Us / at(bare, m.rate).local.p50Us }));
  const lost = [...zane, ...bare].flatMap((m) => [m.local, m.phone].filter((d) => d !== undefined).map((d) => missing(m.sent, d) + d.disordered)).reduce((a, b) => a + b, 0);
  const ratio = ratios.find((r) => r.rate === 1_000)!.ratio;
  const busy = at(zane, 10_000);
  const aims: [string, string, string, boolean][] = [
    ['local p50 against the bare relay, 1000/s', `${ratio.toFixed(1)} ×`, `≤ ${AIMS.baselineRatioAt1000} ×`, ratio <= AIMS.baselineRatioAt1000],
    ['local p50, 10000/s', ms(busy.local.p50Us), `< ${ms(AIMS.localP50UsAt10000)}`, busy.local.p50Us < AIMS.localP50UsAt10000],
    ['phone p50, 10000/s', ms(busy.phone!.p50Us), `< ${ms(AIMS.phoneP50UsAt10000)}`, busy.phone!.p50Us < AIMS.phoneP50UsAt10000],
    ['lost or out of order', String(lost), '0', lost === 0],
  ];
  print([['aim', 'measured', 'wanted', ''], ...aims.map(([name, is, wanted, met]) => [name, is, wanted, met ? 'met' : 'MISSED'])]);
  console.log(`local p50 against the bare relay: ${ratios.map((r) => `${r.ratio.toFixed(1)} × at ${r.rate}/s`).join(', ')}`);
  return aims.every(([, , , met]) => met);
}
