import { setTimeout as delay } from 'node:timers/promises';
import { createCollections, sinceEnd } from './collections.ts';
import { pauseDrawing } from './pause-drawing.ts';
import { residentMb } from './process-usage.ts';
import type { Scenario } from './scenario.ts';
import { quantile } from './statistics.ts';
import { atMost } from './table.ts';

const POLLS_PER_JOB = 20;

/** How soon those who wait hear of the end, when very many wait. */
export const longPolls: Scenario = {
  name: 'polls',
  about: '2,000 open long polls on 100 jobs: from the end of a job to the answer',
  async run({ quick, size, stack: startStack, say }) {
    const { url, pids, comfyUrls } = await startStack();
    const clients = createCollections(url, size);
    const jobs = quick ? 5 : 100;
    const [comfyUrl = ''] = comfyUrls;
    await pauseDrawing(comfyUrl, true);
    const before = await residentMb(pids['api'] ?? 0);
    const collections = await Promise.all(Array.from({ length: jobs }, () => clients.submit(1)));
    say(`polls: ${jobs * POLLS_PER_JOB} long polls`);
    const open = collections.flatMap(({ token }) =>
      Array.from({ length: POLLS_PER_JOB }, async () => sinceEnd(await clients.wait(token))),
    );
    await delay(3_000);
    const held = await residentMb(pids['api'] ?? 0);
    await pauseDrawing(comfyUrl, false);
    const wakes = await Promise.all(open);
    return [
      {
        what: `${open.length} long polls: end of the job → answer, p50`,
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
