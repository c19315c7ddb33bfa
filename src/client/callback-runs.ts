import { WorkflowIdReusePolicy, type Client } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { CallbackInput } from '../domain/callback.ts';
import {
  CALLBACK_WORKFLOW,
  CPU_QUEUE,
  DELIVER_SIGNAL,
  callbackWorkflowId,
} from '../domain/naming.ts';
import { queuePriority } from '../domain/tenant-policy.ts';

export type CallbackRuns = ReturnType<typeof createCallbackRuns>;

const DEADLINE_MS = 5_000;
/** Behind every job: what a workflow worker does first is decided by this. */
const LAST_LEVEL = 5;

/** Tells the runs that send callbacks. */
export function createCallbackRuns(client: Client) {
  return {
    /** Starts the stream's run, or tells the one under way. Resolves when Temporal has acknowledged either. */
    async tell(input: CallbackInput, isUrgent: boolean): Promise<void> {
      await client.connection.withDeadline(Date.now() + DEADLINE_MS, () =>
        client.workflow.signalWithStart(CALLBACK_WORKFLOW, {
          workflowId: callbackWorkflowId(input.streamId),
          taskQueue: CPU_QUEUE,
          args: [input],
          signal: DELIVER_SIGNAL,
          signalArgs: [isUrgent],
          workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
          staticSummary: 'sends callbacks',
          typedSearchAttributes: [
            { key: defineSearchAttributeKey('Tenant', 'KEYWORD'), value: input.tenant },
          ],
          priority: queuePriority(input, LAST_LEVEL),
        }),
      );
    },
  };
}
