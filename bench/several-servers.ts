/** Jobs a second over 1, 2, 4 and 8 servers whose pictures take 50 ms, and what each job and each idle server cost. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startBenchStack } from './bench-stack.ts';
import { createCollections } from './collections.ts';
import { cpuByPart, formatParts, sumOf } from './process-usage.ts';
import type { BenchContext, Scenario } from './scenario.ts';
import type { Figure } from './table.ts';

const DRAW_MS = 50;
/** The pictures that bring up what each server needs are as many. */
const WARM_UP = 8;

interface Measured {
  readonly perSecond: number;
  /** CPU milliseconds of each part. */
  readonly perJob: Readonly<Record<string, number>>;
  /** CPU milliseconds a second of all parts while nothing is asked. */
  readonly idle: number;
}

async function measure(context: BenchContext, servers: number): Promise<Measured> {
  const { dir, engine, room, say, size, quick } = context;
  const count = quick ? 20 : 200;
  say(`servers: ${count} jobs on ${servers}`);
  const stack = await startBenchStack({
    ...{ dir: join(dir, `servers-${servers}`), engine, room, say, simulators: servers },
    simulatorEnv: { SIM_STEP_MS: String(DRAW_MS) },
  });
  try {
    const clients = createCollections(stack.url, size);
    const draw = async (wanted: number): Promise<void> => {
      const { jobs } = await clients.wait((await clients.submit(wanted)).token);
      const lost = jobs.find(({ lastEvent }) => lastEvent.type !== 'Succeeded');
      if (lost) throw new Error(`job ${lost.jobId} ended as ${lost.lastEvent.type}`);
    };
    await draw(servers * WARM_UP);
    const before = await cpuByPart(stack.pids);
    const startedAt = performance.now();
    await draw(count);
    const seconds = (performance.now() - startedAt) / 1_000;
    const after = await cpuByPart(stack.pids);
    const idleMs = quick ? 2_000 : 10_000;
    // Events of the last runs are still being kept.
    await delay(idleMs / 2);
    const idleBefore = sumOf(await cpuByPart(stack.pids));
    await delay(idleMs);
    return {
      perSecond: count / seconds,
      perJob: Object.fromEntries(
        Object.entries(after).map(([part, ms]) => [part, (ms - (before[part] ?? 0)) / count]),
      ),
      idle: (sumOf(await cpuByPart(stack.pids)) - idleBefore) / (idleMs / 1_000),
    };
  } finally {
    await stack.stop();
  }
}

type Row = Omit<Figure, 'scenario'>;

function rows(servers: number, measured: Measured, one: Measured): Row[] {
  return [
    {
      what: `${servers} servers of ${DRAW_MS} ms a picture: jobs a second`,
      ...{ unit: '/s', ours: measured.perSecond, reference: (servers * 1_000) / DRAW_MS },
      note: 'reference: the servers alone',
    },
    {
      what: '– CPU per job, all parts',
      ...{ unit: 'ms', ours: sumOf(measured.perJob), reference: sumOf(one.perJob) },
      note: `reference: with one server; ${formatParts(measured.perJob)}`,
    },
    {
      what: '– CPU of all parts while nothing is asked, each second',
      ...{ unit: 'ms', ours: measured.idle, reference: one.idle, note: 'reference: one server' },
    },
  ];
}

export const severalServers: Scenario = {
  name: 'servers',
  about:
    'jobs a second and CPU per job over 1, 2, 4 and 8 simulators of 50 ms a picture, on stacks of their own',
  async run(context) {
    const figures: Row[] = [];
    let one: Measured | undefined;
    for (const servers of [1, 2, 4, 8]) {
      const measured = await measure(context, servers);
      figures.push(...rows(servers, measured, (one ??= measured)));
    }
    return figures;
  },
};
