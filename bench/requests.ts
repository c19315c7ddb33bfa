import { runOpenLoop } from './open-loop.ts';
import { createPictureJobs } from './picture-jobs.ts';
import type { Scenario } from './scenario.ts';
import { quantile } from './statistics.ts';
import { atMost } from './table.ts';

const READ_JOBS = 20;

/** How long the API takes to acknowledge a job and to read one, at fixed rates. */
export const requests: Scenario = {
  name: 'requests',
  about: 'POST acknowledged at 10 requests/s; GET job at 200 requests/s',
  async run({ quick, size, stack: startStack, say }) {
    const stack = await startStack();
    const jobs = createPictureJobs(stack.url, size);
    const seconds = quick ? 2 : 15;
    await runOpenLoop({ perSecond: 10, seconds: 1, call: () => jobs.post() });
    say(`requests: ${10 * seconds} POSTs at 10 a second`);
    const posts = await runOpenLoop({ perSecond: 10, seconds, call: () => jobs.post() });
    const known = await Promise.all(Array.from({ length: READ_JOBS }, () => jobs.draw()));
    const read = (index: number) => jobs.read(known[index % known.length] ?? '');
    await runOpenLoop({ perSecond: 200, seconds: 1, call: read });
    say(`requests: ${200 * seconds} GETs at 200 a second`);
    const gets = await runOpenLoop({ perSecond: 200, seconds, call: read });
    return [
      { what: 'POST acknowledged at 10/s, p50', unit: 'ms', ours: quantile(posts, 0.5) },
      {
        what: 'POST acknowledged at 10/s, p95',
        unit: 'ms',
        ours: quantile(posts, 0.95),
        aim: atMost(25),
      },
      { what: 'GET job at 200/s, p50', unit: 'ms', ours: quantile(gets, 0.5) },
      { what: 'GET job at 200/s, p95', unit: 'ms', ours: quantile(gets, 0.95), aim: atMost(5) },
    ];
  },
};
