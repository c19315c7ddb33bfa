import type { Sql } from './connect.ts';
import type { JobRow } from './job-row.ts';

/** Place of a job in the order in which its tenant's jobs were submitted; within a request the last job comes first. */
export interface JobPlace {
  readonly createdAt: Date;
  readonly batchId: string;
  readonly position: number;
}

export interface JobFilter {
  /** The job's own properties contain these, nested ones too. */
  readonly properties: Readonly<Record<string, unknown>>;
  /** In lower case, such as `texttoimage`. */
  readonly type?: string;
}

/** The jobs that one request made. */
interface SubmittedRequest {
  readonly batchId: string;
  readonly createdAt: Date;
  readonly jobs: readonly JobRow[];
}

export interface RequestPage {
  readonly requests: readonly SubmittedRequest[];
  readonly hasMore: boolean;
}

export type RequestPlace = Pick<JobPlace, 'createdAt' | 'batchId'>;

export interface Consumption {
  /** Pictures that succeeded jobs made. */
  readonly images: number;
  readonly totalCost: number;
}

/** From here on, and up to but without there. */
export interface Period {
  readonly from?: Date;
  readonly to?: Date;
}

export type JobListings = ReturnType<typeof createJobListings>;

/** Jobs of a tenant behind `after`, newest first. Rows without properties are not in the index of properties. */
export const matchingJobs = (
  sql: Sql,
  tenant: string,
  { properties, type }: JobFilter,
  after: JobPlace | undefined,
  limit: number,
) => sql<JobRow[]>`
  select * from jobs where tenant = ${tenant}
    ${Object.keys(properties).length > 0 ? sql`and properties <> '{}' and properties @> ${sql.json(properties as never)}` : sql``}
    ${type === undefined ? sql`` : sql`and lower(type) = ${type}`}
    ${after ? sql`and (created_at, batch_id, position) < (${after.createdAt}, ${after.batchId}::uuid, ${after.position}::int)` : sql``}
  order by created_at desc, batch_id desc, position desc limit ${limit}`;

/** What succeeded in a period, counted when it was finished. */
export const consumedIn = (sql: Sql, tenant: string, { from, to }: Period) => sql<Consumption[]>`
  select coalesce(round(sum(cost)::numeric, 4), 0)::float8 as total_cost,
    coalesce(sum((select count(*) from jsonb_array_elements(outputs) as output
      where output ->> 'contentType' like 'image/%')), 0)::int as images
  from jobs where tenant = ${tenant} and state = 'succeeded'
    ${from ? sql`and finished_at >= ${from}` : sql``}
    ${to ? sql`and finished_at < ${to}` : sql``}`;

/** Reads over many jobs of one tenant; each walks an index, however many rows there are. */
export function createJobListings(sql: Sql) {
  /** At most `limit` requests behind `after`, newest first: from request to request over the index. */
  const listPlaces = (
    tenant: string,
    after: RequestPlace | undefined,
    limit: number,
  ): Promise<(RequestPlace & { readonly jobs: number })[]> =>
    sql`
      with recursive request as (
        (select created_at, batch_id from jobs where tenant = ${tenant}
          ${after ? sql`and (created_at, batch_id) < (${after.createdAt}, ${after.batchId}::uuid)` : sql``}
          order by created_at desc, batch_id desc limit 1)
        union all
        select following.created_at, following.batch_id from request cross join lateral (
          select created_at, batch_id from jobs where tenant = ${tenant}
            and (created_at, batch_id) < (request.created_at, request.batch_id)
          order by created_at desc, batch_id desc limit 1
        ) as following
      )
      select created_at, batch_id, (select count(*)::int from jobs where tenant = ${tenant}
        and jobs.created_at = request.created_at and jobs.batch_id = request.batch_id) as jobs
      from request limit ${limit}`;

  return {
    /** Newest first, behind `after`. */
    async queryJobs(
      tenant: string,
      filter: JobFilter,
      after: JobPlace | undefined,
      limit: number,
    ): Promise<JobRow[]> {
      return matchingJobs(sql, tenant, filter, after, limit);
    },

    /** Newest first, behind `after`; a page ends early before more than `mostJobs` jobs, but never without a request. */
    async listRequests(
      tenant: string,
      after: RequestPlace | undefined,
      limit: number,
      mostJobs: number,
    ): Promise<RequestPage> {
      // One more than a page says whether there is another.
      const places = await listPlaces(tenant, after, limit + 1);
      let jobs = 0;
      const taken = places
        .slice(0, limit)
        .filter((place, index) => (jobs += place.jobs) <= mostJobs || index === 0);
      const rows = await sql<JobRow[]>`
        select * from jobs where tenant = ${tenant}
          and batch_id = any(${taken.map(({ batchId }) => batchId)}::uuid[]) order by position`;
      const requests = taken.map(({ batchId, createdAt }) => ({
        ...{ batchId, createdAt },
        jobs: rows.filter((row) => row.batchId === batchId),
      }));
      return { requests, hasMore: places.length > taken.length };
    },

    async sumConsumption(tenant: string, period: Period): Promise<Consumption> {
      const [row] = await consumedIn(sql, tenant, period);
      return row ?? { images: 0, totalCost: 0 };
    },
  };
}
