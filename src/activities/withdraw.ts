import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type { Lease } from '../domain/job.ts';
import type { Executor } from '../ports.ts';
import type { PromptLocks } from './prompt-locks.ts';

/**
 * Takes exactly this prompt off the server: out of the queue, or interrupted when it is the one that runs. Idempotent;
 * a prompt the server does not know is gone already.
 */
export const createWithdraw =
  ({ executor, locks }: { readonly executor: Executor; readonly locks: PromptLocks }) =>
  async (lease: Lease): Promise<void> => {
    heartbeat();
    await locks.run(lease.promptId, () => executor.withdraw(lease.promptId, cancellationSignal()));
  };
