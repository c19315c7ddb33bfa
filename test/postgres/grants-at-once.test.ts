/** Many placers, each on connections of its own: what they grant together stays within every limit. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectDatabase, type Sql } from '../../src/db/connect.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore, type GrantAnswer } from '../../src/db/leases.ts';
import { createRunStore } from '../../src/db/runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { grantRequest } from '../support/grant-request.ts';
import { newJobRow } from '../support/jobs.ts';

let database: TestDatabase;
/** More connections than the pool of a worker has, so that the grants do not queue up behind each other in the driver. */
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = connectDatabase({ url: database.url, maxConnections: 16, applicationName: 'placers' });
  await sql`
    insert into servers (id, pool, room, reachable, draining_at) values
      ('a', 'default', 2, true, null), ('b', 'default', 3, true, null), ('drains', 'default', 9, true, now())`;
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

const LIMITED = 'limited';
const TENANT_LIMIT = 2;

const openJobs = async (count: number, tenant: string): Promise<string[]> => {
  const rows = Array.from({ length: count }, () => newJobRow({ tenant }));
  await createJobStore(sql).insertJobs(rows);
  await Promise.all(rows.map(({ id }) => createRunStore(sql).openRun(id, 'run-1')));
  return rows.map(({ id }) => id);
};

const askAll = (jobIds: readonly string[], tenant: string): Promise<GrantAnswer>[] =>
  jobIds.flatMap((jobId) =>
    ['a', 'b', 'drains'].map((serverId) =>
      createLeaseStore(sql).grant(
        grantRequest(jobId, {
          ...{ serverId, tenant },
          ...(tenant === LIMITED ? { tenantLimit: TENANT_LIMIT } : {}),
        }),
      ),
    ),
  );

const takenBy = async (column: 'tenant' | 'server_id'): Promise<Record<string, number>> => {
  const rows = await sql<{ name: string; jobs: number }[]>`
    select ${sql(column)} as name, count(*)::int as jobs from leases where drawn_at is null group by 1`;
  return Object.fromEntries(rows.map(({ name, jobs }) => [name, jobs]));
};

it('placers that grant at once never exceed a server’s room or a tenant’s limit, and fill both', async () => {
  for (let round = 0; round < 4; round += 1) {
    const [limited, free] = await Promise.all([openJobs(6, LIMITED), openJobs(6, 'local')]);
    const asked = [...askAll(limited, LIMITED), ...askAll(free, 'local')];
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['granted', 'full']));
    expect(await takenBy('server_id')).toEqual({ a: 2, b: 3 });
    const { [LIMITED]: taken = 0 } = await takenBy('tenant');
    expect(taken).toBeLessThanOrEqual(TENANT_LIMIT);
    // Ends and new grants of the same jobs in the same moment: nobody waits for each other in a circle.
    await Promise.all([
      ...[...limited, ...free].map((jobId) =>
        createRunStore(sql).finish({
          ...{ jobId, tenant: 'local', runId: 'run-1', attempt: 1, state: 'succeeded' },
          ...{ releaseLease: true, blobExpiresAt: new Date() },
        }),
      ),
      ...askAll(limited, LIMITED),
    ]);
    await sql`delete from leases`;
  }
});

it('a tenant gets exactly what it may have, on whichever servers', async () => {
  const answers = await Promise.all(askAll(await openJobs(8, LIMITED), LIMITED));
  const granted = answers.flatMap((answer) => (answer.outcome === 'granted' ? answer.lease : []));
  expect(new Set(granted.map(({ jobId }) => jobId)).size).toBe(TENANT_LIMIT);
  expect(await takenBy('tenant')).toEqual({ [LIMITED]: TENANT_LIMIT });
});
