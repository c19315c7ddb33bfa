import type { Task, TaskResult } from '../domain/task.ts';
import type { BlobRecord } from './blobs.ts';
import type { Sql } from './connect.ts';
import { createStoredBytes } from './stored-bytes.ts';

/** A file of the tenant that is to be stored under `id`. */
export interface KeptFile extends Pick<
  BlobRecord,
  'id' | 'tenant' | 'storageKey' | 'contentType' | 'bytes' | 'sha256'
> {
  readonly jobId: string;
  readonly replace: boolean;
  readonly retentionDays: number;
}

/**
 * Stores a file under its id. An existing one is replaced when that was asked for, or when the same job stored it: the
 * bytes that are no longer needed are returned. Undefined when there is one that stays.
 */
export async function keepFile(sql: Sql, file: KeptFile): Promise<string[] | undefined> {
  const [row] = await sql<{ replaced: string | null }[]>`
    with old as (select id, storage_key from blobs where id = ${file.id})
    insert into blobs (id, tenant, job_id, storage_key, content_type, bytes, sha256, expires_at)
    values (${file.id}, ${file.tenant}, ${file.jobId}, ${file.storageKey}, ${file.contentType}, ${file.bytes},
      ${file.sha256}, now() + ${file.retentionDays} * interval '1 day')
    on conflict (id) do update set
      job_id = excluded.job_id, storage_key = excluded.storage_key, content_type = excluded.content_type,
      bytes = excluded.bytes, sha256 = excluded.sha256, width = null, height = null,
      expires_at = greatest(blobs.expires_at, excluded.expires_at)
    where blobs.tenant = excluded.tenant
      and (${file.replace} or blobs.job_id = excluded.job_id or blobs.expires_at <= now())
    returning (select storage_key from old) as replaced`;
  if (!row) return undefined;
  return row.replaced === null || row.replaced === file.storageKey ? [] : [row.replaced];
}

/** A job that gave out a link for an upload. */
export interface UploadJob {
  readonly tenant: string;
  readonly task: Extract<Task, { operation: 'blobUpload' }>;
  readonly result: TaskResult;
}

export type UploadStore = ReturnType<typeof createUploadStore>;

/** Uploads by link: the caller has checked its signature. */
export function createUploadStore(sql: Sql) {
  return {
    /** Undefined unless the job is an upload that gave out its link. */
    async findUpload(jobId: string): Promise<UploadJob | undefined> {
      const [row] = await sql<UploadJob[]>`
        select tenant, generation as task, task_result as result from jobs
        where id = ${jobId} and generation ->> 'operation' = 'blobUpload' and task_result is not null`;
      return row;
    },

    /** Throws `quota_exceeded` when the tenant would store more than `limit` bytes. */
    async keepFile(file: KeptFile, limit: number | undefined): Promise<string[] | undefined> {
      if (limit === undefined) return keepFile(sql, file);
      return sql.begin(async (begun): Promise<string[] | undefined> => {
        const tx = begun as unknown as Sql;
        await createStoredBytes(tx).requireRoom(file, limit);
        return keepFile(tx, file);
      });
    },
  };
}
