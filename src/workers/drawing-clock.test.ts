import { describe, expect, it } from 'vitest';
import type { Lease } from '../domain/job.ts';
import { createMetricsExporter } from '../metrics/exporter.ts';
import type { PromptState } from '../ports.ts';
import { silentLogger } from '../telemetry.ts';
import { createDrawingClock } from './drawing-clock.ts';

const leaseOf = (promptId: string, change: Partial<Lease> = {}): Lease => ({
  jobId: 'job',
  runId: 'run',
  runIndex: 1,
  attempt: 1,
  serverId: 'a',
  promptId,
  reason: 'room',
  grantedAt: '',
  traceId: '',
  model: 'm1',
  waitingSince: new Date(0).toISOString(),
  ...change,
});
const drawn = (executionMs: number): PromptState => ({
  state: 'succeeded',
  outputs: [],
  executionMs,
  cachedNodes: 0,
});

function setUp() {
  const time = { now: 1_000 };
  const metrics = createMetricsExporter('worker-gpu', silentLogger, () => time.now);
  const clock = createDrawingClock(metrics, 'p', () => time.now);
  const value = async (name: string): Promise<string | undefined> =>
    new RegExp(`^orchestrator_server_${name} (.*)$`, 'm').exec(await metrics.render())?.[1];
  return { time, clock, value };
}
const A = '{server="a",pool="p"}';

describe('the clock of drawings', () => {
  it('counts the time that the server says it drew, once for each prompt', async () => {
    const { time, clock, value } = setUp();
    time.now = 5_000;
    clock.onDrawn(leaseOf('1'), drawn(2_000));
    clock.onDrawn(leaseOf('1'), drawn(2_000));
    expect(await value(`drawing_seconds_total${A}`)).toBe('2');
    expect(await value('drawings_total{server="a",pool="p",outcome="succeeded"}')).toBe('1');
  });

  it('lets the busy time grow while a long drawing goes on, and ends at its length', async () => {
    const { time, clock, value } = setUp();
    clock.onProgress(leaseOf('1'));
    time.now += 600_000;
    clock.onProgress(leaseOf('1'));
    expect(await value(`drawing_seconds_total${A}`)).toBe('600');
    time.now += 60_000;
    clock.onDrawn(leaseOf('1'), drawn(661_000));
    time.now += 60_000;
    expect(await value(`drawing_seconds_total${A}`)).toBe('661');
  });

  it('counts a failed drawing from the moment it was seen to begin', async () => {
    const { time, clock, value } = setUp();
    clock.onProgress(leaseOf('1'));
    time.now += 3_000;
    clock.onDrawn(leaseOf('1'), { state: 'interrupted' });
    expect(await value(`drawing_seconds_total${A}`)).toBe('3');
  });

  it('takes the time between two drawings as a gap only when the next one had been waiting', async () => {
    const { time, clock, value } = setUp();
    time.now = 10_000;
    clock.onDrawn(leaseOf('1'), drawn(1_000));
    time.now = 13_000;
    clock.onDrawn(leaseOf('2'), drawn(1_000));
    expect(await value(`idle_gap_seconds_sum${A}`)).toBe('2');
    time.now = 90_000;
    const late = leaseOf('3', { waitingSince: new Date(80_000).toISOString() });
    clock.onDrawn(late, drawn(1_000));
    time.now = 95_000;
    const { waitingSince: _, ...unknown } = leaseOf('4');
    clock.onDrawn(unknown, drawn(1_000));
    expect(await value(`idle_gap_seconds_count${A}`)).toBe('1');
  });

  it('tells warm drawings from those that had to load another model, per server', async () => {
    const { clock, value } = setUp();
    const models = ['m1', 'm1', 'm2', 'm1'];
    for (const [index, model] of models.entries())
      clock.onDrawn(leaseOf(String(index), { model }), drawn(1));
    clock.onDrawn(leaseOf('other', { serverId: 'b' }), drawn(1));
    expect(await value('model_uses_total{server="a",pool="p",model="warm"}')).toBe('1');
    expect(await value('model_uses_total{server="a",pool="p",model="swap"}')).toBe('3');
    expect(await value('model_uses_total{server="b",pool="p",model="swap"}')).toBe('1');
  });
});
