import { describe, expect, it, onTestFinished } from 'vitest';
import { OrchestratorError } from '../errors.ts';
import type { Executor, FleetReport, FleetReporter, ServerReport } from '../ports.ts';
import { silentLogger } from '../telemetry.ts';
import { createFleetWatch, watchedExecutor } from './fleet-watch.ts';

const LISTS = { files: { checkpoints: ['a'] }, nodeClasses: ['N'], listsHash: 'h1' };
const UP: ServerReport = { serverId: 'a', reachable: true, ...LISTS };
const DOWN: ServerReport = { serverId: 'a', reachable: false, error: 'no answer' };
const WORKER = { id: 'w', startedAt: '2026-01-01T00:00:00.000Z' };
const unreachable = new OrchestratorError('server_unreachable', 'gone', { retryable: true });

/** A watch whose next probe by the clock is an hour away: what it reports, it was told to. */
function setUp(answers: { wantsLists: boolean; changed: boolean }[] = []) {
  let state = UP;
  let forgotten = 0;
  const sent: (FleetReport | 'left')[] = [];
  const arrivals = new Map<number, () => void>();
  const note = (one: FleetReport | 'left'): void => {
    sent.push(one);
    arrivals.get(sent.length)?.();
  };
  const executor = {
    serverId: 'a',
    probe: async () => state,
    forgetLists: () => void (forgotten += 1),
    submit: () => Promise.reject(unreachable),
    bootId: async () => 'b1',
  } as unknown as Executor;
  const reporter: FleetReporter = {
    report: async (report) => {
      note(report);
      return answers.shift() ?? { wantsLists: false, changed: false };
    },
    reportDrawn: async () => undefined,
    leave: async () => note('left'),
  };
  let changes = 0;
  const watch = createFleetWatch({
    executor,
    reporter,
    settings: { pool: 'p', room: 'auto', vramBytes: 1 },
    worker: WORKER,
    everyMs: 3_600_000,
    logger: silentLogger,
    onChange: () => void (changes += 1),
  });
  onTestFinished(() => watch.close());
  return {
    watch,
    executor,
    sent,
    /** Resolves when so many reports and leaves have been made. */
    arrived: (count: number) =>
      sent.length >= count
        ? Promise.resolve()
        : new Promise<void>((resolve) => arrivals.set(count, resolve)),
    becomes: (next: ServerReport) => void (state = next),
    changes: () => changes,
    forgotten: () => forgotten,
  };
}
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the watch of a server', () => {
  it('sends the lists only when they are wanted', async () => {
    const { sent, arrived, changes } = setUp([{ wantsLists: true, changed: false }]);
    await arrived(2);
    await settle();
    const settings = { pool: 'p', room: 'auto', vramBytes: 1, worker: WORKER };
    const { files: _f, nodeClasses: _n, ...light } = UP;
    expect(sent).toEqual([
      { ...light, ...settings },
      { ...UP, ...settings },
    ]);
    expect(changes()).toBe(0);
  });

  it('asks at once when a submit cannot reach the server, and not again while that is known', async () => {
    const { watch, executor, sent, arrived, becomes, changes } = setUp([
      { wantsLists: false, changed: true },
      { wantsLists: false, changed: true },
    ]);
    await arrived(1);
    await settle();
    becomes(DOWN);
    const submitting = watchedExecutor(executor, watch).submit({
      promptId: 'x',
      graph: {},
      traceId: '',
    });
    await expect(submitting).rejects.toBe(unreachable);
    await arrived(2);
    await settle();
    expect(sent[1]).toMatchObject(DOWN);
    expect(changes()).toBe(2);
    watch.noteFailure(unreachable);
    await settle();
    expect(sent).toHaveLength(2);
  });

  it('asks at once when a server that is down answers somebody, and not while it is up', async () => {
    const { watch, executor, sent, arrived, becomes } = setUp();
    await arrived(1);
    await settle();
    const watched = watchedExecutor(executor, watch);
    await watched.bootId();
    await settle();
    expect(sent).toHaveLength(1);
    becomes(DOWN);
    watch.noteFailure(unreachable);
    await arrived(2);
    await settle();
    becomes(UP);
    await watched.bootId();
    await arrived(3);
    expect(sent[2]).toMatchObject({ reachable: true });
  });

  it('reads the lists anew when the server misses a file, and for no other failure', async () => {
    const { watch, arrived, forgotten } = setUp();
    await arrived(1);
    await settle();
    watch.noteFailure(new OrchestratorError('graph_refused', 'x'));
    watch.noteFailure(new Error('x'));
    expect(forgotten()).toBe(0);
    watch.noteFailure(new OrchestratorError('model_missing', 'x'));
    expect(forgotten()).toBe(1);
    await arrived(2);
  });

  it('reports no more once it has left', async () => {
    const { watch, sent, arrived } = setUp();
    await arrived(1);
    await settle();
    await watch.leave();
    watch.noteFailure(unreachable);
    watch.noteFailure(new OrchestratorError('model_missing', 'x'));
    watch.noteAnswer();
    await settle();
    expect(sent.slice(1)).toEqual(['left']);
  });
});
