import type { CallbackEvent, DeliveryState } from '../domain/callback.ts';
import type { Sql } from './connect.ts';

export type CallbackLog = ReturnType<typeof createCallbackLog>;

/** One delivery as its tenant sees it. */
export interface DeliveryRecord {
  readonly number: number;
  readonly event: CallbackEvent;
  readonly state: DeliveryState;
  readonly url: string;
  readonly createdAt: Date;
  readonly tries: number;
  readonly triedAt: Date | null;
  readonly endedAt: Date | null;
  /** When it is tried next: of the first pending one only, the others wait behind it. */
  readonly nextTryAt: Date | null;
  readonly status: number | null;
  readonly error: string | null;
}

/** A delivery among those of a tenant. */
export interface TenantDelivery extends DeliveryRecord {
  readonly jobId: string;
  readonly streamId: string;
  /** `createdAt` with its microseconds, which a Date has none of. */
  readonly writtenAt: string;
}

/** Place of a delivery in the order in which they were written. */
export type DeliveryPlace = Pick<TenantDelivery, 'writtenAt' | 'streamId' | 'number'>;

const COLUMNS = [
  'number',
  'event',
  'state',
  'createdAt',
  'tries',
  'triedAt',
  'endedAt',
  'status',
  'error',
] as const;

/** Streams that are sent once more in one transaction. */
const AT_ONCE = 500;

/** Deliveries of a tenant in one state behind `after`, newest first. */
export const deliveriesIn = (
  sql: Sql,
  tenant: string,
  state: DeliveryState,
  after: DeliveryPlace | undefined,
  limit: number,
) => sql<TenantDelivery[]>`
  select ${sql(COLUMNS.map((column) => `d.${column}`))}, d.stream_id, s.job_id, s.url, d.created_at::text as written_at,
    case when d.state = 'pending' and not exists (select from callback_deliveries e
      where e.stream_id = d.stream_id and e.state = 'pending' and e.number < d.number) then s.due_at end as next_try_at
  from callback_deliveries d join callback_streams s on s.id = d.stream_id
  where d.tenant = ${tenant} and d.state = ${state}
    ${after ? sql`and (d.created_at, d.stream_id, d.number) < (${after.writtenAt}::text::timestamptz, ${after.streamId}::uuid, ${after.number}::int)` : sql``}
  order by d.created_at desc, d.stream_id desc, d.number desc limit ${limit}`;

/** Streams with the oldest deliveries that were given up by `until`. */
export const deadStreams = (sql: Sql, tenant: string, until: string) => sql<{ id: string }[]>`
  select distinct stream_id as id from (
    select stream_id from callback_deliveries
    where tenant = ${tenant} and state = 'dead' and ended_at <= ${until}::text::timestamptz
    order by created_at, stream_id, number limit ${AT_ONCE}
  ) as dead`;

/** The delivery log. Every call is scoped by tenant. */
export function createCallbackLog(sql: Sql) {
  /** Tries begin anew. A stream is locked before its deliveries, as whoever notes a try does. */
  const resend = (
    streams: ReturnType<typeof sql>,
    deliveries: ReturnType<typeof sql>,
  ): Promise<{ number: number }[]> => sql`
    with locked as materialized (
      select s.id from callback_streams s where ${streams} order by s.id for no key update
    ), asked as (
      update callback_deliveries d set state = 'pending', asked_at = now(), tries_since_asked = 0, ended_at = null
      from locked where d.stream_id = locked.id and ${deliveries}
      returning d.stream_id, d.number
    ), woken as (
      update callback_streams set wanted = wanted + 1, urgent = wanted + 1, due_at = now()
      where id in (select stream_id from asked)
    )
    select number from asked order by number`;

  return {
    /** Deliveries of a job in their order. */
    async listDeliveries(tenant: string, jobId: string): Promise<DeliveryRecord[]> {
      return sql<DeliveryRecord[]>`
        select ${sql(COLUMNS.map((column) => `d.${column}`))}, s.url,
          case when d.number = min(d.number) filter (where d.state = 'pending') over () then s.due_at end as next_try_at
        from callback_deliveries d join callback_streams s on s.id = d.stream_id
        where s.job_id = ${jobId} and s.tenant = ${tenant} order by d.number`;
    },

    /** At most `limit` deliveries of all jobs in one state behind `after`, newest first. */
    async listByState(
      tenant: string,
      state: DeliveryState,
      after: DeliveryPlace | undefined,
      limit: number,
    ): Promise<TenantDelivery[]> {
      return deliveriesIn(sql, tenant, state, after, limit);
    },

    /**
     * Has deliveries sent once more, or now if they wait: the one with this number, or without one all that are dead.
     * Returns their numbers.
     */
    async redeliver(tenant: string, jobId: string, number?: number): Promise<number[]> {
      const rows = await resend(
        sql`s.tenant = ${tenant} and s.job_id = ${jobId}`,
        number === undefined ? sql`d.state = 'dead'` : sql`d.number = ${number}`,
      );
      return rows.map((row) => row.number);
    },

    /**
     * Has all deliveries sent once more that are dead now; returns how many. In portions, so that no lock is held for
     * long: what was asked for before a failure stays so, and another call does the rest.
     */
    async redeliverDead(tenant: string): Promise<number> {
      const [now] = await sql<{ at: string }[]>`select now()::text as at`;
      for (let count = 0; ;) {
        const streams = await deadStreams(sql, tenant, now?.at ?? '');
        if (streams.length === 0) return count;
        const ids = streams.map(({ id }) => id);
        const rows = await resend(sql`s.id = any(${ids}::uuid[])`, sql`d.state = 'dead'`);
        count += rows.length;
      }
    },
  };
}
