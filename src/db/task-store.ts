import { stageRank } from '../domain/job.ts';
import type { NamedBlob, Task, TaskResult } from '../domain/task.ts';
import { OrchestratorError } from '../errors.ts';
import { deleteBlobs, type BlobRecord } from './blobs.ts';
import type { Sql } from './connect.ts';
import type { JobOutput } from './job-row.ts';
import { keepFile, type KeptFile } from './kept-files.ts';
import type { RunStore } from './runs.ts';

/** A task as it is kept: `doomed` names stored bytes whose rows went with it, which are still to be deleted. */
export interface StoredTaskResult extends TaskResult {
  readonly doomed?: readonly string[];
}

export interface BegunTask {
  readonly tenant: string;
  readonly task: Task;
  /** What an earlier try has done. */
  readonly result: StoredTaskResult | null;
}

/** A job whose files a task is about. */
export interface SourceJob {
  readonly isEnded: boolean;
  readonly outputs: readonly JobOutput[];
}

export type FoundBlob = Pick<
  BlobRecord,
  'id' | 'jobId' | 'storageKey' | 'contentType' | 'bytes' | 'sha256' | 'width' | 'height'
>;

export type TaskStore = ReturnType<typeof createTaskStore>;

/** Tasks: what they need to know, and what they do to rows. Every call is scoped by tenant. */
export function createTaskStore(sql: Sql, runs: Pick<RunStore, 'openRun'>) {
  const findOwn = async (
    tx: Sql,
    tenant: string,
    ids: readonly string[],
  ): Promise<FoundBlob | undefined> => {
    const [row] = await tx<FoundBlob[]>`
      select id, job_id, storage_key, content_type, bytes, sha256, width, height from blobs
      where tenant = ${tenant} and id = any(${ids as string[]}) and expires_at > now()
      order by array_position(${ids as string[]}, id) limit 1`;
    return row;
  };

  return {
    /** Marks the job as under way. Throws `conflict` when it has ended, or another run superseded this one. */
    async begin(jobId: string, runId: string): Promise<BegunTask> {
      await runs.openRun(jobId, runId);
      const [row] = await sql<BegunTask[]>`
        update jobs set state = 'running', attempt = 1, stage_rank = ${stageRank('claim')},
          claimed_at = coalesce(claimed_at, now()), changed_at = now()
        where id = ${jobId} and run_id = ${runId} and state in ('queued', 'running')
        returning tenant, generation as task, task_result as result`;
      if (row) return row;
      throw new OrchestratorError('conflict', `Job ${jobId} has ended or goes on in another run.`);
    },

    /**
     * Runs `effect` and keeps its result with the job in one transaction, once: whoever comes later gets the first
     * result. Throws `conflict` when the job has ended meanwhile; then nothing is done.
     */
    async once(
      jobId: string,
      effect: (tx: Sql) => Promise<StoredTaskResult>,
    ): Promise<StoredTaskResult> {
      return sql.begin<StoredTaskResult>(async (begun) => {
        const tx = begun as unknown as Sql;
        const [row] = await tx<{ state: string; result: StoredTaskResult | null }[]>`
          select state, task_result as result from jobs where id = ${jobId} for update`;
        if (row?.result) return row.result;
        if (row?.state !== 'running')
          throw new OrchestratorError('conflict', `Job ${jobId} has ended; it does nothing more.`);
        const result = await effect(tx);
        await tx`update jobs set task_result = ${tx.json(result as never)} where id = ${jobId}`;
        return result;
      });
    },

    findOwn: (tenant: string, ids: readonly string[], tx = sql) => findOwn(tx, tenant, ids),

    async findSource(tenant: string, jobId: string, tx = sql): Promise<SourceJob | undefined> {
      const [row] = await tx<SourceJob[]>`
        select state not in ('queued', 'running') as is_ended, coalesce(outputs, '[]') as outputs
        from jobs where id = ${jobId} and tenant = ${tenant}`;
      return row;
    },

    /** Files of a job, oldest first. */
    async listOfJob(tx: Sql, tenant: string, jobId: string): Promise<NamedBlob[]> {
      const rows = await tx<{ id: string }[]>`
        select id from blobs where job_id = ${jobId} and tenant = ${tenant} order by created_at, id`;
      return rows.map(({ id }) => ({ key: id, id }));
    },

    /** Exempts a file from retention, or gives it back to it. A file that is not pinned keeps its own end. */
    async setPinned(tx: Sql, id: string, retentionDays: number | 'pinned'): Promise<void> {
      if (retentionDays === 'pinned')
        await tx`update blobs set expires_at = 'infinity' where id = ${id}`;
      else
        await tx`
          update blobs set expires_at = now() + ${retentionDays} * interval '1 day'
          where id = ${id} and expires_at = 'infinity'`;
    },

    keepFile: (tx: Sql, file: KeptFile): Promise<string[] | undefined> => keepFile(tx, file),

    deleteBlobs: (tx: Sql, ids: readonly string[]): Promise<string[]> => deleteBlobs(tx, ids),
  };
}
