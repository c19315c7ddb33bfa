/** The same operations that the simulator draws, on a real ComfyUI; and a refiner's graph, with SD1.5 in both parts. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXAMPLE_GENERATIONS } from '../fixtures/generations.ts';
import { buildGraph } from '../../src/ecosystems/index.ts';
import { operationCases } from '../support/operation-cases.ts';
import type { TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { executorOf, readRealServer, registerResources, startRealStack } from './real-server.ts';

const server = readRealServer(process.env);
const MODEL = 'urn:air:sd1:checkpoint:civitai:900001@900001';
const LORA = 'urn:air:sd1:lora:civitai:900002@900002';
const UPSCALER = 'urn:air:other:upscaler:civitai:900004@900004';
const RESOURCES = [
  { air: MODEL, type: 'Checkpoint', fileName: server.checkpoint },
  { air: LORA, type: 'LORA', fileName: server.lora },
  { air: UPSCALER, type: 'Upscaler', fileName: server.upscaler },
  {
    air: 'urn:air:sd1:controlnet:civitai:900005@900005',
    type: 'Controlnet',
    fileName: server.controlNet,
    // No request names it: this is how it is found.
    tags: ['canny'],
  },
];

describe('operations of the real ComfyUI', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startRealStack(server);
    await registerResources(stack.url, RESOURCES);
  });
  afterAll(() => stack.stop());

  operationCases(() => ({
    ...{ url: stack.url, model: MODEL, lora: LORA, upscaler: UPSCALER },
    patienceMs: 280_000,
  }));

  it('a refiner takes over the noise that the first model leaves', async () => {
    const executor = executorOf(server);
    const { generation } = EXAMPLE_GENERATIONS['sdxl-refiner'];
    const graph = buildGraph(
      { ...generation, ...{ networks: [], width: 128, height: 128, steps: 4, clipSkip: 1 } },
      {
        checkpoint: { folder: 'checkpoints', name: server.checkpoint },
        networks: [],
        refiner: server.checkpoint,
      },
      `test/${randomUUID()}`,
    );
    const promptId = randomUUID();
    try {
      await executor.submit({ promptId, graph, traceId: '' }, AbortSignal.timeout(60_000));
      const { state } = await until(
        'it ended',
        async () => {
          const found = await executor.find(promptId);
          return !['absent', 'queued', 'running'].includes(found.state) && found;
        },
        120_000,
      );
      expect(state).toBe('succeeded');
    } finally {
      await executor.close();
    }
  });
});
