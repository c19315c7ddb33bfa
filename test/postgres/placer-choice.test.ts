import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TenantPolicies } from '../../src/client/tenant-policies.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore, type LeaseStore } from '../../src/db/leases.ts';
import type { Lease } from '../../src/domain/job.ts';
import type { Placer, PlacerDeps } from '../../src/workers/placer.ts';
import type { ClaimRequest, ClaimWait } from '../../src/workers/waiting-claims.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow, SD1 } from '../support/jobs.ts';
import { claimOf, createTestPlacer } from '../support/placer.ts';
import { until } from '../support/until.ts';

const OTHER = 'urn:air:sd1:checkpoint:civitai:1@2';

let database: TestDatabase;
let leases: LeaseStore;
const placers: Placer[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  leases = createLeaseStore(database.sql);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.sql`truncate jobs, servers, leases, job_runs cascade`;
  await database.sql`
    insert into servers (id, pool, room, reachable, boot_id) values
      ('a', 'default', 1, true, 'boot-1'), ('b', 'default', 1, true, 'boot-1')`;
});
afterEach(() => {
  for (const placer of placers.splice(0)) placer.close();
});

const start = (change: Partial<PlacerDeps> = {}): Placer => {
  const placer = createTestPlacer(database.sql, change);
  placers.push(placer);
  return placer;
};

interface Waiting {
  readonly jobId: string;
  readonly lease: Promise<Lease>;
  /** What the placer last told of the wait. */
  wait: ClaimWait | undefined;
  stop(): void;
}

async function claim(
  placer: Placer,
  model: string,
  change: Partial<ClaimRequest> = {},
): Promise<Waiting> {
  const job = newJobRow();
  const generation = { ...job.generation, model };
  await createJobStore(database.sql).insertJobs([{ ...job, generation }]);
  return claimAgain(placer, job.id, change);
}

function claimAgain(placer: Placer, jobId: string, change: Partial<ClaimRequest> = {}): Waiting {
  const stop = new AbortController();
  const waiting: Waiting = {
    jobId,
    wait: undefined,
    lease: placer.claim(claimOf(jobId, change), stop.signal, (wait) => {
      waiting.wait = wait;
    }),
    stop: () => stop.abort(),
  };
  waiting.lease.catch(() => undefined);
  return waiting;
}

const entered = (waiting: Waiting): Promise<ClaimWait> =>
  until('the claim is in the window', () => waiting.wait);

describe('the model a server has loaded', () => {
  it('is that of the latest grant also while the server idles, until its process is another one', async () => {
    const placer = start();
    const first = await (await claim(placer, OTHER)).lease;
    expect(first).toMatchObject({ serverId: 'a', reason: 'a is idle' });
    const second = await (await claim(placer, SD1)).lease;
    await leases.release(first);
    await leases.release(second);
    const third = await (await claim(placer, SD1)).lease;
    expect(third).toMatchObject({ serverId: 'b', reason: 'b has the model loaded' });
    await leases.release(third);
    await database.sql`update servers set boot_id = 'boot-2' where id = 'b'`;
    const models = (await leases.listRoom('default')).map(({ warmModel }) => warmModel);
    expect(models).toEqual([OTHER, null]);
    expect((await (await claim(placer, SD1)).lease).reason).not.toContain('loaded');
  });
});

describe('a claim that others overtake', () => {
  it('goes next once it was overtaken as often as is allowed, and its lease says why', async () => {
    await database.sql`update servers set reachable = false where id = 'b'`;
    const placer = start({ placementWindow: 2 });
    const first = await (await claim(placer, SD1)).lease;
    const lonely = await claim(placer, OTHER);
    await entered(lonely);
    const others = await Promise.all([1, 2, 3].map(() => claim(placer, SD1)));
    for (const other of others) await entered(other);
    await leases.release(first);
    const second = await Promise.race(others.map(({ lease }) => lease));
    expect(second.reason).toBe('a has the model loaded, overtook 1');
    await leases.release(second);
    const rest = others.filter(({ jobId }) => jobId !== second.jobId);
    const third = await Promise.race(rest.map(({ lease }) => lease));
    expect(lonely.wait).toMatchObject({ overtaken: 2 });
    await leases.release(third);
    expect((await lonely.lease).reason).toBe('a is idle; it was overtaken by 2');
  });

  it('is not overtaken as often again after its placer was killed', async () => {
    await database.sql`update servers set reachable = false where id = 'b'`;
    const killed = start({ placementWindow: 1 });
    const first = await (await claim(killed, SD1)).lease;
    const lonely = await claim(killed, OTHER);
    await entered(lonely);
    const other = await claim(killed, SD1);
    await entered(other);
    await leases.release(first);
    const second = await other.lease;
    // It says nothing to anybody any more; its claims are tried again elsewhere.
    killed.close();
    lonely.stop();
    const next = start({ placementWindow: 1 });
    const newcomer = await claim(next, SD1);
    await entered(newcomer);
    const again = claimAgain(next, lonely.jobId, { earlier: await entered(lonely) });
    await entered(again);
    await leases.release(second);
    expect((await again.lease).reason).toBe('a is idle; it was overtaken by 1');
  });

  it('waits for a warm server no longer than is allowed', async () => {
    await database.sql`update servers set reachable = false where id = 'b'`;
    const placer = start({ affinityWaitMs: 0 });
    const first = await (await claim(placer, SD1)).lease;
    const lonely = await claim(placer, OTHER);
    await entered(lonely);
    const others = [await claim(placer, SD1), await claim(placer, SD1)];
    for (const other of others) await entered(other);
    await leases.release(first);
    await leases.release(await Promise.race(others.map(({ lease }) => lease)));
    expect((await lonely.lease).reason).toBe('a is idle; waited 0 s for a warm server');
  });
});

const limitedTo =
  (maxRunning: (tenant: string) => number): TenantPolicies =>
  () =>
    Promise.resolve((tenant) => ({ weight: 1, maxRunning: maxRunning(tenant) }));

describe('the limit of a tenant', () => {
  it('holds for two placers at once, and for all pools together', async () => {
    await database.sql`update servers set room = 9`;
    const limited = { policies: limitedTo(() => 3) };
    const both = [start(limited), start(limited)] as const;
    const waiting = await Promise.all(
      Array.from({ length: 12 }, (_, index) => claim(both[index % 2 === 0 ? 0 : 1], SD1)),
    );
    const granted: Lease[] = [];
    for (const { lease } of waiting) void lease.then((one) => granted.push(one));
    for (const count of [3, 6, 9, 12]) {
      await until(`${count} were granted`, () => granted.length >= count);
      expect((await leases.countRunning()).get('local')).toBe(3);
      expect(granted).toHaveLength(count);
      for (const lease of granted.slice(count - 3)) await leases.release(lease);
    }
  });

  it('of one does not keep others from the servers', async () => {
    const placer = start({ policies: limitedTo((name) => (name === 'a' ? 1 : 9)) });
    const [first, second] = [
      await claim(placer, SD1, { tenant: 'a' }),
      await claim(placer, SD1, { tenant: 'a' }),
    ];
    await Promise.race([first.lease, second.lease]);
    const other = await claim(placer, SD1, { tenant: 'b' });
    expect((await other.lease).jobId).toBe(other.jobId);
    expect((await leases.countRunning()).get('a')).toBe(1);
  });
});
