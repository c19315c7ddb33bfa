import { describe, expect, it } from 'vitest';
import { createProgressMeter } from './progress.ts';

const graph = {
  '1': { class_type: 'CheckpointLoaderSimple', inputs: {} },
  '2': { class_type: 'KSampler', inputs: {} },
  '3': { class_type: 'SaveImage', inputs: {} },
};
const state = (nodeId: string, value: number, max: number, finished = false) =>
  ({ type: 'nodes', promptId: 'p', nodes: [{ nodeId, value, max, finished }] }) as const;

describe('createProgressMeter', () => {
  it('weighs the sampler above the other nodes and ends at 1', () => {
    const meter = createProgressMeter(graph);
    meter.take({ type: 'cached', promptId: 'p', nodes: ['1'] });
    expect(meter.take(state('2', 10, 20))).toEqual({ fraction: 11 / 22, node: '2' });
    meter.take(state('2', 20, 20, true));
    expect(meter.take(state('3', 1, 1, true))?.fraction).toBe(1);
  });

  it('never falls when a node starts over', () => {
    const meter = createProgressMeter(graph);
    const before = meter.take(state('2', 15, 20))?.fraction ?? 0;
    meter.take(state('2', 1, 20));
    expect(meter.current()?.fraction).toBe(before);
  });

  it('follows progress and executing of servers without progress_state', () => {
    const meter = createProgressMeter(graph);
    meter.take({ type: 'executing', promptId: 'p', nodeId: '1' });
    meter.take({ type: 'executing', promptId: 'p', nodeId: '2' });
    meter.take({ type: 'progress', promptId: 'p', nodeId: '2', value: 5, max: 20 });
    expect(meter.current()).toEqual({ fraction: 6 / 22, node: '2' });
  });

  it('shows only the running node of a graph it does not know, and never the end', () => {
    const meter = createProgressMeter(undefined);
    expect(meter.take(state('2', 10, 20))?.fraction).toBeCloseTo(0.475);
    expect(meter.take(state('2', 20, 20))?.fraction).toBeCloseTo(0.95);
  });

  it('says nothing when nothing changed', () => {
    const meter = createProgressMeter(graph);
    meter.take(state('2', 10, 20));
    expect(meter.take(state('2', 10, 20))).toBeUndefined();
  });
});
