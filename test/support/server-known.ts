import type { Sql } from '../../src/db/connect.ts';
import { until } from './until.ts';

/** Waits until a server of the stack answers; its lists are known with it. A request that comes sooner is not refused for a file. */
export const untilServerKnown = ({ sql }: { readonly sql: Sql }): Promise<unknown> =>
  until(
    'a server is known',
    async () => (await sql`select from servers where reachable`).count > 0,
  );
