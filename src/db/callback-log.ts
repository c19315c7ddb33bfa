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

/** The delivery log. Every call is scoped by tenant. */
export function createCallbackLog(sql: Sql) {
  return {
    /** Deliveries of a job in their order. */
    async listDeliveries(tenant: string, jobId: string): Promise<DeliveryRecord[]> {
      return sql<DeliveryRecord[]>`
        select ${sql(COLUMNS.map((column) => `d.${column}`))}, s.url,
          case when d.number = min(d.number) filter (where d.state = 'pending') over () then s.due_at end as next_try_at
        from callback_deliveries d join callback_streams s on s.id = d.stream_id
        where s.job_id = ${jobId} and s.tenant = ${tenant} order by d.number`;
    },

    /**
     * Has deliveries sent once more, or now if they wait: the one with this number, or without one all that are dead.
     * Tries begin anew. Returns their numbers.
     */
    async redeliver(tenant: string, jobId: string, number?: number): Promise<number[]> {
      const rows = await sql<{ number: number }[]>`
        with asked as (
          update callback_deliveries d set state = 'pending', asked_at = now(), tries_since_asked = 0, ended_at = null
          from callback_streams s
          where s.id = d.stream_id and s.job_id = ${jobId} and s.tenant = ${tenant}
            and ${number === undefined ? sql`d.state = 'dead'` : sql`d.number = ${number}`}
          returning d.stream_id, d.number
        ), woken as (
          update callback_streams set wanted = wanted + 1, urgent = wanted + 1, due_at = now()
          where id in (select stream_id from asked)
        )
        select number from asked order by number`;
      return rows.map((row) => row.number);
    },
  };
}
