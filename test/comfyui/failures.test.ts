/** What the product does when a real ComfyUI is restarted, or loses a model file. */
import { exec } from 'node:child_process';
import { link, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import type { Executor } from '../../src/ports.ts';
import { postJobs, untilState } from '../support/jobs.ts';
import { registerCheckpoint, removedModelCases } from '../support/removed-model-cases.ts';
import type { TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { executorOf, readRealServer, startRealStack } from './real-server.ts';

const server = readRealServer(process.env);
const SLOW = { width: 256, height: 256, steps: 40 };

let stack: TestStack;
let executor: Executor;
let model: string;
beforeAll(async () => {
  stack = await startRealStack(server);
  executor = executorOf(server);
  model = await registerCheckpoint(stack.url, server.checkpoint);
});
afterAll(async () => {
  await executor.close();
  await stack.stop();
});

describe.skipIf(server.restart === undefined)(
  'the real ComfyUI, restarted by COMFY_REAL_RESTART',
  () => {
    it('while it draws: the job finishes', async () => {
      const params = { prompt: 'a lighthouse', cfgScale: 7, seed: 7, ...SLOW, steps: 10 };
      const posted = await postJobs(stack.url, { $type: 'textToImage', model, params });
      const jobId = posted.jobIds[0] ?? '';
      await until('it is drawn', async () => {
        const { state } = await executor.find(promptIdFor(jobId, 1, 1));
        return state === 'running';
      });
      await promisify(exec)(server.restart ?? '', { timeout: 120_000 });
      const row = await untilState(stack, jobId, 'succeeded', 240_000);
      expect(row).toMatchObject({ runIndex: 1, attempt: 2 });
      expect(row.outputs).toMatchObject([{ width: SLOW.width, height: SLOW.height }]);
    });
  },
);

describe.skipIf(server.models === undefined)(
  'a checkpoint of the real ComfyUI, in COMFY_REAL_MODELS',
  () => {
    const folder = join(server.models ?? '', 'checkpoints');
    const added: string[] = [];
    const remove = (fileName: string): Promise<void> => rm(join(folder, fileName), { force: true });
    afterAll(async () => {
      for (const fileName of added) await remove(fileName);
    });

    removedModelCases(() => ({
      stack,
      executor,
      add: async (fileName) => {
        added.push(fileName);
        await link(join(folder, server.checkpoint), join(folder, fileName));
      },
      remove,
      removeBeforeLoading: remove,
      model,
      slow: SLOW,
    }));
  },
);
