import type { Sql } from '../src/db/connect.ts';

/** Between two of them, so that the newest ended just now. */
const EVERY_SECONDS = 6;

/**
 * Inserts that many finished jobs with their runs, events and blobs, each a copy of one that was drawn and whose events
 * are kept. The bytes of all are those of the one.
 */
export async function insertFinished(sql: Sql, patternId: string, count: number): Promise<void> {
  const copies = sql`generate_series(1, ${count}) as n`;
  const id = sql`md5('finished ' || n)::uuid`;
  const at = sql`now() - n * ${EVERY_SECONDS} * interval '1 second'`;
  await sql`
    insert into jobs select copy.* from jobs as one cross join ${copies}
      cross join lateral jsonb_populate_record(one, jsonb_build_object(
        'id', ${id}, 'batch_id', gen_random_uuid(), 'created_at', ${at}, 'start_after', ${at}, 'started_at', ${at},
        'claimed_at', ${at}, 'changed_at', ${at}, 'finished_at', ${at})) as copy
    where one.id = ${patternId}`;
  await sql`
    insert into job_runs select copy.* from job_runs as one cross join ${copies}
      cross join lateral jsonb_populate_record(one, jsonb_build_object('job_id', ${id}, 'opened_at', ${at})) as copy
    where one.job_id = ${patternId}`;
  await sql`
    insert into event_snapshots select copy.* from event_snapshots as one cross join ${copies}
      cross join lateral jsonb_populate_record(one, jsonb_build_object('job_id', ${id}, 'taken_at', ${at})) as copy
    where one.job_id = ${patternId}`;
  await sql`
    insert into blobs select copy.* from blobs as one cross join ${copies}
      cross join lateral jsonb_populate_record(one, jsonb_build_object(
        'id', one.id || n, 'job_id', ${id}, 'storage_key', one.storage_key || n, 'created_at', ${at})) as copy
    where one.job_id = ${patternId}`;
}
