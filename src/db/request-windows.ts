import type { Sql } from './connect.ts';
import { lazyCommit } from './lazy-commit.ts';

/** What a process was given of a window. */
export interface RequestGrant {
  readonly granted: number;
  /** What nobody has been given yet. */
  readonly left: number;
  /** Until the window ends, counted from the moment at which the database had the question. */
  readonly endsInMs: number;
  /** Names the window. */
  readonly window: string;
}

export type RequestWindows = ReturnType<typeof createRequestWindows>;

/**
 * Requests that a subject may make in a window, shared by all processes: one row for each subject, written when a
 * process takes some for itself or gives back what it did not need. A window begins with the first request after the
 * one before.
 */
export function createRequestWindows(sql: Sql) {
  return {
    /** Takes up to `wanted` of the `limit` requests; a new window begins when there is none. */
    async take(
      subject: string,
      limit: number,
      wanted: number,
      windowSeconds: number,
    ): Promise<RequestGrant> {
      const taken = sql`case when w.ends_at <= now() then 0 else w.taken end`;
      const granted = sql`greatest(0, least(${wanted}::int, ${limit}::int - (${taken})))`;
      const [row] = await sql<RequestGrant[]>`
        with ${lazyCommit(sql)}
        insert into request_windows as w (subject, ends_at, taken, granted)
        select ${subject}, now() + ${windowSeconds} * interval '1 second',
          least(${wanted}::int, ${limit}::int), least(${wanted}::int, ${limit}::int) from commit
        on conflict (subject) do update set
          ends_at = case when w.ends_at <= now() then excluded.ends_at else w.ends_at end,
          taken = (${taken}) + ${granted},
          granted = ${granted}
        returning granted, greatest(0, ${limit}::int - taken) as left, ends_at::text as window,
          extract(epoch from ends_at - now())::float8 * 1000 as ends_in_ms`;
      if (!row) throw new Error('upsert of request_windows returned no row');
      return row;
    },

    /** Gives back what was taken of a window and not used; nothing happens once the window is over. */
    async giveBack(subject: string, window: string, count: number): Promise<void> {
      // The window goes as a text: the driver makes a Date of a timestamp, which has no microseconds.
      await sql`
        with ${lazyCommit(sql)}
        update request_windows set taken = greatest(0, taken - ${count}) from commit
        where subject = ${subject} and ends_at = ${window}::text::timestamptz`;
    },
  };
}
