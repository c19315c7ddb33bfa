import { ActivityNotFoundError, type Client } from '@temporalio/client';
import { claimAnswer, type Lease } from '../domain/job.ts';
import { jobWorkflowId } from '../domain/naming.ts';
import { pendingClaim } from './pending-claim.ts';
import { readRunEvents } from './run-history.ts';

/**
 * Ends a run's claim with the lease that was granted to it, wherever the claim stands: with a placer, with one that
 * died, or behind others in the queue. False when the run does not wait for that lease. Safe beside a placer that
 * answers the same claim: Temporal takes the first answer, and both give the same lease.
 */
export async function deliverGrant(client: Client, lease: Lease): Promise<boolean> {
  const { jobId, runId } = lease;
  const claim = pendingClaim((await readRunEvents(client, jobId, runId)) ?? []);
  if (claim?.attempt !== lease.attempt) return false;
  const { activityId, scheduledAtMs } = claim;
  try {
    await client.connection.withDeadline(Date.now() + 5_000, () =>
      client.activity.complete(
        { workflowId: jobWorkflowId(jobId), runId, activityId },
        claimAnswer(lease, scheduledAtMs),
      ),
    );
    return true;
  } catch (error) {
    if (error instanceof ActivityNotFoundError) return false;
    throw error;
  }
}
