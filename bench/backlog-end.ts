import { setTimeout as delay } from 'node:timers/promises';
import type { Sql } from '../src/db/connect.ts';

/** Waits until that many jobs have succeeded. Throws when one ends otherwise. */
export async function untilEnded(sql: Sql, count: number): Promise<void> {
  for (;;) {
    const rows = await sql<{ state: string; count: number }[]>`
      select state, count(*)::int as count from jobs group by state`;
    const of = (state: string): number => rows.find((row) => row.state === state)?.count ?? 0;
    if (of('succeeded') >= count) return;
    const over = rows.find(({ state }) => !['queued', 'running', 'succeeded'].includes(state));
    if (over) throw new Error(`${over.count} jobs ended as ${over.state}`);
    await delay(100);
  }
}
