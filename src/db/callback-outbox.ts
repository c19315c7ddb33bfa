import type { Sql } from './connect.ts';

export type CallbackOutbox = ReturnType<typeof createCallbackOutbox>;

/** A stream with something that Temporal has not been told. */
export interface UntoldStream {
  readonly id: string;
  readonly tenant: string;
  readonly wanted: number;
  /** It shall not wait for the next try. */
  readonly isUrgent: boolean;
}

/** Streams whose workflow has to be told, without locks: whoever writes a job's state never waits for Temporal. */
export function createCallbackOutbox(sql: Sql) {
  return {
    /** At most `limit`, from after `cursor` in the order of their ids. */
    async listUntold(cursor: string, limit: number): Promise<UntoldStream[]> {
      return sql<UntoldStream[]>`
        select id, tenant, wanted, urgent > told as is_urgent from callback_streams
        where told < wanted and id > ${cursor} order by id limit ${limit}`;
    },

    /**
     * Those that should have been tried more than `ageMs` ago and of which Temporal heard longer ago than that: their
     * workflow was ended by hand, or Temporal was set up anew.
     */
    async listForgotten(ageMs: number, limit: number): Promise<UntoldStream[]> {
      return sql<UntoldStream[]>`
        select id, tenant, wanted, true as is_urgent from callback_streams
        where due_at < now() - ${ageMs} * interval '1 millisecond'
          and told_at < now() - ${ageMs} * interval '1 millisecond'
        order by due_at limit ${limit}`;
    },

    /** Temporal has acknowledged this much. */
    async markTold({ id, wanted }: Pick<UntoldStream, 'id' | 'wanted'>): Promise<void> {
      await sql`
        update callback_streams set told = greatest(told, ${wanted}), told_at = now() where id = ${id}`;
    },
  };
}
