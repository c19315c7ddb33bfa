import { promptIdFor } from '../../src/activities/prompt-id.ts';
import type { GrantRequest } from '../../src/db/leases.ts';
import { SD1 } from './jobs.ts';

/** Asks server `a` for the first attempt of a job's run `run-1`. */
export const grantRequest = (jobId: string, change: Partial<GrantRequest> = {}): GrantRequest => ({
  jobId,
  runId: 'run-1',
  runIndex: 1,
  attempt: 1,
  tenant: 'local',
  serverId: 'a',
  model: SD1,
  reason: 'room',
  traceId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
  promptId: promptIdFor(jobId, change.runIndex ?? 1, change.attempt ?? 1),
  ...change,
});
