/** How long a job is held up when a part dies while its picture is drawn. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promptIdFor } from '../src/activities/prompt-id.ts';
import { startBenchStack, type BenchStack } from './bench-stack.ts';
import { readExecutions } from './executions.ts';
import { createPictureJobs, SD1, type PictureJobs } from './picture-jobs.ts';
import type { Scenario } from './scenario.ts';
import { median, quantile } from './statistics.ts';
import type { Figure } from './table.ts';

const STEPS = 10;
const STEP_MS = 50;
const LOOK_MS = 10;
/** After that long a supervisor starts a part that ends at once, and not after a pause that grows. */
const STEADY_MS = 31_000;
const GIVE_UP_MS = 120_000;

interface Disturbance {
  readonly what: string;
  /** What the time is made of. */
  readonly bound: string;
  /** The part that is killed; it is started again after 0.5 s. */
  readonly part?: 'worker' | 'simulator' | 'temporal' | 'postgres';
}

const DISTURBANCES: readonly Disturbance[] = [
  { what: 'nothing', bound: 'what the rest of a job takes after its drawing' },
  {
    ...{ what: 'worker killed', part: 'worker' },
    bound: 'start of the worker, then ≤ 10 s until Temporal misses its heartbeat',
  },
  {
    ...{ what: 'ComfyUI killed', part: 'simulator' },
    bound:
      'its start, 3 looks of 0.25 s, retries after 0.25 to 5 s; drawn anew, which is not counted',
  },
  { what: 'socket lost', bound: 'looks of 0.25 s until it is connected again' },
  {
    ...{ what: 'Temporal killed', part: 'temporal' },
    bound: 'its start, connections and polls anew; ≤ 10 s where the answer of a stage was lost',
  },
  {
    ...{ what: 'PostgreSQL killed', part: 'postgres' },
    bound: 'its start and recovery, then retries after 0.1 to 5 s',
  },
];

async function dropSockets(comfyUrl: string): Promise<void> {
  const body = JSON.stringify({ kind: 'drop-sockets' });
  const answer = await fetch(`${comfyUrl}/sim/faults`, { method: 'POST', body });
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}`);
}

async function untilDrawing(comfyUrl: string, promptId: string): Promise<void> {
  for (;;) {
    const found = (await readExecutions(comfyUrl)).find((one) => one.promptId === promptId);
    if (found && !found.endedAt) return;
    if (found) throw new Error(`prompt ${promptId} was drawn before it was seen`);
    await delay(LOOK_MS);
  }
}

/** Asks until the job has its picture; an API that cannot answer for now is asked again. */
async function untilPicture(jobs: PictureJobs, jobId: string): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (performance.now() < deadline) {
    const job = await jobs.read(jobId).catch(() => undefined);
    if (job?.result.blobUrl) return;
    if (job && ['Failed', 'Expired', 'Deleted'].includes(job.lastEvent.type))
      throw new Error(`job ${jobId} ended as ${job.lastEvent.type}`);
    await delay(LOOK_MS);
  }
  throw new Error(`job ${jobId} had no picture ${GIVE_UP_MS / 1_000} s after the disturbance`);
}

/** Milliseconds from the disturbance to the picture at the client, less one drawing. */
async function disturb(
  stack: BenchStack,
  jobs: PictureJobs,
  { what, part }: Disturbance,
): Promise<number> {
  const [comfyUrl = ''] = stack.comfyUrls;
  const jobId = await postWhenWell(jobs);
  await untilDrawing(comfyUrl, promptIdFor(jobId, 1, 1));
  const disturbedAt = performance.now();
  if (part) process.kill(stack.pids[part] ?? Number.NaN, 'SIGKILL');
  else if (what === 'socket lost') await dropSockets(comfyUrl);
  await untilPicture(jobs, jobId);
  return performance.now() - disturbedAt - STEPS * STEP_MS;
}

/** POSTs a job once a whole one went through, so that everything is up again and warm; what is refused is sent again. */
async function postWhenWell(jobs: PictureJobs): Promise<string> {
  const deadline = performance.now() + GIVE_UP_MS;
  for (;;) {
    try {
      await jobs.draw();
      return await jobs.post();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(250);
    }
  }
}

export const recovery: Scenario = {
  name: 'recovery',
  about: 'worker, ComfyUI, Temporal, PostgreSQL killed and the socket cut while a picture is drawn',
  async run({ dir, engine, quick, size, room, say }) {
    const stack = await startBenchStack({
      ...{ dir: join(dir, 'recovery'), engine, room, say, restart: true },
      simulatorEnv: { SIM_STEP_MS: String(STEP_MS) },
    });
    try {
      const jobs = createPictureJobs(stack.url, size, { model: SD1, steps: STEPS });
      const took = new Map(DISTURBANCES.map((one) => [one, [] as number[]]));
      const rounds = quick ? 1 : 10;
      for (let round = 1; round <= rounds; round += 1) {
        const startedAt = performance.now();
        for (const [disturbance, times] of took) {
          const ms = await disturb(stack, jobs, disturbance);
          times.push(ms);
          say(`recovery: round ${round} of ${rounds}, ${disturbance.what}: ${ms.toFixed(0)} ms`);
        }
        const leftMs = STEADY_MS - (performance.now() - startedAt);
        if (round < rounds && leftMs > 0) await delay(leftMs);
      }
      return [...took].flatMap(([{ what, bound }, times]): Omit<Figure, 'scenario'>[] => [
        {
          what: `${what} while drawing → picture at the client, less the drawing, p50`,
          ...{ unit: 's', ours: median(times) / 1_000, note: `of ${times.length}; ${bound}` },
        },
        { what: '– p95', unit: 's', ours: quantile(times, 0.95) / 1_000 },
      ]);
    } finally {
      await stack.stop();
    }
  },
};
