import type { BenchStack, EngineName, PartName } from './bench-stack.ts';
import { runClosedLoop, type ClosedLoopResult } from './closed-loop.ts';
import { createPictureJobs } from './picture-jobs.ts';
import { cpuSeconds } from './process-usage.ts';
import type { Scenario } from './scenario.ts';
import { atLeast, type Figure } from './table.ts';

const TRANSACTIONS = 'transactions';
const OTHERS = "transactions of Temporal's databases";
const CLIENT = 'this client';
const OUR_PARTS: readonly PartName[] = ['temporal', 'worker', 'api', 'simulator', 'postgres'];

async function probe({ pids, sql }: BenchStack): Promise<Record<string, number>> {
  const { user, system } = process.cpuUsage();
  const rows = await sql<{ committed: number; ours: boolean }[]>`
    select sum(xact_commit)::float8 as committed, datname = current_database() as ours
    from pg_stat_database where datname is not null group by ours`;
  const committed = (mine: boolean): number =>
    rows.find(({ ours }) => ours === mine)?.committed ?? Number.NaN;
  return {
    ...(await cpuSeconds(pids)),
    [CLIENT]: (user + system) / 1e6,
    [TRANSACTIONS]: committed(true),
    [OTHERS]: committed(false),
  };
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

type Cost = Omit<Figure, 'scenario'>;

/** What each job cost, beside what each bare workflow did where that has such a process. */
function costs(ours: Total, theirs: Total, engine: EngineName): Cost[] {
  const each = (total: Total, ...names: readonly string[]): number =>
    names.reduce((sum, name) => sum + (total.grown[name] ?? 0), 0) / total.completed;
  const cpu = (what: string, mine: readonly string[], bare: readonly string[]): Cost => ({
    what: `  CPU per job: ${what}`,
    unit: 'ms',
    ours: each(ours, ...mine) * 1_000,
    ...(bare.length > 0 ? { reference: each(theirs, ...bare) * 1_000 } : {}),
  });
  return [
    cpu('all', [...OUR_PARTS, CLIENT], ['bare worker', 'temporal', 'postgres', CLIENT]),
    cpu('temporal', ['temporal'], ['temporal']),
    cpu('worker', ['worker'], ['bare worker']),
    cpu('api', ['api'], []),
    cpu('simulator', ['simulator'], []),
    // On the dev server only ours.
    cpu('postgres', ['postgres'], engine === 'dev' ? [] : ['postgres']),
    cpu(CLIENT, [CLIENT], [CLIENT]),
    { what: '  PostgreSQL transactions per job', unit: '', ours: each(ours, TRANSACTIONS) },
    ...(engine === 'dev'
      ? []
      : [
          {
            what: '  – of Temporal',
            unit: '',
            ours: each(ours, OTHERS),
            reference: each(theirs, OTHERS),
          },
        ]),
  ];
}

/** Connections that are open after the load, by who holds them; Temporal gives no name. */
async function connections({ sql }: BenchStack): Promise<Cost[]> {
  const rows = await sql<{ who: string; count: number }[]>`
    select case when application_name = '' then 'Temporal' else application_name end as who,
      count(*)::int as count
    from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
    group by who order by who`;
  return rows.map(({ who, count }) => ({
    what: `PostgreSQL connections: ${who}`,
    unit: '',
    ours: count,
  }));
}

/** 20 and 100 clients in a closed loop, in turns with as many clients of bare workflows. */
export const throughput: Scenario = {
  name: 'throughput',
  about: 'jobs/s at 20 and 100 clients against bare workflows/s; CPU per job by process',
  async run({ quick, size, engine, stack: startStack, say }) {
    const stack = await startStack();
    const jobs = createPictureJobs(stack.url, size);
    const rounds = quick ? 1 : 2;
    const times = quick
      ? { warmUpMs: 1_000, windowMs: 4_000 }
      : { warmUpMs: 2_000, windowMs: 9_000 };
    const figures: Cost[] = [];
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
        aim: atLeast(0.7, 'ratio'),
        note: 'the first aim was 0.55×',
      });
      figures.push(...costs(ours, theirs, engine));
    }
    figures.push(...(await connections(stack)));
    return figures;
  },
};
