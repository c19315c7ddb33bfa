/** How long a server idles between two jobs while others wait. */
import { join } from 'node:path';
import { promptIdFor } from '../src/activities/prompt-id.ts';
import { startBenchStack } from './bench-stack.ts';
import { createComfyClient } from './comfy-client.ts';
import { createStraight, type Way } from './comfy-straight.ts';
import { readExecutions } from './executions.ts';
import { createPictureJobs, SD1 } from './picture-jobs.ts';
import type { Scenario } from './scenario.ts';
import { quantile } from './statistics.ts';
import { atMost, type Figure } from './table.ts';

const STEPS = 5;
const STEP_MS = 100;
/** What a gap may be above the simulator's own. */
const ABOVE_MS = 20;

/** The next start less the end before it, of the last `count` drawings; by the server's own clock. */
async function lastGaps(comfyUrl: string, count: number): Promise<number[]> {
  const drawn = (await readExecutions(comfyUrl)).slice(-count);
  return drawn.slice(1).map(({ startedAt }, index) => {
    const before = drawn[index]?.endedAt;
    return Date.parse(startedAt) - (before === undefined ? Number.NaN : Date.parse(before));
  });
}

export const idleGap: Scenario = {
  name: 'gap',
  about:
    'idle time of a server between jobs of a backlog, against prompts that all wait in its own queue',
  async run({ dir, engine, quick, size, room, say }) {
    const stack = await startBenchStack({
      ...{ dir: join(dir, 'gap'), engine, room, say },
      simulatorEnv: { SIM_STEP_MS: String(STEP_MS) },
    });
    try {
      const [comfyUrl = ''] = stack.comfyUrls;
      const jobs = createPictureJobs(stack.url, size, { model: SD1, steps: STEPS });
      const comfy = createComfyClient(comfyUrl);
      const { graph } = await comfy.drawn(promptIdFor(await jobs.draw(), 1, 1));
      const straight = createStraight(comfyUrl, graph);
      try {
        await jobs.drawAll(8);
        const throughApi: Way = (count) => jobs.drawAll(count);
        const [ours, theirs]: [number[], number[]] = [[], []];
        const count = quick ? 10 : 60;
        const turns = [
          ['through the API', ours, throughApi],
          ['straight', theirs, straight.atOnce],
          ['straight', theirs, straight.atOnce],
          ['through the API', ours, throughApi],
        ] as const;
        for (const [name, gaps, way] of quick ? turns.slice(0, 2) : turns) {
          await comfy.untilEmpty();
          say(`gap: ${count} pictures of ${STEPS * STEP_MS} ms, ${name}`);
          await way(count);
          gaps.push(...(await lastGaps(comfyUrl, count)));
        }
        return [0.5, 0.95, 1].map((part): Omit<Figure, 'scenario'> => {
          const reference = quantile(theirs, part);
          const name = part === 1 ? 'longest' : `p${part * 100}`;
          return {
            what: part === 0.5 ? `idle gap between jobs of a backlog, ${name}` : `– ${name}`,
            ...{ unit: 'ms', ours: quantile(ours, part), reference },
            ...(part === 1 ? {} : { aim: atMost(reference + ABOVE_MS) }),
            ...(part === 0.5 ? { note: 'reference: all prompts in the queue of the server' } : {}),
          };
        });
      } finally {
        await straight.close();
      }
    } finally {
      await stack.stop();
    }
  },
};
