import type { EndedJob } from '../domain/throughput.ts';
import type { Sql } from './connect.ts';

/** What ended longer ago says little about now. */
const LATELY_MINUTES = 15;
const MOST = 1_000;

export type RecentEnds = () => Promise<EndedJob[]>;

/** The newest jobs that had a server and ended lately, of all tenants and pools; an index gives them in order. */
export const createRecentEnds =
  (sql: Sql): RecentEnds =>
  () =>
    sql<EndedJob[]>`
      select pool, tenant, claimed_at, finished_at from jobs
      where finished_at > now() - ${LATELY_MINUTES} * interval '1 minute'
        and claimed_at is not null and class <> 'task' and state in ('succeeded', 'failed')
      order by finished_at desc limit ${MOST}`;
