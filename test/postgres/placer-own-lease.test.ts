import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore } from '../../src/db/leases.ts';
import { createRunStore } from '../../src/db/runs.ts';
import type { Lease } from '../../src/domain/job.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { grantRequest } from '../support/grant-request.ts';
import { newJobRow } from '../support/jobs.ts';
import { claimOf, createTestPlacer } from '../support/placer.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describe('a claim that is tried again', () => {
  it('gets the lease that a try before it was granted, although the server is full with it', async () => {
    const { sql } = database;
    await sql`insert into servers (id, pool, room, reachable) values ('gpu-a', 'default', 1, true)`;
    const job = newJobRow();
    await createJobStore(sql).insertJobs([job]);
    const leases = createLeaseStore(sql);
    const runs = createRunStore(sql);
    await runs.openRun(job.id, 'run-1');
    const granted = await leases.grant(grantRequest(job.id, { serverId: 'gpu-a' }));
    expect(granted.outcome).toBe('granted');
    const placer = createTestPlacer(sql);
    try {
      const claim = placer.claim(claimOf(job.id, { runId: 'run-1' }), AbortSignal.timeout(3_000));
      const lease: Lease = await claim;
      expect(lease).toEqual(granted.outcome === 'granted' && granted.lease);
    } finally {
      placer.close();
    }
  });
});
