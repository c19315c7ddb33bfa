import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import { claimAnswer } from '../domain/job.ts';
import type { Placer } from '../workers/placer.ts';
import type { ClaimWait } from '../workers/waiting-claims.ts';
import type { Logger, Metrics } from '../ports.ts';
import type { ClaimInput, PlacementActivities } from './activity-types.ts';
import { logStage } from './stage-log.ts';
import { withActivityFailures } from './failures.ts';
import { OrchestratorError } from '../errors.ts';

/** Half the heartbeat timeout of 10 s. */
const HEARTBEAT_EVERY_MS = 5_000;

/**
 * Waits in the placer's window until a server is granted. Idempotent: the same attempt gets the same lease again, so a
 * retry costs one query. Its heartbeats tell the next try how long it waited and how often it was overtaken.
 */
export const createPlacementActivities = (
  placer: Placer,
  logger: Logger,
  metrics: Metrics,
): PlacementActivities =>
  withActivityFailures<PlacementActivities>({
    claim: logStage(logger, 'claim', async (input: ClaimInput) => {
      const info = activityInfo();
      const { workflowExecution, scheduledTimestampMs, scheduleToCloseTimeoutMs } = info;
      if (!workflowExecution) throw new OrchestratorError('internal', 'claim needs a workflow');
      const earlier = readWait(info.heartbeatDetails);
      let wait = earlier;
      const beat = setInterval(() => heartbeat(wait), HEARTBEAT_EVERY_MS);
      try {
        const lease = await placer.claim(
          {
            ...input,
            ...{ runId: workflowExecution.runId, scheduledAtMs: scheduledTimestampMs },
            untilMs: scheduledTimestampMs + scheduleToCloseTimeoutMs,
            ...(earlier ? { earlier } : {}),
          },
          cancellationSignal(),
          (now) => {
            wait = now;
          },
        );
        const waitedMs = Math.max(0, Date.now() - scheduledTimestampMs);
        metrics.observe('claimWait', { pool: input.pool }, waitedMs / 1_000);
        // Where the model was loaded and whether the server stood idle is seen at the server.
        return claimAnswer(lease, scheduledTimestampMs);
      } catch (error) {
        // A claim that steps aside may not have beaten yet.
        heartbeat(wait);
        throw error;
      } finally {
        clearInterval(beat);
      }
    }),
  });

/** Undefined for claims of an older version, whose heartbeats said nothing. */
function readWait(details: unknown): ClaimWait | undefined {
  if (typeof details !== 'object' || details === null) return undefined;
  const { enteredAtMs, overtaken, overtakenAtMs } = details as Partial<ClaimWait>;
  if (typeof enteredAtMs !== 'number' || typeof overtaken !== 'number') return undefined;
  return {
    ...{ enteredAtMs, overtaken },
    ...(typeof overtakenAtMs === 'number' ? { overtakenAtMs } : {}),
  };
}
