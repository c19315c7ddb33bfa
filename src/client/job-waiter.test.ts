import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JobRow } from '../db/job-row.ts';
import type { JobState } from '../domain/job.ts';
import { createJobWaiter } from './job-waiter.ts';

const row = (id: string, state: JobState = 'running') => ({ id, state }) as JobRow;

/** A waiter over rows that the test changes, and a count of what it reads. */
function createScene(...ids: string[]) {
  const states = new Map<string, JobState>(ids.map((id) => [id, 'running']));
  let listener: (ids: readonly string[]) => void = () => undefined;
  const reads = { load: 0, listEnded: 0 };
  const rows = (): JobRow[] => [...states].map(([id, state]) => row(id, state));
  const waiter = createJobWaiter({
    wakeups: { on: (_channel, given) => ((listener = given), () => undefined) },
    listEnded: async (asked) => {
      reads.listEnded += 1;
      return asked.filter((id) => states.get(id) !== 'running');
    },
  });
  return {
    reads,
    end: (id: string) => states.set(id, 'succeeded'),
    tell: (...told: string[]) => listener(told),
    wait: (change: { timeoutMs?: number; signal?: AbortSignal; rows?: JobRow[] } = {}) =>
      waiter.waitForEnd({
        rows: rows(),
        timeoutMs: 600_000,
        load: async () => {
          reads.load += 1;
          return rows();
        },
        ...change,
      }),
  };
}

describe('a wait for jobs', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('reads nothing when all have ended already', async () => {
    const scene = createScene('a');
    expect(await scene.wait({ rows: [row('a', 'failed')] })).toEqual([row('a', 'failed')]);
    expect(scene.reads).toEqual({ load: 0, listEnded: 0 });
  });

  it('ends with the last job that is told of, and reads the rows once', async () => {
    const scene = createScene('a', 'b', 'c');
    const ended = scene.wait();
    for (const id of ['b', 'c', 'a']) {
      scene.end(id);
      scene.tell(id, 'somebody-else');
    }
    expect((await ended).map(({ state }) => state)).toEqual(Array(3).fill('succeeded'));
    expect(scene.reads).toEqual({ load: 1, listEnded: 0 });
  });

  it('ends though nobody tells, by one look a second for all that wait', async () => {
    const scene = createScene('a', 'b');
    const waits = [scene.wait(), scene.wait(), scene.wait({ rows: [row('b')] })];
    scene.end('a');
    scene.end('b');
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all(waits);
    expect(scene.reads.listEnded).toBe(1);
  });

  it('asks at once when anything may have been missed', async () => {
    const scene = createScene('a');
    const ended = scene.wait();
    scene.end('a');
    scene.tell();
    expect(await ended).toEqual([row('a', 'succeeded')]);
  });

  it('goes on when it was told too early, as a cancel is', async () => {
    const scene = createScene('a');
    const ended = scene.wait();
    scene.tell('a');
    await vi.advanceTimersByTimeAsync(100);
    scene.end('a');
    scene.tell('a');
    expect(await ended).toEqual([row('a', 'succeeded')]);
  });

  it('gives the rows as they are when the time is up or the caller goes away', async () => {
    const scene = createScene('a');
    const caller = new AbortController();
    const waits = [scene.wait({ timeoutMs: 5_000 }), scene.wait({ signal: caller.signal })];
    caller.abort();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await Promise.all(waits)).toEqual([[row('a')], [row('a')]]);
    const before = scene.reads.listEnded;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(scene.reads.listEnded).toBe(before);
  });
});
