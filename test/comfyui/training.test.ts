/** A LoRA trained by the real ComfyUI. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestStack } from '../support/stack.ts';
import { trained } from '../support/training-case.ts';
import { readRealServer, registerResources, startRealStack } from './real-server.ts';

const server = readRealServer(process.env);
const MODEL = 'urn:air:sd1:checkpoint:civitai:900001@900001';

let stack: TestStack;
beforeAll(async () => {
  stack = await startRealStack(server);
  await registerResources(stack.url, [
    { air: MODEL, type: 'Checkpoint', fileName: server.checkpoint },
  ]);
});
afterAll(() => stack.stop());

it('trains a LoRA and gives its file', async () => {
  const { result, tensors } = await trained(stack, MODEL, 280_000);
  expect(result.blobKey).toMatch(/\.bin$/);
  expect(tensors.filter((name) => name.includes('lora')).length).toBeGreaterThan(10);
});
