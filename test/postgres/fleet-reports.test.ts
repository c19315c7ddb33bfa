import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { createFleetReports } from '../../src/db/fleet-reports.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore } from '../../src/db/leases.ts';
import { createRunStore } from '../../src/db/runs.ts';
import type { FleetReport, FleetReporter } from '../../src/ports.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { grantRequest } from '../support/grant-request.ts';
import { newJobRow, SD1 } from '../support/jobs.ts';

let database: TestDatabase;
let fleet: FleetReporter;
beforeAll(async () => {
  database = await createTestDatabase();
  fleet = createFleetReports(database.sql, { goneAfterSeconds: 60 });
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.sql`truncate servers, jobs cascade`;
});

const FIRST = { id: randomUUID(), startedAt: '2026-01-01T00:00:00.000Z' };
const SECOND = { id: randomUUID(), startedAt: '2026-01-02T00:00:00.000Z' };
const report = (change: Partial<FleetReport> = {}): FleetReport => ({
  serverId: 'a',
  pool: 'default',
  room: 'auto',
  reachable: true,
  bootId: 'boot-1',
  worker: FIRST,
  ...change,
});
const DOWN = { reachable: false, error: 'no answer' };
const server = async (): Promise<Record<string, unknown>> => {
  const [row] = await database.sql`select * from servers where id = 'a'`;
  if (!row) throw new Error('there is no server a');
  return row;
};
/** As if everything that was said had been said so long ago. */
const age = async (seconds: number): Promise<void> => {
  const by = database.sql`${seconds} * interval '1 second'`;
  await database.sql`update server_workers set reported_at = reported_at - ${by}`;
  await database.sql`update servers set reported_at = reported_at - ${by}`;
};
const free = async (): Promise<readonly { reachable: boolean }[]> =>
  createLeaseStore(database.sql).listRoom('default');

describe('lists of files and nodes', () => {
  const lists = { files: { checkpoints: ['x'] }, nodeClasses: ['N'], listsHash: 'h1' };

  it('are asked for when their hash is new, and then never again', async () => {
    const { files: _f, nodeClasses: _n, ...light } = lists;
    expect(await fleet.report(report(light))).toMatchObject({ wantsLists: true });
    expect(await fleet.report(report(lists))).toEqual({ wantsLists: false, changed: true });
    expect(await fleet.report(report(light))).toEqual({ wantsLists: false, changed: false });
    expect(await fleet.report(report({ ...light, worker: SECOND }))).toMatchObject({
      wantsLists: false,
    });
    expect(await server()).toMatchObject({ files: lists.files, nodeClasses: ['N'] });
    expect(await fleet.report(report({ listsHash: 'h2' }))).toMatchObject({ wantsLists: true });
  });

  it('stay while the server is away', async () => {
    await fleet.report(report({ ...lists, version: '0.10.0' }));
    await fleet.report(report({ ...DOWN }));
    expect(await server()).toMatchObject({ files: lists.files, version: '0.10.0' });
  });
});

describe('a server that goes away', () => {
  it('is down since then with its error, and keeps the error when it is back', async () => {
    await fleet.report(report());
    expect(await fleet.report(report(DOWN))).toMatchObject({ changed: true });
    const down = await server();
    expect(down).toMatchObject({ reachable: false, error: 'no answer' });
    expect(await fleet.report(report(DOWN))).toMatchObject({ changed: false });
    expect((await server())['downSince']).toEqual(down['downSince']);
    expect(await fleet.report(report())).toMatchObject({ changed: true });
    const back = await server();
    expect(back).toMatchObject({ reachable: true, error: null, downSince: null });
    expect(back).toMatchObject({ lastError: 'no answer' });
    expect(back['lastErrorAt']).toBeInstanceOf(Date);
  });

  it('that was never there is down from the first report on', async () => {
    await fleet.report(report(DOWN));
    expect((await server())['downSince']).toBeInstanceOf(Date);
  });
});

describe('two workers at one server', () => {
  it('agree on the settings of the one that started later, whoever reports last', async () => {
    await fleet.report(report({ worker: SECOND, room: 5, pool: 'new' }));
    await fleet.report(report({ worker: FIRST, room: 2, pool: 'old' }));
    expect(await server()).toMatchObject({ room: 5, pool: 'new', roomAuto: false });
    await fleet.leave({ serverId: 'a', workerId: SECOND.id });
    await fleet.report(report({ worker: FIRST, room: 2, pool: 'old' }));
    expect(await server()).toMatchObject({ room: 2, pool: 'old' });
  });

  it('take it for reachable while one of them reaches it', async () => {
    await fleet.report(report({ worker: FIRST }));
    await fleet.report(report({ worker: SECOND, ...DOWN }));
    expect(await server()).toMatchObject({ reachable: true, error: null });
    await fleet.report(report({ worker: FIRST, ...DOWN }));
    expect(await server()).toMatchObject({ reachable: false, error: 'no answer' });
  });

  it('believe no old word of one that was killed', async () => {
    await fleet.report(report({ worker: FIRST }));
    await age(20);
    await fleet.report(report({ worker: SECOND, ...DOWN }));
    expect(await server()).toMatchObject({ reachable: false });
  });

  it('share the room that follows the drawings of the server', async () => {
    await fleet.report(report({ worker: FIRST }));
    await fleet.report(report({ worker: SECOND }));
    expect(await server()).toMatchObject({ room: 2 });
    await draw(20);
    expect(await server()).toMatchObject({ room: 8, loadedModel: SD1 });
    await fleet.report(report({ worker: FIRST }));
    await fleet.report(report({ worker: SECOND }));
    expect(await server()).toMatchObject({ room: 8 });
    await fleet.report(report({ worker: SECOND, room: 1 }));
    await fleet.report(report({ worker: FIRST }));
    expect(await server()).toMatchObject({ room: 1 });
  });
});

describe('a server whose last worker leaves', () => {
  it('gets no jobs from then on, and does again with the next report', async () => {
    await fleet.report(report({ worker: FIRST }));
    await fleet.report(report({ worker: SECOND }));
    await fleet.leave({ serverId: 'a', workerId: FIRST.id });
    expect(await free()).toMatchObject([{ reachable: true }]);
    await fleet.leave({ serverId: 'a', workerId: SECOND.id });
    expect(await free()).toMatchObject([{ reachable: false }]);
    expect(await fleet.report(report({ worker: FIRST }))).toMatchObject({ changed: true });
    expect(await free()).toMatchObject([{ reachable: true }]);
  });

  it('without a word gets none once its last report is too old', async () => {
    await fleet.report(report());
    await age(59);
    expect(await free()).toMatchObject([{ reachable: true }]);
    await age(2);
    expect(await free()).toMatchObject([{ reachable: false }]);
  });
});

describe('the loaded model', () => {
  it('is that of the latest drawing, until the server process is restarted', async () => {
    await fleet.report(report());
    await draw(500);
    expect(await server()).toMatchObject({ loadedModel: SD1 });
    await fleet.report(report());
    expect(await server()).toMatchObject({ loadedModel: SD1 });
    await fleet.report(report({ bootId: 'boot-2' }));
    expect(await server()).toMatchObject({ loadedModel: null });
  });
});

/** A job is granted the server, and drawn. */
async function draw(drawMs: number): Promise<void> {
  const job = newJobRow();
  await createJobStore(database.sql).insertJobs([job]);
  await createRunStore(database.sql).openRun(job.id, 'run-1');
  await createLeaseStore(database.sql).grant(grantRequest(job.id));
  await fleet.reportDrawn({ serverId: 'a', promptId: promptIdFor(job.id, 1, 1), drawMs });
}
