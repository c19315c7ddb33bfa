import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { Placer } from '../workers/placer.ts';
import type { Logger } from '../ports.ts';
import type { ClaimInput, PlacementActivities } from './activity-types.ts';
import { logStage } from './stage-log.ts';
import { withActivityFailures } from './failures.ts';
import { OrchestratorError } from '../errors.ts';

/** Half the heartbeat timeout of 10 s. */
const HEARTBEAT_EVERY_MS = 5_000;

/**
 * Waits in the placer's window until a server is granted. Idempotent: the same attempt gets the same lease again, so a
 * retry costs one query.
 */
export const createPlacementActivities = (placer: Placer, logger: Logger): PlacementActivities =>
  withActivityFailures<PlacementActivities>({
    claim: logStage(logger, 'claim', async (input: ClaimInput) => {
      const { workflowExecution, scheduledTimestampMs } = activityInfo();
      if (!workflowExecution) throw new OrchestratorError('internal', 'claim needs a workflow');
      const beat = setInterval(() => heartbeat(), HEARTBEAT_EVERY_MS);
      try {
        return await placer.claim(
          { ...input, runId: workflowExecution.runId, scheduledAtMs: scheduledTimestampMs },
          cancellationSignal(),
        );
      } finally {
        clearInterval(beat);
      }
    }),
  });
