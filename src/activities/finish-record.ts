import type { FinishRecord } from '../db/runs.ts';
import type { FinishInput } from '../domain/job.ts';
import { blobKeyFor } from '../storage/keys.ts';

const DAY_MS = 86_400_000;

/** What is written when a run has ended: the outcome, and the stored outputs under their public ids. */
export const finishRecordOf = (
  input: FinishInput,
  runId: string,
  blobRetentionDays: number,
): FinishRecord => ({
  jobId: input.jobId,
  tenant: input.tenant,
  runId,
  attempt: input.attempt,
  state: input.state,
  releaseLease: input.releaseLease,
  blobExpiresAt: new Date(Date.now() + blobRetentionDays * DAY_MS),
  ...(input.failure ? { failure: input.failure } : {}),
  ...(input.outputs
    ? {
        outputs: input.outputs.map(({ slot, ...output }) => ({
          blobKey: blobKeyFor(input.jobId, slot, output.storageKey.split('.').at(-1) ?? 'bin'),
          ...output,
        })),
      }
    : {}),
});
