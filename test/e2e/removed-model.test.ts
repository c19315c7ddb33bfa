import { afterAll, beforeAll, describe } from 'vitest';
import { DEFAULT_MODELS } from '../../src/executors/simulator/models.ts';
import type { Executor } from '../../src/ports.ts';
import { executorFor } from '../simulator/comfy-harness.ts';
import { SD1 } from '../support/jobs.ts';
import { removedModelCases } from '../support/removed-model-cases.ts';
import { untilServerKnown } from '../support/server-known.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

describe('a checkpoint (the simulator)', () => {
  let stack: TestStack;
  let executor: Executor;
  beforeAll(async () => {
    stack = await startTestStack({ env: { COMFY_ROOM: '2' } });
    // Nothing here is drawn to its end.
    stack.simulator.pauseDrawing(true);
    executor = executorFor(stack.simulator.url);
    await untilServerKnown(stack);
  });
  afterAll(async () => {
    await executor.close();
    await stack.stop();
  });

  const setCheckpoints = async (...further: string[]): Promise<void> => {
    const { checkpoints = [] } = DEFAULT_MODELS;
    const models = { ...DEFAULT_MODELS, checkpoints: [...checkpoints, ...further] };
    const response = await fetch(`${stack.simulator.url}/sim/models`, {
      method: 'POST',
      body: JSON.stringify(models),
    });
    if (!response.ok) throw new Error(`/sim/models: ${response.status} ${await response.text()}`);
  };

  removedModelCases(() => ({
    stack,
    executor,
    add: (fileName) => setCheckpoints(fileName),
    remove: () => setCheckpoints(),
    removeBeforeLoading: async (fileName) => {
      await setCheckpoints();
      stack.simulator.fault({
        kind: 'fail-node',
        classType: 'CheckpointLoaderSimple',
        exceptionType: 'FileNotFoundError',
        message: `Model in folder 'checkpoints' with filename '${fileName}' not found.`,
      });
    },
    model: SD1,
    slow: { steps: 1 },
  }));
});
