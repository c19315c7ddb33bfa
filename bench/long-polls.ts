import { setTimeout as delay } from 'node:timers/promises';
import { createCollections, sinceEnd } from './collections.ts';
import { pauseDrawing } from './pause-drawing.ts';
import { residentMb } from './process-usage.ts';
import type { Scenario } from './scenario.ts';
import { quantile } from './statistics.ts';
import { atMost } from './table.ts';

const POLLS_PER_JOB = 20;
const JOBS = 100;
const WARM_UP_JOBS = 30;

/** How soon those who wait hear of the end, when very many wait. */
export const longPolls: Scenario = {
  name: 'polls',
  about: '2,000 open long polls on 100 jobs: from the end of a job to the answer',
  async run({ quick, size, stack: startStack, say }) {
    const { url, pids, comfyUrls } = await startStack();
    const clients = createCollections(url, size);
    const [comfyUrl = ''] = comfyUrls;
    const round = async (count: number) => {
      await pauseDrawing(comfyUrl, true);
      const before = await residentMb(pids['api'] ?? 0);
      const collections = await Promise.all(Array.from({ length: count }, () => clients.submit(1)));
      say(`polls: ${count * POLLS_PER_JOB} long polls`);
      const open = collections.flatMap(({ token }) =>
        Array.from({ length: POLLS_PER_JOB }, async () => sinceEnd(await clients.wait(token))),
      );
      await delay(3_000);
      const held = await residentMb(pids['api'] ?? 0);
      await pauseDrawing(comfyUrl, false);
      return { before, held, wakes: await Promise.all(open) };
    };
    // Code that has never run takes several times as long, in the API and in this client.
    await round(quick ? 1 : WARM_UP_JOBS);
    const { before, held, wakes } = await round(quick ? 5 : JOBS);
    return [
      {
        what: `${wakes.length} long polls: end of the job → answer, p50`,
        unit: 'ms',
        ours: quantile(wakes, 0.5),
      },
      { what: '– p95', unit: 'ms', ours: quantile(wakes, 0.95), aim: atMost(100) },
      {
        what: '– memory of the API while all are open, before',
        unit: 'MB',
        ours: held,
        reference: before,
      },
    ];
  },
};
