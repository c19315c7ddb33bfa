import { setTimeout as delay } from 'node:timers/promises';
import { createCollections } from './collections.ts';
import type { Scenario } from './scenario.ts';
import { quantile, timed } from './statistics.ts';
import { atMost } from './table.ts';

const LOOK_MS = 250;

/** One POST of as many jobs as one may hold, and what can be seen of them meanwhile. */
export const largeBatch: Scenario = {
  name: 'batch',
  about: 'a batch of 1,000 jobs in one POST: accepted, read while it is drawn, completed',
  async run({ quick, size, stack: startStack, say }) {
    const { url } = await startStack();
    const clients = createCollections(url, size);
    const many = quick ? 50 : 1_000;
    await clients.submit(1);
    const startedAt = performance.now();
    const { token } = await clients.submit(many);
    const acceptedMs = performance.now() - startedAt;
    say(`batch: ${many} jobs accepted, now drawn`);
    const reads: number[] = [];
    const seen: number[] = [];
    while ((seen.at(-1) ?? 0) < many) {
      reads.push(
        await timed(async () => {
          const { jobs } = await clients.read(token);
          const lost = jobs.find(({ lastEvent }) => lastEvent.type === 'Failed');
          if (lost || jobs.length !== many) throw new Error(`lost: ${JSON.stringify(lost)}`);
          seen.push(jobs.filter(({ scheduled }) => !scheduled).length);
        }),
      );
      await delay(LOOK_MS);
    }
    const allMs = performance.now() - startedAt;
    return [
      { what: `batch of ${many} accepted`, unit: 'ms', ours: acceptedMs, aim: atMost(500) },
      { what: '– all ended', unit: 's', ours: allMs / 1_000 },
      { what: '– GET of its token meanwhile, p50', unit: 'ms', ours: quantile(reads, 0.5) },
      { what: '– GET of its token meanwhile, p95', unit: 'ms', ours: quantile(reads, 0.95) },
      {
        what: '– different counts of ended jobs seen',
        ...{ unit: '', ours: new Set(seen).size, note: `of ${seen.length} reads` },
      },
    ];
  },
};
