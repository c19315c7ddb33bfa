import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Lease } from '../domain/job.ts';
import { silentMetrics } from '../metrics/silent-metrics.ts';
import { silentLogger } from '../telemetry.ts';
import { createGrantWatch } from './grant-watch.ts';

const leaseOf = (promptId: string): Lease => ({
  ...{ jobId: promptId, runId: 'r', runIndex: 1, attempt: 1, serverId: 'a', promptId, model: 'm' },
  ...{ reason: 'room', traceId: 't', grantedAt: '2026-01-01T00:00:00.000Z' },
});

describe('a watch of grants', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('tells each run, and one that does not wait for its lease less and less often', async () => {
    let untaken = [leaseOf('slow'), leaseOf('lost')];
    const told: string[] = [];
    const watch = createGrantWatch({
      leases: { listUntaken: async () => untaken },
      deliver: async ({ promptId }) => {
        told.push(promptId);
        if (promptId === 'lost') untaken = untaken.filter((lease) => lease.promptId !== 'lost');
        return promptId === 'lost';
      },
      ...{ logger: silentLogger, metrics: silentMetrics },
    });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told.filter((promptId) => promptId === 'lost')).toHaveLength(1);
    // At 0, 4, 12, 28 and 60 seconds; a look is up to a second late.
    const slow = told.filter((promptId) => promptId === 'slow').length;
    expect(slow).toBeGreaterThanOrEqual(4);
    expect(slow).toBeLessThanOrEqual(5);
    // One that comes back is a new one.
    untaken = [];
    await vi.advanceTimersByTimeAsync(2_000);
    untaken = [leaseOf('slow')];
    await vi.advanceTimersByTimeAsync(2_000);
    expect(told.filter((promptId) => promptId === 'slow')).toHaveLength(slow + 1);
    await watch.close();
  });
});
