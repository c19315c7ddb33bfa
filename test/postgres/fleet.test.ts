import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFleetReports } from '../../src/db/fleet-reports.ts';
import {
  createFleetOperations,
  type OperatedServer,
  type FleetOperations,
} from '../../src/db/fleet-operations.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { serverState } from '../../src/domain/server-state.ts';
import type { FleetReport } from '../../src/ports.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';

let database: TestDatabase;
let fleet: FleetOperations;
beforeAll(async () => {
  database = await createTestDatabase();
  fleet = createFleetOperations(database.sql);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.sql`truncate servers, jobs cascade`;
});

const WORKER = {
  id: 'c9a5bd1c-6a3a-4f5e-9a53-3df0a2f1c001',
  startedAt: '2026-01-01T00:00:00.000Z',
};
const report = async (change: Partial<FleetReport> = {}): Promise<void> => {
  const reports = createFleetReports(database.sql, { goneAfterSeconds: 60 });
  await reports.report({
    serverId: 'a',
    pool: 'default',
    room: 2,
    reachable: true,
    worker: WORKER,
    ...change,
  });
};
const server = async (): Promise<OperatedServer> => {
  const found = await fleet.findServer('a');
  if (!found) throw new Error('there is no server a');
  return found;
};
const state = async (): Promise<string> => serverState(await server());
const forgetReports = (hours: number): Promise<unknown> =>
  database.sql`update servers set reported_at = reported_at - ${hours} * interval '1 hour'`;

describe('the fleet', () => {
  it('tells of a server what was reported, how much it has and who stands at it', async () => {
    await report({
      labels: { rack: 'r1' },
      serves: { ecosystems: ['sd1'] },
      vramBytes: 24e9,
      running: 1,
      waiting: 3,
      files: { checkpoints: ['a', 'b'], loras: ['c'] },
      nodeClasses: ['N'],
      listsHash: 'h',
    });
    expect(await server()).toMatchObject({
      labels: { rack: 'r1' },
      serves: { ecosystems: ['sd1'] },
      vramBytes: 24e9,
      running: 1,
      waiting: 3,
      modelFiles: 3,
      nodeClasses: 1,
      leases: 0,
      workers: [{ id: WORKER.id, reachable: true, error: null }],
    });
    expect(await fleet.findServer('b')).toBeUndefined();
  });

  it('counts the jobs that a server finished in the last hour', async () => {
    await report();
    const jobs = Array.from({ length: 4 }, () => newJobRow());
    await createJobStore(database.sql).insertJobs(jobs);
    await database.sql`update jobs set server_id = 'a', state = 'succeeded', finished_at = now()`;
    await database.sql`update jobs set state = 'failed' where id = ${jobs[0]?.id ?? ''}`;
    await database.sql`
      update jobs set finished_at = now() - interval '61 minutes' where id = ${jobs[1]?.id ?? ''}`;
    expect((await server()).jobsPerHour).toBe(2);
  });

  it('knows every pool that a server is in', async () => {
    await report();
    await report({ serverId: 'b', pool: 'slow' });
    await report({ serverId: 'c', pool: 'slow' });
    expect(await fleet.listPools()).toEqual(['default', 'slow']);
  });
});

describe('draining', () => {
  it('outlasts reports, restarts of the server and the leave of its worker', async () => {
    await report();
    expect(await fleet.setDraining('a', true)).toBe(true);
    const { drainingAt } = await server();
    await report({ bootId: 'another' });
    await report({ reachable: false, error: 'away' });
    expect(await state()).toBe('down');
    await createFleetReports(database.sql, { goneAfterSeconds: 60 }).leave({
      serverId: 'a',
      workerId: WORKER.id,
    });
    expect(await state()).toBe('gone');
    await report();
    expect(await state()).toBe('draining');
    await fleet.setDraining('a', true);
    expect((await server()).drainingAt).toEqual(drainingAt);
    await fleet.setDraining('a', false);
    expect(await state()).toBe('up');
    expect(await fleet.setDraining('b', true)).toBe(false);
  });
});

describe('a server that nobody reports any more', () => {
  const lease = async (): Promise<void> => {
    const job = newJobRow();
    await createJobStore(database.sql).insertJobs([job]);
    await database.sql`
      insert into leases (job_id, run_index, attempt, run_id, server_id, tenant, prompt_id, model, reason)
      values (${job.id}, 1, 1, 'run', 'a', 'local', ${job.id}, 'm', 'room')`;
  };

  it('is forgotten after its time, but not while a lease refers to it', async () => {
    await report();
    await forgetReports(23);
    expect(await state()).toBe('gone');
    expect(await fleet.forgetServers(24)).toBe(0);
    await forgetReports(2);
    await lease();
    expect(await fleet.forgetServers(24)).toBe(0);
    await database.sql`delete from leases`;
    expect(await fleet.forgetServers(24)).toBe(1);
    expect(await fleet.listFleet()).toEqual([]);
  });

  it('can be removed at once, and only then', async () => {
    expect(await fleet.removeServer('a')).toBe('unknown');
    await report();
    expect(await fleet.removeServer('a')).toBe('reported');
    await forgetReports(1);
    await lease();
    expect(await fleet.removeServer('a')).toBe('leased');
    await database.sql`delete from leases`;
    expect(await fleet.removeServer('a')).toBe('removed');
  });
});
