import { CancellationScope } from '@temporalio/workflow';
import type { Lease } from '../domain/job.ts';
import { patientWithdrawProxy, recordProxy } from './proxies.ts';

/**
 * Takes a prompt off a server whose job no longer wants it, however long the server stays away, and only then frees the
 * room: the server gets no new lease in its place before.
 */
export async function withdrawWorkflow(lease: Lease): Promise<void> {
  try {
    await patientWithdrawProxy(lease.serverId).withdraw(lease);
  } finally {
    await CancellationScope.nonCancellable(() => recordProxy().releaseLease(lease));
  }
}
