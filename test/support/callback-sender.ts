/** What a cpu worker does to send a stream's callbacks, called as Temporal would and without one. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { createCallbackActivities } from '../../src/activities/deliver-callbacks.ts';
import { jobCallbackBody } from '../../src/contract/v1/job-callback.ts';
import { createCallbackSecrets } from '../../src/db/callback-secrets.ts';
import { createCallbackStore } from '../../src/db/callbacks.ts';
import type { Sql } from '../../src/db/connect.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import type { CallbackEvent, CallbackTurn } from '../../src/domain/callback.ts';
import { silentMetrics } from '../../src/metrics/silent-metrics.ts';
import type { Outgoing } from '../../src/net/outgoing.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { newJobRow } from './jobs.ts';

/** One turn of a stream: what a run does each time it wakes. */
export function createCallbackSender(sql: Sql, outgoing: Outgoing) {
  const { deliverCallbacks } = createCallbackActivities({
    store: createCallbackStore(sql),
    secrets: createCallbackSecrets(sql, 'the key of these tests'),
    outgoing,
    render: ({ job, event }) => jobCallbackBody(job, event, undefined),
    timeoutMs: 30_000,
    logger: silentLogger,
    metrics: silentMetrics,
  });
  return (streamId: string): Promise<CallbackTurn> =>
    new MockActivityEnvironment().run(deliverCallbacks, {
      streamId,
      tenant: 'local',
      now: new Date().toISOString(),
    });
}

/** A job that tells its acceptance, and what else is named. */
export async function newToldJob(
  sql: Sql,
  url: string,
  events: readonly CallbackEvent[] = ['Initialized'],
): Promise<string> {
  const row = newJobRow({ callback: { url, events } });
  await createJobStore(sql).insertJobs([row]);
  return row.id;
}
