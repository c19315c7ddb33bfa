/**
 * Public names: queues, ids, workflow and activity types, messages, search attributes.
 * Operators type these into the `temporal` CLI and histories contain them, so they only ever grow.
 */

/** Queue of workflows, prepare and the local activities. */
export const CPU_QUEUE = 'cpu';

/** Queue of what is sent to addresses that clients named: slow receivers take no slot of anything else. */
export const CALLBACK_QUEUE = 'callbacks';

/** Queue of jobs that need no server: a slow receiver of a copy takes no slot of anything else. */
export const TASK_QUEUE = 'tasks';

/** Queue on which claims for a pool of servers wait. */
export const poolQueue = (pool: string): string => `gpu-${pool}`;

/** Queue of the workers that stand at one server. */
export const hostQueue = (serverId: string): string => `gpu-host-${serverId}`;

export const jobWorkflowId = (jobId: string): string => `job-${jobId}`;
export const withdrawWorkflowId = (promptId: string): string => `withdraw-${promptId}`;

/** Of a stream of callbacks; that of a v1 job has the job's id. */
export const callbackWorkflowId = (streamId: string): string => `callback-${streamId}`;

/** Job id of a `job-<uuid>` workflow id, or undefined for any other workflow. */
export const jobIdOfWorkflow = (workflowId: string): string | undefined =>
  /^job-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(workflowId)?.[1];

export const JOB_WORKFLOW = 'jobWorkflow';
export const WITHDRAW_WORKFLOW = 'withdrawWorkflow';
export const CALLBACK_WORKFLOW = 'callbackWorkflow';

export const HOLD_SIGNAL = 'hold';
export const RESUME_SIGNAL = 'resume';
/** Sent by `withdrawWorkflow`: pictures of a given-up attempt were found on its server. */
export const FOUND_SIGNAL = 'found';
/** To `callbackWorkflow`: there is something to send; with `true` it does not wait for the next try. */
export const DELIVER_SIGNAL = 'deliver';
export const STATUS_QUERY = 'status';
export const TIMELINE_QUERY = 'timeline';

/** Keyword search attributes set at start; `temporal workflow list --query "Tenant='local'"`. */
export const SEARCH_ATTRIBUTES = [
  'Tenant',
  'Ecosystem',
  'JobType',
  'Pool',
  'BatchId',
  'TraceId',
] as const;
export type SearchAttribute = (typeof SEARCH_ATTRIBUTES)[number];

/** Where ComfyUI writes an attempt's files: subfolder and name, unique per job, run index and attempt. */
export const outputPrefix = (jobId: string, runIndex: number, attempt: number): string =>
  `orchestrator/${jobId}/r${runIndex}a${attempt}`;
