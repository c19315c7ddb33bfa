import type { PendingQuery, Row } from 'postgres';
import type { Sql } from './connect.ts';

/** What is known of a stored file; the bytes are in the blob store. */
export interface BlobRecord {
  /** Public id. */
  readonly id: string;
  readonly tenant: string;
  readonly jobId: string | null;
  readonly storageKey: string;
  readonly contentType: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly width: number | null;
  readonly height: number | null;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** With what a client may do with it. */
export interface ServedBlob extends BlobRecord {
  /** Its job is tainted: no cache may keep it. */
  readonly isTainted: boolean;
}

export type NewBlobRecord = Omit<BlobRecord, 'createdAt' | 'width' | 'height'> & {
  readonly width?: number | null;
  readonly height?: number | null;
};

/**
 * SQL that records files where `condition` holds; an id that is known (an earlier attempt's) then points to the new file.
 * Takes one parameter, so that it can be part of a statement that does more.
 */
export const blobsInsert = (
  sql: Sql,
  records: readonly NewBlobRecord[],
  condition: PendingQuery<Row[]>,
) => sql`
  insert into blobs (id, tenant, job_id, storage_key, content_type, bytes, sha256, width, height, expires_at)
  select id, tenant, "jobId", "storageKey", "contentType", bytes, sha256, width, height, "expiresAt"
  from jsonb_to_recordset(${sql.json(records)}) as record (
    id text, tenant text, "jobId" uuid, "storageKey" text, "contentType" text, bytes bigint, sha256 text,
    width integer, height integer, "expiresAt" timestamptz)
  where ${condition}
  on conflict (id) do update set
    storage_key = excluded.storage_key, content_type = excluded.content_type, bytes = excluded.bytes,
    sha256 = excluded.sha256, width = excluded.width, height = excluded.height,
    expires_at = greatest(blobs.expires_at, excluded.expires_at)`;

/** Deletes records, and has the jobs that made the files say so. Returns where the bytes are, which is for the caller to delete. */
export async function deleteBlobs(sql: Sql, ids: readonly string[]): Promise<string[]> {
  const rows = await sql<{ storageKey: string }[]>`
    with gone as (
      delete from blobs where id = any(${ids as string[]}) returning id, job_id, storage_key
    ), told as (
      update jobs set outputs = (
        select jsonb_agg(case when exists (select from gone where gone.id = output ->> 'blobKey')
          then (output - 'text') || '{"isGone": true}' else output end order by place)
        from jsonb_array_elements(jobs.outputs) with ordinality as listed (output, place))
      where id in (select job_id from gone) and jsonb_array_length(outputs) > 0
    )
    select storage_key from gone`;
  return rows.map(({ storageKey }) => storageKey);
}

export type BlobRecords = ReturnType<typeof createBlobRecords>;

/** Records of stored files. */
export function createBlobRecords(sql: Sql) {
  return {
    /** By public id, whoever owns it: the caller has checked a signature. Past its retention it is gone. */
    async findBlob(id: string): Promise<ServedBlob | undefined> {
      const [row] = await sql<ServedBlob[]>`
        select *, exists (select from jobs where jobs.id = blobs.job_id and taint is not null) as is_tainted
        from blobs where id = ${id} and expires_at > now()`;
      return row;
    },

    /** Records files. Repeating it changes nothing. */
    async putBlobs(records: readonly NewBlobRecord[]): Promise<void> {
      await blobsInsert(sql, records, sql`true`);
    },

    /** Storage keys of records past their retention, oldest first. */
    async listExpiredBlobs(
      limit: number,
    ): Promise<{ readonly id: string; readonly storageKey: string }[]> {
      return sql<{ id: string; storageKey: string }[]>`
        select id, storage_key from blobs where expires_at <= now() order by expires_at limit ${limit}`;
    },

    /** Those that are there, by id, of one tenant. */
    async listBlobs(tenant: string, ids: readonly string[]): Promise<Map<string, BlobRecord>> {
      const rows = await sql<BlobRecord[]>`
        select * from blobs where tenant = ${tenant} and id = any(${ids as string[]}) and expires_at > now()`;
      return new Map(rows.map((row) => [row.id, row]));
    },

    deleteBlobs: (ids: readonly string[]): Promise<string[]> => deleteBlobs(sql, ids),

    /** Those of `storageKeys` that a record points to; the rest is unreferenced. */
    async findReferenced(storageKeys: readonly string[]): Promise<Set<string>> {
      const rows = await sql<{ storageKey: string }[]>`
        select storage_key from blobs where storage_key = any(${storageKeys as string[]})`;
      return new Set(rows.map((row) => row.storageKey));
    },
  };
}
