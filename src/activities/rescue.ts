import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type { RescuedResult } from '../domain/job.ts';
import type { RescueInput } from './activity-types.ts';
import { startPulse } from './pulse.ts';
import type { PromptLocks } from './prompt-locks.ts';
import {
  isBadOutput,
  outputFiles,
  predictedOutputs,
  storeOutputs,
  type StoreDeps,
} from './store-outputs.ts';

/**
 * Takes the prompt of a given-up attempt off its server, and stores its pictures when it was through by then: by the
 * server's history, or after a restart by the names of its files. Idempotent, like withdraw and collect. Null when there
 * is nothing to keep.
 */
export const createRescue =
  (deps: StoreDeps & { readonly locks: PromptLocks }) =>
  async (input: RescueInput): Promise<RescuedResult | null> => {
    const { lease } = input;
    const pulse = startPulse(() => heartbeat());
    const signal = cancellationSignal();
    try {
      const state = await deps.locks.run(lease.promptId, async () => {
        await deps.executor.withdraw(lease.promptId, signal);
        return deps.executor.find(lease.promptId, signal);
      });
      const files =
        state.state === 'succeeded'
          ? outputFiles(state.outputs, input.expectedOutputs)
          : state.state === 'absent'
            ? predictedOutputs(input)
            : [];
      if (files.length < Math.max(1, input.expectedOutputs)) return null;
      const isNamed = input.expectedOutputs === 0;
      const outputs = await storeOutputs(deps, lease, files, signal, isNamed);
      return { attempt: lease.attempt, outputs };
    } catch (error) {
      if (isBadOutput(error)) return null;
      throw error;
    } finally {
      pulse.stop();
    }
  };
