import type { BenchStack } from './bench-stack.ts';
import { runClosedLoop, type ClosedLoopResult } from './closed-loop.ts';
import { createPictureJobs } from './picture-jobs.ts';
import { cpuSeconds } from './process-usage.ts';
import type { Scenario } from './scenario.ts';
import { atLeast, type Figure } from './table.ts';

const TRANSACTIONS = 'transactions';

async function probe({ pids, sql }: BenchStack): Promise<Record<string, number>> {
  const cpu = await cpuSeconds({ ...pids, bench: process.pid });
  const [row] = await sql<{ committed: number }[]>`
    select xact_commit::float8 as committed from pg_stat_database where datname = current_database()`;
  // Children of the bench are the parts themselves.
  const others = Object.values<number>(pids);
  const parts = await cpuSeconds(Object.fromEntries(others.map((pid) => [String(pid), pid])));
  const bench = cpu.bench - Object.values(parts).reduce((sum, value) => sum + value, 0);
  return { ...cpu, bench, [TRANSACTIONS]: row?.committed ?? Number.NaN };
}

interface Total {
  perSecond: number;
  completed: number;
  grown: Record<string, number>;
}

const add = (total: Total, result: ClosedLoopResult, rounds: number): void => {
  total.perSecond += result.perSecond / rounds;
  total.completed += result.completed;
  for (const [name, value] of Object.entries(result.grown))
    total.grown[name] = (total.grown[name] ?? 0) + value;
};

/** 20 and 100 clients in a closed loop, in turns with as many clients of bare workflows. */
export const throughput: Scenario = {
  name: 'throughput',
  about: 'jobs/s at 20 and 100 clients against bare workflows/s; CPU per job by process',
  async run({ quick, size, stack: startStack, say }) {
    const stack = await startStack();
    const jobs = createPictureJobs(stack.url, size);
    const rounds = quick ? 1 : 2;
    const times = quick ? { warmUpMs: 500, windowMs: 2_000 } : { warmUpMs: 2_000, windowMs: 9_000 };
    const figures: Omit<Figure, 'scenario'>[] = [];
    for (const clients of [20, 100]) {
      const ours: Total = { perSecond: 0, completed: 0, grown: {} };
      const theirs: Total = { perSecond: 0, completed: 0, grown: {} };
      for (let round = 0; round < rounds; round += 1)
        for (const [total, call] of [
          [ours, () => jobs.draw()],
          [theirs, () => stack.bare.run()],
        ] as const) {
          say(`throughput: ${clients} clients, ${total === ours ? 'jobs' : 'bare workflows'}`);
          add(
            total,
            await runClosedLoop({ ...times, clients, call, probe: () => probe(stack) }),
            rounds,
          );
        }
      figures.push({
        what: `${clients} clients: jobs a second`,
        unit: '/s',
        ours: ours.perSecond,
        reference: theirs.perSecond,
        aim: atLeast(0.55, 'ratio'),
      });
      for (const name of Object.keys(ours.grown)) {
        const each = (total: Total): number => (total.grown[name] ?? 0) / total.completed;
        figures.push(
          name === TRANSACTIONS
            ? { what: `  PostgreSQL transactions per job`, unit: '', ours: each(ours) }
            : {
                what: `  CPU per job: ${name}`,
                unit: 'ms',
                ours: each(ours) * 1_000,
                reference: each(theirs) * 1_000,
              },
        );
      }
    }
    return figures;
  },
};
