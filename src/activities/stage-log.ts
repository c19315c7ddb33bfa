import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { STAGE_EVENTS } from '../domain/job.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';
import { jobIdOfWorkflow } from '../domain/naming.ts';

const NAMES = Object.keys(STAGE_EVENTS) as (keyof typeof STAGE_EVENTS)[];

/** The same activity with one log line when a try of it ends: stage, job, duration, and why it failed. */
export function logStage<A extends readonly unknown[], R>(
  logger: Logger,
  stage: keyof typeof STAGE_EVENTS,
  run: (...args: A) => Promise<R>,
): (...args: A) => Promise<R> {
  const step = `Step ${NAMES.indexOf(stage) + 1}/${NAMES.length}: ${STAGE_EVENTS[stage]}`;
  return async (...args) => {
    const info = activityInfo();
    const startedAtMs = Date.now();
    const fields = {
      jobId: jobIdOfWorkflow(info.workflowExecution?.workflowId ?? ''),
      try: info.attempt,
      traceId: traceIdOf(args[0]),
    };
    try {
      const result = await run(...args);
      logger.info({ ...fields, ms: Date.now() - startedAtMs }, `${step} completed`);
      return result;
    } catch (error) {
      const ms = Date.now() - startedAtMs;
      if (error instanceof ApplicationFailure && error.type === 'steps_aside')
        logger.debug({ ...fields, ms }, `${step} steps aside`);
      else logger.warn({ ...fields, ms, error: messageOf(error) }, `${step} not completed`);
      throw error;
    }
  };
}

/** Stages get their trace with the lease, claim and submit beside it. */
function traceIdOf(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null) return undefined;
  const { traceId, lease } = input as { traceId?: unknown; lease?: { traceId?: unknown } };
  const known = traceId ?? lease?.traceId;
  return typeof known === 'string' ? known : undefined;
}
