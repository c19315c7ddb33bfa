/** Jobs a second over 1, 2, 4 and 8 servers whose pictures take 50 ms. */
import { join } from 'node:path';
import { startBenchStack } from './bench-stack.ts';
import { untilEnded } from './backlog-end.ts';
import { createPictureJobs } from './picture-jobs.ts';
import { cpuSeconds } from './process-usage.ts';
import type { BenchContext, Scenario } from './scenario.ts';
import type { Figure } from './table.ts';

const DRAW_MS = 50;

async function measure(context: BenchContext, servers: number): Promise<Omit<Figure, 'scenario'>> {
  const { dir, engine, room, say, size, quick } = context;
  const count = quick ? 20 : 100;
  say(`servers: ${count} jobs on ${servers}`);
  const stack = await startBenchStack({
    ...{ dir: join(dir, `servers-${servers}`), engine, room, say, simulators: servers },
    simulatorEnv: { SIM_STEP_MS: String(DRAW_MS) },
  });
  try {
    const jobs = createPictureJobs(stack.url, size);
    // The first picture of each server also brings up what it needs.
    await jobs.drawAll(servers * 4);
    const before = await cpuSeconds(stack.pids);
    const startedAt = performance.now();
    await jobs.drawAll(count);
    await untilEnded(stack.sql, count + servers * 4);
    const seconds = (performance.now() - startedAt) / 1_000;
    const after = await cpuSeconds(stack.pids);
    const used = Object.keys(after).reduce(
      (sum, name) => sum + (after[name] ?? 0) - (before[name] ?? 0),
      0,
    );
    return {
      what: `${servers} servers of ${DRAW_MS} ms a picture: jobs a second`,
      ...{ unit: '/s', ours: count / seconds, reference: (servers * 1_000) / DRAW_MS },
      note: `reference: the servers alone; ${(used / seconds).toFixed(2)} cores used, ${((used / count) * 1_000).toFixed(0)} ms of CPU a job`,
    };
  } finally {
    await stack.stop();
  }
}

export const severalServers: Scenario = {
  name: 'servers',
  about: 'jobs a second over 1, 2, 4 and 8 simulators of 50 ms a picture, on stacks of their own',
  async run(context) {
    const figures = [];
    for (const servers of [1, 2, 4, 8]) figures.push(await measure(context, servers));
    return figures;
  },
};
