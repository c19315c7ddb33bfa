import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore } from '../../src/db/leases.ts';
import { createRunStore } from '../../src/db/runs.ts';
import type { Lease } from '../../src/domain/job.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { grantRequest } from '../support/grant-request.ts';
import { newJobRow } from '../support/jobs.ts';

describe('a lease of which nothing was heard', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    await database.sql`insert into servers (id, pool, room, reachable) values ('a', 'default', 9, true)`;
  });
  afterAll(() => database.drop());

  const granted = async (): Promise<Lease> => {
    const job = newJobRow();
    await createJobStore(database.sql).insertJobs([job]);
    await createRunStore(database.sql).openRun(job.id, 'run-1');
    const answer = await createLeaseStore(database.sql).grant(grantRequest(job.id));
    if (answer.outcome !== 'granted') throw new Error(answer.outcome);
    return answer.lease;
  };
  const untaken = async (ageMs = 0): Promise<string[]> =>
    (await createLeaseStore(database.sql).listUntaken(ageMs)).map(({ jobId }) => jobId);

  it('is one whose job is still at its claim', async () => {
    const { sql } = database;
    const quiet = await granted();
    const prepared = await granted();
    const givenUp = await granted();
    const ended = await granted();
    await createRunStore(sql).advance(prepared, 'prepare');
    await createLeaseStore(sql).giveUp(givenUp);
    await sql`update jobs set state = 'canceled', finished_at = now() where id = ${ended.jobId}`;
    expect(await untaken()).toEqual([quiet.jobId]);
    expect(await untaken(60_000)).toEqual([]);
    // Its run claims for the next attempt.
    await sql`update jobs set attempt = 2 where id = ${quiet.jobId}`;
    expect(await untaken()).toEqual([]);
  });
});
