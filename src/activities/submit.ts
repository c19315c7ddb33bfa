import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { activityInfo } from '@temporalio/activity';
import type { Graph } from '../domain/generation.ts';
import type { BlobRef, GraphRef, Lease, SubmitReceipt } from '../domain/job.ts';
import { OrchestratorError } from '../errors.ts';
import type { AttemptBlobs, Executor } from '../ports.ts';
import type { SubmitInput } from './activity-types.ts';
import type { PromptLocks } from './prompt-locks.ts';
import { storableText } from './storable-text.ts';

export interface SubmitDeps {
  readonly executor: Executor;
  readonly storage: Pick<AttemptBlobs, 'open'>;
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
    const graph = await readGraph(storage, lease, prepared.graph);
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

async function readGraph(
  storage: SubmitDeps['storage'],
  lease: Lease,
  graph: GraphRef,
): Promise<Graph> {
  if ('text' in graph) return JSON.parse(graph.text) as Graph;
  const { ref } = graph.blob;
  const stream = await storage.open(lease, ref);
  if (!stream)
    throw new OrchestratorError('internal', `The graph ${ref} is not in the blob store.`);
  const text = await readWhole(stream, graph.blob);
  if (text !== undefined) return JSON.parse(text) as Graph;
  throw new OrchestratorError(
    'unavailable',
    `The graph ${ref} did not come from the blob store as it was stored. This is tried again.`,
    { retryable: true },
  );
}

/** Undefined unless these are exactly the bytes that were stored. */
async function readWhole(
  stream: Readable,
  { bytes, sha256 }: BlobRef,
): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let read = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    read += chunk.length;
    if (read > bytes) return undefined;
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  const isSame = createHash('sha256').update(whole).digest('hex') === sha256;
  return isSame ? whole.toString('utf8') : undefined;
}
