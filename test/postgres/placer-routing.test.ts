import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFleetReader } from '../../src/db/fleet.ts';
import { createFleetView, type FleetView } from '../../src/db/fleet-view.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore } from '../../src/db/leases.ts';
import { createServerFit } from '../../src/ecosystems/server-fit.ts';
import type { Placer, PlacerDeps } from '../../src/workers/placer.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';
import { claimOf, createTestPlacer } from '../support/placer.ts';
import { until } from '../support/until.ts';

/** A checkpoint by the name its file must have. */
const airOf = (version: number): string => `urn:air:sd1:checkpoint:civitai:1@${version}`;
const [EVERYWHERE, ON_A, ON_B] = [910_001, 910_002, 910_003].map(airOf) as [string, string, string];
const listing = (...versions: number[]) => ({
  checkpoints: versions.map((version) => `${version}.safetensors`),
});

let database: TestDatabase;
const placers: Placer[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  const { sql } = database;
  await sql`truncate jobs, servers, leases, job_runs, resources cascade`;
  await sql`
    insert into servers (id, pool, room, reachable, files) values
      ('a', 'default', 1, true, ${sql.json(listing(910_001, 910_002))}),
      ('b', 'default', 1, true, ${sql.json(listing(910_001, 910_003))}),
      ('far', 'other', 1, true, ${sql.json(listing(910_001))})`;
});
afterEach(() => {
  for (const placer of placers.splice(0)) placer.close();
});

const start = (change: Partial<PlacerDeps> = {}): Placer => {
  const placer = createTestPlacer(database.sql, { fit: createServerFit(), ...change });
  placers.push(placer);
  return placer;
};
const leases = () => createLeaseStore(database.sql);

interface Waiting {
  readonly jobId: string;
  readonly server: Promise<string>;
  readonly outcome: () => string | undefined;
}

/** A claim and how it ended: the server it got, or the type of its failure. */
async function claim(placer: Placer, model: string): Promise<Waiting> {
  const job = newJobRow();
  await createJobStore(database.sql).insertJobs([
    { ...job, generation: { ...job.generation, model } },
  ]);
  const lease = placer.claim(claimOf(job.id), new AbortController().signal);
  let outcome: string | undefined;
  const server = lease.then(({ serverId }) => serverId);
  server.then(
    (id) => (outcome = id),
    (error: { code?: string; type?: string }) => (outcome = error.code ?? error.type ?? 'error'),
  );
  await until('its run is open', async () => {
    const rows = await database.sql`select from job_runs where job_id = ${job.id}`;
    return rows.count > 0 || outcome !== undefined;
  });
  return { jobId: job.id, server, outcome: () => outcome };
}

const setServer = (id: string, change: object) =>
  database.sql`update servers set ${database.sql(change as never)} where id = ${id}`;

describe('a claim', () => {
  it('goes only to a server that has its files', async () => {
    const placer = start();
    expect(await (await claim(placer, ON_B)).server).toBe('b');
    const second = await claim(placer, ON_B);
    expect(await (await claim(placer, EVERYWHERE)).server).toBe('a');
    expect(second.outcome()).toBeUndefined();
    await leases().release({ ...(await leaseOn('b')) });
    expect(await second.server).toBe('b');
  });

  it('goes to no server that may not serve its ecosystem, lacks a node class, or has too little memory', async () => {
    const { sql } = database;
    await setServer('b', { files: sql.json(listing(910_001, 910_002)) });
    const placer = start();
    const unlike = async (change: object): Promise<void> => {
      await setServer('a', change);
      const waiting = await claim(placer, ON_A);
      expect(await waiting.server).toBe('b');
      await leases().release(await leaseOn('b'));
      await setServer('a', { serves: sql.json({}), nodeClasses: sql.json([]), vramBytes: null });
    };
    await unlike({ serves: sql.json({ ecosystems: ['sdxl'] }) });
    await unlike({ nodeClasses: sql.json(['KSampler']) });
    await sql`
      insert into resources (tenant, air, compressed, ecosystem, type, model_name, document)
      values ('local', ${ON_A}, '@civitai/910002', 'sd1', 'checkpoint', 'x', ${sql.json({ vramBytes: 9e9 })})`;
    await unlike({ vramBytes: 8_000_000_000 });
  });

  it('goes to a server of another pool when none of its own can run it now, and comes back to it', async () => {
    const placer = start();
    await setServer('a', { reachable: false });
    await setServer('b', { drainingAt: new Date() });
    const away = await claim(placer, EVERYWHERE);
    expect(await away.server).toBe('far');
    await setServer('b', { drainingAt: null });
    expect(await (await claim(placer, EVERYWHERE)).server).toBe('b');
  });

  it('ends at once when its file is on no server any more, naming servers, folder and file', async () => {
    const placer = start();
    const waiting = await claim(placer, airOf(910_009));
    await expect(waiting.server).rejects.toMatchObject({ code: 'model_missing' });
    await expect(waiting.server).rejects.toThrow(
      /a of pool default: .*checkpoints.*910009\.safetensors.*far of pool other/,
    );
  });

  it('waits for a server that has its file and is away, and for one that never said what it has', async () => {
    const placer = start();
    await setServer('a', { reachable: false });
    const waiting = await claim(placer, ON_A);
    // With this one the placer is through with what it had read of b when the other came.
    expect(await (await claim(placer, EVERYWHERE)).server).toBe('b');
    await setServer('b', { reachable: false, files: database.sql.json({}) });
    const unknown = await claim(placer, airOf(910_009));
    // A claim that can run passes through the same looks.
    expect(await (await claim(placer, EVERYWHERE)).server).toBe('far');
    expect([waiting.outcome(), unknown.outcome()]).toEqual([undefined, undefined]);
    await setServer('a', { reachable: true });
    expect(await waiting.server).toBe('a');
  });

  it('waits while no server is known at all', async () => {
    await database.sql`truncate servers cascade`;
    const waiting = await claim(start(), ON_A);
    await database.sql`
      insert into servers (id, pool, room, reachable, files)
      values ('new', 'default', 1, true, ${database.sql.json(listing(910_002))})`;
    expect(await waiting.server).toBe('new');
  });

  it('is judged by the lists as they are, not by those its placer remembers', async () => {
    const reader = createFleetReader(database.sql);
    const remembered = await reader.readFleet();
    let isOld = true;
    const fleet: FleetView = {
      current: async () => (isOld ? remembered : reader.readFleet()),
      fresh: () => {
        isOld = false;
        return reader.readFleet();
      },
    };
    await setServer('b', { files: database.sql.json(listing(910_009)) });
    const placer = start({ fleet });
    expect(await (await claim(placer, airOf(910_009))).server).toBe('b');
  });
});

describe('claims that no server with room can use', () => {
  it('let others in when they fill the window while a server idles, and keep their half of it', async () => {
    const placer = start({ placementWindow: 4 });
    await (
      await claim(placer, ON_A)
    ).server;
    const stuck: Waiting[] = [];
    for (let index = 0; index < 4; index += 1) stuck.push(await claim(placer, ON_A));
    await until('two have stepped aside', () => stuck.filter((one) => one.outcome()).length >= 2);
    expect(stuck.map((one) => one.outcome())).toEqual([
      ...[undefined, undefined],
      ...['steps_aside', 'steps_aside'],
    ]);
    expect(await (await claim(placer, ON_B)).server).toBe('b');
    await leases().release(await leaseOn('a'));
    expect(await stuck[0]?.server).toBe('a');
  });

  it('stay while every server is busy or away: there is nobody to let in', async () => {
    const placer = start({ placementWindow: 2 });
    await (
      await claim(placer, ON_A)
    ).server;
    await (
      await claim(placer, ON_B)
    ).server;
    const full = [await claim(placer, ON_A), await claim(placer, ON_A)];
    await leases().release(await leaseOn('a'));
    await full[0]?.server;
    expect(full[1]?.outcome()).toBeUndefined();
  });
});

async function leaseOn(serverId: string) {
  const [lease] = (await leases().listOlderThan(-60_000)).filter(
    (one) => one.serverId === serverId,
  );
  if (!lease) throw new Error(`there is no lease on ${serverId}`);
  return lease;
}

describe('the lists of servers', () => {
  it('are read again only when they have changed', async () => {
    const reader = createFleetReader(database.sql);
    const before = await reader.readFleet();
    await setServer('a', { room: 5, files: database.sql.json(listing(910_001, 910_002)) });
    await setServer('b', { files: database.sql.json(listing(910_009)) });
    const after = await reader.readFleet();
    expect(after.map(({ room }) => room)).toEqual([5, 1, 1]);
    expect(after.map(({ lists }, index) => lists === before[index]?.lists)).toEqual([
      ...[true, false, true],
    ]);
    expect(after[1]?.lists.files).toEqual(listing(910_009));
    const view = createFleetView(reader.readFleet, Date.now);
    expect(await view.current()).toEqual(after);
  });
});
