/** How soon a cancelled job is gone, wherever it is. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promptIdFor } from '../src/activities/prompt-id.ts';
import { jobWorkflowId } from '../src/domain/naming.ts';
import { startBenchStack, type BenchStack } from './bench-stack.ts';
import { readExecutions } from './executions.ts';
import { createPictureJobs, readOk, SD1 } from './picture-jobs.ts';
import type { Scenario } from './scenario.ts';
import { quantile } from './statistics.ts';
import { atMost, type Figure } from './table.ts';

/** One is drawn and one waits in the server's own queue; the third waits for a server. */
const ROOM = 2;
/** Nothing is drawn to its end: 30 s. */
const STEPS = 150;
const STEP_MS = 200;
const LOOK_MS = 5;
const QUEUED_MS = 200;
const FREED_MS = 1_000;

async function untilTrue(what: string, check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`waited 60 s in vain: ${what}`);
    await delay(LOOK_MS);
  }
}

interface Queue {
  readonly queue_pending: readonly (readonly [number, string])[];
}

/** What is seen of jobs from outside. */
function createViews({ url, comfyUrls, sql, bare }: BenchStack) {
  const [comfyUrl = ''] = comfyUrls;
  const promptOf = (jobId: string): string => promptIdFor(jobId, 1, 1);
  const isPending = async (jobId: string): Promise<boolean> => {
    const queue = (await (await readOk(await fetch(`${comfyUrl}/queue`))).json()) as Queue;
    return queue.queue_pending.some(([, promptId]) => promptId === promptOf(jobId));
  };
  const executionOf = async (jobId: string) =>
    (await readExecutions(comfyUrl)).find(({ promptId }) => promptId === promptOf(jobId));
  return {
    isPending,
    isDrawn: async (jobId: string) => {
      const found = await executionOf(jobId);
      return found !== undefined && !found.endedAt;
    },
    isFreed: async (jobId: string) => (await executionOf(jobId))?.endedAt !== undefined,
    /** It has asked for a server. */
    isWaiting: async (jobId: string) =>
      (await sql`select from job_runs where job_id = ${jobId}`).count > 0,
    /** Its row says so, and Temporal has closed its run. */
    async isGone(jobId: string): Promise<boolean> {
      const rows = await sql`select from jobs where id = ${jobId} and state = 'canceled'`;
      if (rows.count === 0) return false;
      const { status } = await bare.client.workflow.getHandle(jobWorkflowId(jobId)).describe();
      return status.name !== 'RUNNING';
    },
    cancel: async (jobId: string) => {
      await readOk(await fetch(`${url}/v1/consumer/jobs/${jobId}`, { method: 'DELETE' }));
    },
  };
}

export const cancels: Scenario = {
  name: 'cancel',
  about: 'DELETE of a job that waits, is in the server’s queue, is drawn: until it is gone',
  async run({ dir, engine, quick, size, say }) {
    const stack = await startBenchStack({
      ...{ dir: join(dir, 'cancel'), engine, room: ROOM, say },
      simulatorEnv: { SIM_STEP_MS: String(STEP_MS) },
    });
    try {
      const jobs = createPictureJobs(stack.url, size, { model: SD1, steps: STEPS });
      const views = createViews(stack);
      const took = { answered: [], waiting: [], pending: [], freed: [], drawn: [] } as Record<
        'answered' | 'waiting' | 'pending' | 'freed' | 'drawn',
        number[]
      >;
      /** Milliseconds from the DELETE until each is so. */
      const timeCancel = async (
        jobId: string,
        ...goals: readonly (readonly [number[], (jobId: string) => Promise<boolean>])[]
      ): Promise<void> => {
        const calledAt = performance.now();
        const answered = views.cancel(jobId).then(() => {
          took.answered.push(performance.now() - calledAt);
        });
        const reached = goals.map(async ([times, check]) => {
          await untilTrue(`job ${jobId} is cancelled`, () => check(jobId));
          times.push(performance.now() - calledAt);
        });
        await Promise.all([answered, ...reached]);
      };
      const round = async (): Promise<void> => {
        const drawn = await jobs.post();
        await untilTrue('the first is drawn', () => views.isDrawn(drawn));
        const pending = await jobs.post();
        await untilTrue('the second is in the queue', () => views.isPending(pending));
        const waiting = await jobs.post();
        await untilTrue('the third waits for a server', () => views.isWaiting(waiting));
        await timeCancel(waiting, [took.waiting, views.isGone]);
        await timeCancel(pending, [took.pending, views.isGone]);
        await timeCancel(drawn, [took.freed, views.isFreed], [took.drawn, views.isGone]);
      };
      const rounds = quick ? 3 : 40;
      await round();
      for (const times of Object.values(took)) times.length = 0;
      say(`cancel: ${rounds} rounds`);
      for (let index = 0; index < rounds; index += 1) await round();
      const rows = (what: string, times: readonly number[], limit?: number) =>
        [0.5, 0.95].map((part): Omit<Figure, 'scenario'> => ({
          what: part === 0.5 ? `${what}, p50` : '– p95',
          ...{ unit: 'ms', ours: quantile(times, part) },
          ...(limit === undefined ? {} : { aim: atMost(limit) }),
        }));
      return [
        ...rows('DELETE answered', took.answered),
        ...rows('DELETE → gone, of a job that waits for a server', took.waiting, QUEUED_MS),
        ...rows('DELETE → gone, of one in the queue of its server', took.pending, QUEUED_MS),
        ...rows('DELETE → GPU freed, of one that is drawn', took.freed, FREED_MS),
        ...rows('DELETE → gone, of one that is drawn', took.drawn),
      ];
    } finally {
      await stack.stop();
    }
  },
};
