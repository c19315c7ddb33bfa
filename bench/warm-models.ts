/** How often a job finds its checkpoint loaded, against first in first out. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { place } from '../src/domain/placement.ts';
import {
  createRandom,
  firstInFirstOut,
  simulate,
  zipf,
  type Policy,
} from '../src/domain/placement-simulation.test-support.ts';
import { SAMPLE_MODELS } from '../src/domain/sample-models.ts';
import { startBenchStack, type BenchStack } from './bench-stack.ts';
import { untilEnded } from './backlog-end.ts';
import { pauseDrawing } from './pause-drawing.ts';
import type { BenchContext, Scenario } from './scenario.ts';
import { atLeast, atMost, type Figure } from './table.ts';

type Row = Omit<Figure, 'scenario'>;

const SERVERS = 4;
const WINDOW = 32;
/** Slow enough that the servers are what the jobs wait for, on two cores as well: else some idle and take what comes. */
const DRAW_MS = 800;
const LOAD_MS = 2_000;
const MODELS = SAMPLE_MODELS.filter(({ air }) => /air:(sd1|sdxl):checkpoint/.test(air))
  .map(({ air }) => air)
  .slice(0, 6);

const backlogOf = (count: number): string[] => zipf(MODELS, count, createRandom(1));

/** The rules alone, on a clock of their own. */
function simulated(count: number): Row[] {
  const fleet = {
    servers: Array.from({ length: SERVERS }, (_, index) => `gpu-${index + 1}`),
    ...{ room: 2, window: WINDOW, drawMs: 1_000, loadMs: 5_000, affinityWaitMs: 30_000 },
    backlog: backlogOf(count),
  };
  const run = (policy: Policy) => simulate(fleet, policy);
  const [ours, fifo] = [run(place), run(firstInFirstOut)];
  const what = `${count} jobs, ${SERVERS} servers, ${MODELS.length} checkpoints by Zipf, simulated`;
  return [
    {
      what: `${what}: checkpoint loaded`,
      ...{ unit: '', ours: ours.hitRate, reference: fifo.hitRate, aim: atLeast(0.85) },
      note: 'reference: first in first out',
    },
    {
      what: '  most often overtaken',
      ...{ unit: 'times', ours: ours.mostOvertaken, aim: atMost(WINDOW) },
    },
    {
      what: '  the whole, 1 s a picture and 5 s a load',
      ...{ unit: 's', ours: ours.totalMs / 1_000, reference: fifo.totalMs / 1_000 },
    },
  ];
}

interface Measured {
  readonly hitRate: number;
  readonly mostOvertaken: number;
  readonly seconds: number;
}

const pauseAll = (stack: BenchStack, paused: boolean): Promise<unknown> =>
  Promise.all(stack.comfyUrls.map((url) => pauseDrawing(url, paused)));

async function untilStarted(stack: BenchStack): Promise<void> {
  while ((await stack.sql`select from jobs where started_at is null limit 1`).count > 0)
    await delay(100);
}

/** Posts the backlog in its order, lets it be drawn once all of it waits, and waits for its end. */
async function drawBacklog(stack: BenchStack, count: number, size: number): Promise<Measured> {
  await pauseAll(stack, true);
  const jobs = backlogOf(count).map((model) => ({
    $type: 'textToImage',
    model,
    params: { prompt: 'a lighthouse', width: size, height: size, steps: 1, cfgScale: 7, seed: -1 },
  }));
  const response = await fetch(`${stack.url}/v1/consumer/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jobs }),
  });
  if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
  await untilStarted(stack);
  const startedAt = performance.now();
  await pauseAll(stack, false);
  await untilEnded(stack.sql, count);
  const seconds = (performance.now() - startedAt) / 1_000;
  // By the order of grants. A job is overtaken by those that asked for a server after it and were granted one before it.
  const [row] = await stack.sql<{ hits: number; mostOvertaken: number }[]>`
    with granted as (
      select opened_at, claimed_at, generation ->> 'model' = lag(generation ->> 'model')
        over (partition by server_id order by claimed_at) as is_hit
      from jobs join job_runs on job_runs.job_id = jobs.id
    )
    select count(*) filter (where is_hit)::int as hits, (select max(overtaken) from (
        select (select count(*)::int from granted later
          where later.opened_at > one.opened_at and later.claimed_at < one.claimed_at) as overtaken
        from granted one) each_one) as most_overtaken
    from granted`;
  return {
    hitRate: (row?.hits ?? Number.NaN) / count,
    mostOvertaken: row?.mostOvertaken ?? Number.NaN,
    seconds,
  };
}

async function onStack(
  { dir, engine, size, say, room }: BenchContext,
  count: number,
): Promise<Row[]> {
  const measure = async (name: string, window: number): Promise<Measured> => {
    say(`warm: ${count} jobs, ${name}`);
    const stack = await startBenchStack({
      ...{ dir: join(dir, `warm-${window}`), engine, room: room ?? 2, say, simulators: SERVERS },
      simulatorEnv: { SIM_MODEL_LOAD_MS: String(LOAD_MS), SIM_STEP_MS: String(DRAW_MS) },
      workerEnv: { PLACEMENT_WINDOW: String(window) },
    });
    try {
      return await drawBacklog(stack, count, size);
    } finally {
      await stack.stop();
    }
  };
  const ours = await measure(`window ${WINDOW}`, WINDOW);
  const fifo = await measure('one after the other', 1);
  return [
    {
      what: `${count} jobs on the running stack, ${SERVERS} simulators: checkpoint loaded`,
      ...{ unit: '', ours: ours.hitRate, reference: fifo.hitRate, aim: atLeast(0.85) },
      note: 'reference: PLACEMENT_WINDOW=1',
    },
    {
      what: '  most often overtaken, by those that asked for a server later',
      ...{ unit: 'times', ours: ours.mostOvertaken, reference: fifo.mostOvertaken },
      aim: atMost(WINDOW),
    },
    {
      what: `  the whole, ${DRAW_MS / 1_000} s a picture and ${LOAD_MS / 1_000} s a load`,
      ...{ unit: 's', ours: ours.seconds, reference: fifo.seconds },
    },
  ];
}

export const warmModels: Scenario = {
  name: 'warm',
  about: 'how often a job finds its checkpoint loaded, simulated and on a stack of its own',
  run: async (context) => [
    ...simulated(context.quick ? 200 : 2_000),
    ...(await onStack(context, context.quick ? 40 : 400)),
  ],
};
