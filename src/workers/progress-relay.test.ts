import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ProgressReport } from '../ports.ts';
import { silentLogger } from '../telemetry.ts';
import { createProgressRelay } from './progress-relay.ts';

const lease = { serverId: 'gpu-1', promptId: '5471d64f-c8e0-57cd-9b23-3a17979a6ea1' };
const preview = { contentType: 'image/jpeg' as const, bytes: new Uint8Array([1]) };

describe('the progress relay', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const start = (report: (sent: ProgressReport) => Promise<void> = async () => undefined) => {
    const sent: ProgressReport[] = [];
    const relay = createProgressRelay({
      reporter: {
        reportProgress: (one) => {
          sent.push(one);
          return report(one);
        },
      },
      logger: silentLogger,
    });
    return { relay, sent };
  };

  it('says nothing of a drawing that takes less than a second', async () => {
    const { relay, sent } = start();
    relay.progress(lease, { fraction: 0.1 });
    await vi.advanceTimersByTimeAsync(999);
    relay.end(lease);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toEqual([]);
  });

  it('sends the newest once a second, each preview once', async () => {
    const { relay, sent } = start();
    relay.progress(lease, { fraction: 0.1 });
    relay.preview(lease, preview);
    relay.progress(lease, { fraction: 0.2, node: '3' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual([{ ...lease, fraction: 0.2, node: '3', preview }]);
    for (let step = 3; step < 10; step += 1) {
      relay.progress(lease, { fraction: step / 10 });
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(300);
    expect(sent.slice(1)).toEqual([{ ...lease, fraction: 0.9 }]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(sent).toHaveLength(2);
  });

  it('waits for a slow report before the next, and goes on after one that failed', async () => {
    let fail: (error: Error) => void = () => undefined;
    const { relay, sent } = start(() => new Promise<void>((_, reject) => (fail = reject)));
    relay.progress(lease, { fraction: 0.1 });
    await vi.advanceTimersByTimeAsync(1_000);
    relay.progress(lease, { fraction: 0.2 });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(sent).toHaveLength(1);
    fail(new Error('the API is away'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent.map(({ fraction }) => fraction)).toEqual([0.1, 0.2]);
  });
});
