import { expect, it } from 'vitest';
import { silentMetrics } from '../metrics/silent-metrics.ts';
import { silentLogger } from '../telemetry.ts';
import { createCallbackStarter } from './callback-starter.ts';

/** Streams `a` to `j` of which Temporal was not told; `refused` are those that it does not take. */
async function passOver(refused: readonly string[]): Promise<string[]> {
  const untold = new Set('abcdefghij');
  let passes = 0;
  const starter = createCallbackStarter({
    outbox: {
      listUntold: async (cursor, limit) =>
        [...untold]
          .filter((id) => id > cursor)
          .slice(0, limit)
          .map((id) => ({ id, tenant: 'local', wanted: 1, isUrgent: false })),
      listForgotten: async () => {
        passes += 1;
        return [];
      },
      markTold: async ({ id }) => void untold.delete(id),
    },
    runs: {
      tell: async ({ streamId }) => {
        if (refused.includes(streamId)) throw new Error('refused');
      },
    },
    wakeups: { on: () => () => undefined },
    pollMs: 600_000,
    logger: silentLogger,
    metrics: silentMetrics,
  });
  await expect.poll(() => passes).toBe(1);
  await starter.close();
  return [...untold];
}

it('one callback of which Temporal cannot be told keeps no others back', async () => {
  expect(await passOver(['b'])).toEqual(['b']);
});

it('while Temporal takes none, the rest is left to the next pass', async () => {
  const all = [...'abcdefghij'];
  expect(await passOver(all)).toEqual(all);
});
