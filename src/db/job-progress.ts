import type { ProgressReport, ProgressReporter, Preview } from '../ports.ts';
import type { Sql } from './connect.ts';

/** How far the attempt is that a job is drawn by now. */
export interface JobProgress {
  readonly jobId: string;
  readonly attempt: number;
  /** 0 to 1. */
  readonly fraction: number;
  readonly node: string | null;
  readonly hasPreview: boolean;
  readonly reportedAt: Date;
}

export type ProgressStore = ReturnType<typeof createProgressStore>;

/** Progress of running jobs: soft state, written while a drawing lasts longer than a second. */
export function createProgressStore(sql: Sql) {
  return {
    /**
     * Keeps the report while its server holds the lease of the prompt; false when it does not, or when a newer attempt
     * reports. What a report leaves out (the preview) stays, and an attempt's fraction never falls.
     */
    async report({
      serverId,
      promptId,
      fraction,
      node,
      preview,
    }: ProgressReport): Promise<boolean> {
      const rows = await sql`
        insert into job_progress as p
          (job_id, prompt_id, server_id, attempt, fraction, node, preview, preview_type)
        select job_id, prompt_id, server_id, attempt, ${fraction}, ${node ?? null},
          ${preview ? Buffer.from(preview.bytes) : null}, ${preview?.contentType ?? null}
        from leases where prompt_id = ${promptId} and server_id = ${serverId}
        on conflict (job_id) do update set
          fraction = case when p.prompt_id = excluded.prompt_id
            then greatest(p.fraction, excluded.fraction) else excluded.fraction end,
          preview = case when p.prompt_id = excluded.prompt_id
            then coalesce(excluded.preview, p.preview) else excluded.preview end,
          preview_type = case when p.prompt_id = excluded.prompt_id
            then coalesce(excluded.preview_type, p.preview_type) else excluded.preview_type end,
          prompt_id = excluded.prompt_id, server_id = excluded.server_id, attempt = excluded.attempt,
          node = excluded.node, reported_at = now()
        where p.prompt_id = excluded.prompt_id
          or not exists (select from leases l where l.prompt_id = p.prompt_id and l.attempt > excluded.attempt)`;
      return rows.count > 0;
    },

    /** Those of the jobs of which something is known. */
    async findProgress(jobIds: readonly string[]): Promise<Map<string, JobProgress>> {
      if (jobIds.length === 0) return new Map();
      const rows = await sql<JobProgress[]>`
        select job_id, attempt, fraction, node, preview is not null as has_preview, reported_at
        from job_progress where job_id = any(${jobIds as string[]}::uuid[])`;
      return new Map(rows.map((row) => [row.jobId, row]));
    },

    /** The newest preview of a job that is drawn. The caller has checked whose job it is. */
    async findPreview(jobId: string): Promise<Preview | undefined> {
      const [row] = await sql<{ bytes: Buffer; contentType: Preview['contentType'] }[]>`
        select preview as bytes, preview_type as content_type from job_progress
        where job_id = ${jobId} and preview is not null`;
      return row;
    },
  };
}

/** For a worker that has the database anyway. */
export function createProgressReports(sql: Sql): ProgressReporter {
  const store = createProgressStore(sql);
  return {
    async reportProgress(report) {
      await store.report(report);
    },
  };
}
