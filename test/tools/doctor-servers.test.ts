/** What the doctor says of a list of servers, and of the fleet. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkComfy } from '../../src/commands/doctor/comfy.ts';
import { checkFleet } from '../../src/commands/doctor/fleet.ts';
import { loadConfig } from '../../src/config.ts';
import { createFleetReports } from '../../src/db/fleet-reports.ts';
import { ephemeralPort } from '../../src/dev/ports.ts';
import { startSimulator, type Simulator } from '../../src/executors/simulator/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { SD1 } from '../support/jobs.ts';

let dataDir: string;
let simulator: Simulator;
let database: TestDatabase;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'doctor-servers-'));
  simulator = await startSimulator({ port: 0, dataDir });
  database = await createTestDatabase();
});
afterAll(async () => {
  await simulator.close();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

describe('the doctor', () => {
  it('looks at every server of the list', async () => {
    const config = loadConfig({
      COMFY_SERVERS: JSON.stringify([
        { id: 'good', url: simulator.url },
        { id: 'away', url: `http://127.0.0.1:${await ephemeralPort('127.0.0.1')}` },
        { id: 'locked', url: 'http://127.0.0.1:1', credentials: { env: 'LOGIN' } },
      ]),
    });
    const findings = await checkComfy(config);
    const of = (what: string) => findings.find((one) => one.what === what);
    expect(of('ComfyUI good')).toMatchObject({ well: true });
    expect(of('ComfyUI nodes (good)')).toMatchObject({ well: true });
    expect(of('ComfyUI away')?.says).toContain('ECONNREFUSED');
    expect(of('ComfyUI away')?.todo).toContain('url of away in COMFY_SERVERS');
    expect(of('ComfyUI locked')).toMatchObject({ well: false });
    expect(of('ComfyUI locked')?.says).toContain('LOGIN is not set');
  });

  it('says of each server of the fleet what it does, also of those that others serve', async () => {
    const reports = createFleetReports(database.sql, { goneAfterSeconds: 60 });
    const report = { pool: 'fast', room: 2, reachable: true, running: 1, waiting: 1 };
    await reports.report({ ...report, serverId: 'a' });
    await reports.report({ ...report, serverId: 'b', reachable: false, error: 'no answer' });
    await reports.report({ ...report, serverId: 'c' });
    await reports.report({ ...report, serverId: 'd' });
    await database.sql`update servers set loaded_model = ${SD1} where id = 'a'`;
    await database.sql`update servers set draining_at = now() where id = 'c'`;
    await database.sql`update servers set reported_at = now() - interval '1 day' where id = 'd'`;
    const findings = await checkFleet({ DATABASE_URL: database.url });
    expect(findings.map(({ what, well }) => [what, well])).toEqual([
      ['Server a', true],
      ['Server b', false],
      ['Server c', true],
      ['Server d', false],
    ]);
    const [up, down, draining, gone] = findings.map(({ says }) => says);
    expect(up).toBe(
      `up; pool fast; 1 running, 1 waiting, room 2; 0 jobs in the last hour; loaded ${SD1}`,
    );
    expect(down).toMatch(/^down; pool fast; since .+no answer$/);
    expect(draining).toContain('draining');
    expect(gone).toMatch(/^gone; pool fast; since/);
  });

  it('is silent about a fleet where there is no database yet', async () => {
    expect(await checkFleet({ DATABASE_URL: undefined })).toEqual([]);
    const nowhere = `postgres://x:x@127.0.0.1:${await ephemeralPort('127.0.0.1')}/x`;
    expect(await checkFleet({ DATABASE_URL: nowhere })).toEqual([]);
  });
});
