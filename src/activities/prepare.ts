import { posix } from 'node:path';
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { Graph } from '../domain/graphs/graph.ts';
import type { GraphRef, InputFile, Lease, PreparedPrompt } from '../domain/job.ts';
import { mediaInputsOf } from '../domain/generation-inputs.ts';
import { outputPrefix } from '../domain/naming.ts';
import type { BlobRecords } from '../db/blobs.ts';
import type { LeasedJob, PrepareReads } from '../db/prepare-reads.ts';
import type { RunStore } from '../db/runs.ts';
import type { ListedFiles } from '../ecosystems/look-up-file.ts';
import { planGraph, type GraphPlan } from '../ecosystems/plan-graph.ts';
import { SAVE_CLASSES } from '../ecosystems/training.ts';
import { OrchestratorError } from '../errors.ts';
import type { BlobStore } from '../ports.ts';
import { blobKeyFor, graphKeyFor } from '../storage/keys.ts';
import { createFetchInputs, type FetchInputsDeps, type StoredInput } from './fetch-inputs.ts';
import { startPulse } from './pulse.ts';
import { unpackTraining, type TrainingPicture } from './unpack-training.ts';

export interface PrepareDeps extends FetchInputsDeps {
  readonly reads: PrepareReads;
  readonly runs: Pick<RunStore, 'advance'>;
  readonly storage: BlobStore;
  readonly blobs: Pick<BlobRecords, 'putBlobs' | 'findBlob' | 'listBlobs'>;
  readonly blobRetentionDays: number;
}

/** Larger graphs go to the blob store: histories carry references, not bulk. */
const INLINE_GRAPH_BYTES = 64 * 1024;
/** A server's lists change rarely, and one list object keeps its search index. */
const LISTS_TTL_MS = 2_000;

/**
 * Turns a leased job into a graph for the server of its lease. Idempotent: it reads, builds the same graph again, and
 * advances the row only forward. Throws `lease_lost` when the lease is gone and `model_missing` when a file is.
 */
export function createPrepare(deps: PrepareDeps) {
  const { reads, runs } = deps;
  const lists = new Map<string, { at: number; files: Promise<ListedFiles> }>();
  const serverFiles = (serverId: string): Promise<ListedFiles> => {
    const cached = lists.get(serverId);
    if (cached && Date.now() - cached.at < LISTS_TTL_MS) return cached.files;
    const files = reads.serverFiles(serverId);
    lists.set(serverId, { at: Date.now(), files });
    files.catch(() => lists.delete(serverId));
    return files;
  };

  const fetchInputs = createFetchInputs(deps);
  /** Beats while it fetches, which may take minutes; whatever else hangs is noticed after 10 s. */
  const inputsFor = async (
    lease: Lease,
    job: LeasedJob,
  ): Promise<readonly (StoredInput | TrainingPicture)[]> => {
    const inputs = mediaInputsOf(job.generation);
    if (inputs.length === 0) return [];
    const pulse = startPulse(() => heartbeat());
    const owner = { jobId: lease.jobId, tenant: job.tenant };
    try {
      const stored = await fetchInputs(owner, inputs, cancellationSignal());
      const [archive] = stored;
      return job.generation.operation === 'imageResourceTraining' && archive
        ? await unpackTraining(deps, owner, archive.blob)
        : stored;
    } finally {
      pulse.stop();
    }
  };

  return async (lease: Lease): Promise<PreparedPrompt> => {
    const startedAtMs = Date.now();
    const runId = activityInfo().workflowExecution?.runId ?? '';
    const job = await reads.findLeasedJob(lease, runId);
    if (!job)
      throw new OrchestratorError(
        'lease_lost',
        `Attempt ${lease.attempt} of job ${lease.jobId} no longer holds its lease on ${lease.serverId}.`,
      );
    const files = await serverFiles(lease.serverId);
    const prefix = outputPrefix(lease.jobId, lease.runIndex, lease.attempt);
    const knownClasses = new Set(
      job.generation.operation === 'imageResourceTraining'
        ? await reads.knownClasses(lease.serverId, SAVE_CLASSES)
        : [],
    );
    const plan = planFor(job, files, lease.serverId, knownClasses);
    const stored = await inputsFor(lease, job);
    const inputs = stored.map((input) => inputFile(prefix, input));
    const graph = await toRef(
      JSON.stringify(plan.build(inputNames(stored, inputs), prefix, captionsOf(stored))),
      { lease, tenant: job.tenant },
      deps,
    );
    await runs.advance(lease, 'prepare', 'text' in graph ? graph.text : null);
    return {
      graph,
      outputPrefix: prefix,
      expectedOutputs: plan.expectedOutputs,
      durationMs: Date.now() - startedAtMs,
      ...(inputs.length > 0 ? { inputs } : {}),
      ...(plan.text ? { text: plan.text } : {}),
      ...(plan.outputExtension === undefined ? {} : { outputExtension: plan.outputExtension }),
    };
  };
}

/** Beside the outputs of the job, under a name that says what is in it. */
const inputFile = (prefix: string, { blob, extension }: StoredInput): InputFile => ({
  blob,
  name: `${posix.dirname(prefix)}/${blob.sha256.slice(0, 32)}.${extension}`,
});

const inputNames = (
  stored: readonly StoredInput[],
  files: readonly InputFile[],
): Readonly<Record<string, string>> =>
  Object.fromEntries(stored.map(({ role }, index) => [role, files[index]?.name ?? '']));

const captionsOf = (
  stored: readonly (StoredInput | TrainingPicture)[],
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    stored.flatMap((input) => ('caption' in input ? [[input.role, input.caption]] : [])),
  );

function planFor(
  { generation, fileNames, graph }: LeasedJob,
  listed: ListedFiles,
  serverId: string,
  knownClasses: ReadonlySet<string>,
): GraphPlan {
  const plan = planGraph(generation, {
    ...{ fileNameOf: (air) => fileNames[air] ?? undefined, listed },
    graph: graph === null ? undefined : (JSON.parse(graph) as Graph),
    ...(knownClasses.size > 0 ? { hasClass: (name: string) => knownClasses.has(name) } : {}),
  });
  if (!('missing' in plan)) return plan;
  const why = plan.missing.join(' ');
  throw new OrchestratorError('model_missing', `${serverId} no longer has every file: ${why}`);
}

async function toRef(
  text: string,
  { lease, tenant }: { readonly lease: Lease; readonly tenant: string },
  { storage, blobs, blobRetentionDays }: PrepareDeps,
): Promise<GraphRef> {
  if (Buffer.byteLength(text) <= INLINE_GRAPH_BYTES) return { text };
  const storageKey = graphKeyFor(lease.promptId);
  const { bytes, sha256 } = await storage.put(storageKey, Buffer.from(text));
  const id = blobKeyFor(lease.promptId, 0, 'json');
  await blobs.putBlobs([
    {
      id,
      tenant,
      jobId: lease.jobId,
      storageKey,
      contentType: 'application/json',
      bytes,
      sha256,
      expiresAt: new Date(Date.now() + blobRetentionDays * 86_400_000),
    },
  ]);
  return { blob: { ref: storageKey, sha256, bytes }, blobKey: id };
}
