import { CancellationScope, getExternalWorkflowHandle } from '@temporalio/workflow';
import type { Lease, Salvage } from '../domain/job.ts';
import { FOUND_SIGNAL, jobWorkflowId } from '../domain/naming.ts';
import { patientRescueProxy, patientWithdrawProxy, recordProxy } from './proxies.ts';

/**
 * Takes a prompt off a server whose job no longer wants it, however long the server stays away, and only then frees the
 * room: the server gets no new lease in its place before. With `salvage` the attempt was given up and the job goes on: a
 * picture that the server had finished by then is kept, and the job is told.
 */
export async function withdrawWorkflow(lease: Lease, salvage?: Salvage): Promise<void> {
  try {
    if (salvage) await rescue(lease, salvage);
    else await patientWithdrawProxy(lease.serverId).withdraw(lease);
  } finally {
    await CancellationScope.nonCancellable(() => recordProxy().releaseLease(lease));
  }
}

async function rescue(lease: Lease, salvage: Salvage): Promise<void> {
  const found = await patientRescueProxy(lease.serverId).rescue({ lease, ...salvage });
  if (!found) return;
  try {
    const job = getExternalWorkflowHandle(jobWorkflowId(lease.jobId), lease.runId);
    await job.signal(FOUND_SIGNAL, found);
  } catch {
    // The job has ended meanwhile, with a picture of its own or as it was told to: this one is not needed.
  }
}
