import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { FleetView } from '../db/fleet-view.ts';
import type { ResourceStore } from '../db/resources.ts';
import type { StoredTaskResult, TaskStore } from '../db/task-store.ts';
import { findResourceFile } from '../domain/model-files.ts';
import type { Task, TaskResult } from '../domain/task.ts';
import { OrchestratorError } from '../errors.ts';
import { blobIdsOf, namedBlobId, uploadedBlobId } from '../storage/upload-keys.ts';
import type { TaskActivities, TaskInput } from './activity-types.ts';
import { createCopyAsset, type CopyAssetDeps } from './copy-asset.ts';
import { startPulse } from './pulse.ts';
import { findEnded, type TaskJob } from './task-job.ts';

export interface RunTaskDeps extends CopyAssetDeps {
  readonly tasks: TaskStore;
  readonly fleet: Pick<FleetView, 'fresh'>;
  readonly resources: Pick<ResourceStore, 'findResources'>;
  /** Life of an upload link for which none was asked. */
  readonly linkMs: number;
}

/**
 * Does a task. Idempotent: what it did is kept with the job in the transaction that does it, so a repeated try does nothing
 * more and gives the same result; only a PUT to another machine may be sent twice, which is what PUT allows.
 */
export function createRunTask(deps: RunTaskDeps): TaskActivities['runTask'] {
  const { tasks, storage, logger } = deps;
  const copyAsset = createCopyAsset(deps);

  const findOwn = async (tenant: string, key: string, tx?: Parameters<TaskStore['findOwn']>[2]) => {
    const blob = await tasks.findOwn(tenant, blobIdsOf(tenant, key), tx);
    if (blob) return blob;
    throw new OrchestratorError('not_found', `There is no blob ${JSON.stringify(key)}.`);
  };

  const perform = async (
    job: TaskJob,
    task: Exclude<Task, { operation: 'copyAsset' }>,
  ): Promise<StoredTaskResult> => {
    const { jobId, tenant, askedAtMs } = job;
    const endOf = (linkMs: number): string => new Date(askedAtMs + linkMs).toISOString();
    switch (task.operation) {
      case 'blobGet':
        return tasks.once(jobId, async (tx) => ({
          blobs: [{ key: task.key, id: (await findOwn(tenant, task.key, tx)).id }],
          ...(task.linkMs === undefined ? {} : { linkEndsAt: endOf(task.linkMs) }),
        }));
      case 'blobUpload':
        return tasks.once(jobId, async (tx) => ({
          blobs: [await uploadTarget(tasks, job, task, tx)],
          linkEndsAt: endOf(task.linkMs ?? deps.linkMs),
        }));
      case 'blobPin':
      case 'blobUnpin':
        return tasks.once(jobId, async (tx) => {
          const { id } = await findOwn(tenant, task.key, tx);
          const isPin = task.operation === 'blobPin';
          await tasks.setPinned(tx, id, isPin ? 'pinned' : deps.blobRetentionDays);
          return { blobs: [{ key: task.key, id }] };
        });
      case 'blobDelete':
        return tasks.once(jobId, async (tx) => {
          const { id } = await findOwn(tenant, task.key, tx);
          return { blobs: [{ key: task.key, id }], doomed: await tasks.deleteBlobs(tx, [id]) };
        });
      case 'clearAssets':
        return tasks.once(jobId, async (tx) => {
          await findEnded(tasks, tenant, task.ofJob, tx);
          const blobs = await tasks.listOfJob(tx, tenant, task.ofJob);
          const doomed = await tasks.deleteBlobs(
            tx,
            blobs.map(({ id }) => id),
          );
          return { blobs, doomed };
        });
      case 'prepareModel': {
        const servers = await serversWith(deps, tenant, task.model);
        return tasks.once(jobId, async () => ({ blobs: [], servers }));
      }
    }
  };

  return async (input: TaskInput): Promise<TaskResult> => {
    const info = activityInfo();
    const beaten: unknown = info.heartbeatDetails;
    const runId = info.workflowExecution?.runId ?? '';
    let failures = typeof beaten === 'number' ? beaten : 0;
    const pulse = startPulse(() => heartbeat(failures));
    const noteFailure = (): number => {
      failures += 1;
      heartbeat(failures);
      return failures;
    };
    try {
      const { tenant, task, result } = await tasks.begin(input.jobId, runId);
      const job = { jobId: input.jobId, tenant, askedAtMs: info.scheduledTimestampMs };
      const done =
        result ??
        (task.operation === 'copyAsset'
          ? await copyAsset(job, task, {
              ...{ signal: cancellationSignal(), noteFailure },
              ...{ maxAttempts: input.maxAttempts, timeoutMs: input.timeoutMs },
            })
          : await perform(job, task));
      const { doomed = [], ...told } = done;
      // After the rows: what is left here when the process dies is deleted by the next try.
      for (const key of doomed) await storage.delete(key);
      logger.info(
        { jobId: input.jobId, traceId: input.traceId },
        `Task ${task.operation} completed`,
      );
      return told;
    } finally {
      pulse.stop();
    }
  };
}

/** A file that a job of its own made keeps its key: what is uploaded never takes its place. */
async function uploadTarget(
  tasks: TaskStore,
  { jobId, tenant }: TaskJob,
  { key, replace }: Extract<Task, { operation: 'blobUpload' }>,
  tx: Parameters<TaskStore['findOwn']>[2],
) {
  if (key === undefined) {
    const id = uploadedBlobId(jobId);
    return { key: id, id };
  }
  const existing = await tasks.findOwn(tenant, blobIdsOf(tenant, key), tx);
  const id = namedBlobId(tenant, key);
  if (existing && (existing.id !== id || !replace))
    throw new OrchestratorError(
      'conflict',
      existing.id === id
        ? `There is a blob ${JSON.stringify(key)} already. Send "replace": true to replace it, or choose another key.`
        : `${JSON.stringify(key)} is the key of a file that a job made. Choose another one.`,
    );
  return { key, id };
}

/** Throws `resource_unavailable` (retryable) while no server answers, `unknown_resource` and `model_missing`. */
async function serversWith(
  { fleet, resources }: Pick<RunTaskDeps, 'fleet' | 'resources'>,
  tenant: string,
  model: string,
): Promise<string[]> {
  const [resource] = (await resources.findResources(tenant, [model])).values();
  if (!resource)
    throw new OrchestratorError('unknown_resource', `${model} is not in the catalogue any more.`);
  const live = (await fleet.fresh()).filter(({ reachable }) => reachable);
  const servers = live.filter(({ lists }) => findResourceFile(resource, lists.files) !== undefined);
  if (servers.length > 0) return servers.map(({ id }) => id);
  if (live.length === 0)
    throw new OrchestratorError('resource_unavailable', 'No ComfyUI server answers.', {
      retryable: true,
    });
  throw new OrchestratorError(
    'model_missing',
    `No server that answers has a file for ${model} any more.`,
  );
}
