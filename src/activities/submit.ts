import type { Readable } from 'node:stream';
import { activityInfo } from '@temporalio/activity';
import type { Graph } from '../domain/generation.ts';
import type { GraphRef, Lease, SubmitReceipt } from '../domain/job.ts';
import { OrchestratorError } from '../errors.ts';
import type { BlobStore, Executor } from '../ports.ts';
import type { SubmitInput } from './activity-types.ts';
import type { PromptLocks } from './prompt-locks.ts';
import { storableText } from './storable-text.ts';

export interface SubmitDeps {
  readonly executor: Executor;
  readonly storage: BlobStore;
  readonly locks: PromptLocks;
}

/** Longest answer of a server kept in the history. */
const RESPONSE_LIMIT = 4_000;

/** Throws `lease_lost` when the lease belongs to another Temporal run: a reset makes a new run, which claims anew. */
export function assertOwnLease(lease: Lease): void {
  const runId = activityInfo().workflowExecution?.runId;
  if (lease.runId !== runId)
    throw new OrchestratorError(
      'lease_lost',
      `The lease of attempt ${lease.attempt} belongs to run ${lease.runId}, not to ${runId ?? 'none'}.`,
    );
}

/**
 * Puts the prompt on the server. Idempotent: the prompt id is looked up first and posted only when the server does not
 * know it, under a lock shared with withdraw; a retry after a lost answer finds what the first try posted.
 */
export const createSubmit =
  ({ executor, storage, locks }: SubmitDeps) =>
  async ({ lease, prepared, traceId }: SubmitInput): Promise<SubmitReceipt> => {
    assertOwnLease(lease);
    const graph = await readGraph(storage, prepared.graph);
    return locks.run(lease.promptId, async () => {
      const [bootId, found] = await Promise.all([executor.bootId(), executor.find(lease.promptId)]);
      const reattached = found.state !== 'absent';
      const response = reattached
        ? JSON.stringify({ prompt_id: lease.promptId, found: found.state })
        : await executor.submit({ promptId: lease.promptId, graph, traceId });
      return {
        promptId: lease.promptId,
        response: storableText(response, RESPONSE_LIMIT),
        reattached,
        bootId,
        submittedAt: new Date().toISOString(),
      };
    });
  };

async function readGraph(storage: BlobStore, graph: GraphRef): Promise<Graph> {
  if ('text' in graph) return JSON.parse(graph.text) as Graph;
  const stream = await storage.open(graph.blob.ref);
  if (!stream)
    throw new OrchestratorError(
      'internal',
      `The graph ${graph.blob.ref} is not in the blob store.`,
    );
  return JSON.parse(await readText(stream)) as Graph;
}

async function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
