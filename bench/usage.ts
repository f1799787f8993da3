// What processes used: CPU seconds and the most memory, from /proc. Linux only,
// as the benchmark is.
import { readdirSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';

export interface Usage {
  cpuS: number;
  rssMib: number;
}

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold spaces: fields are counted after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const rss = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return {
    cpuS: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    rssMib: Number(rss?.[1] ?? 0) / 1024,
  };
}

/** Of all its threads, to the nanosecond: what rests does not fill a tick. */
export function runSecondsOf(pid: number): number {
  return (
    readdirSync(`/proc/${pid}/task`).reduce(
      (all, task) => all + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
      0,
    ) / 1e9
  );
}

/** How often its threads gave up the processor by themselves: each is a wake-up. */
export function wakeUpsOf(pid: number): number {
  let all = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    all += Number(
      /^voluntary_ctxt_switches:\s+(\d+)/m.exec(
        readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8'),
      )?.[1] ?? 0,
    );
  return all;
}

/** Its share of the memory that it shares. */
export function pssMibOf(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;
}

/** CPU since `before`, memory as it is now. */
export function since(before: Usage, now: Usage): Usage {
  return { cpuS: now.cpuS - before.cpuS, rssMib: now.rssMib };
}
