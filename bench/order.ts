/** Who comes next behind a large backlog. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NewJobRow } from '../src/db/job-row.ts';
import { createJobStore } from '../src/db/jobs.ts';
import { createResourceStore } from '../src/db/resources.ts';
import { seedCatalogue } from '../src/db/seed-catalogue.ts';
import { createTenantStore } from '../src/db/tenants.ts';
import type { Generation } from '../src/domain/generation.ts';
import { startBenchStack, type BenchStack } from './bench-stack.ts';
import { pauseDrawing } from './pause-drawing.ts';
import { createPictureJobs } from './picture-jobs.ts';
import type { Scenario } from './scenario.ts';
import { atLeast, atMost } from './table.ts';

const ROOM = 2;
const WEIGHT = 3;
/** Four fifths of the weight. */
const LEAST_SHARE = 2.4;
/** Longer than Temporal takes to hand out the next claim: else several jobs pass before it is there. */
const DRAW_MS = 200;

interface Backlog {
  accept(tenant: string, count: number, change?: Partial<NewJobRow>): Promise<string[]>;
  pause(paused: boolean): Promise<void>;
  /** Ids of the jobs that had a server, in that order. */
  served(): Promise<string[]>;
}

const untilNone = async (what: string, count: () => Promise<number>): Promise<void> => {
  const deadline = Date.now() + 20 * 60_000;
  while ((await count()) > 0) {
    if (Date.now() > deadline) throw new Error(`waited 20 minutes in vain: ${what}`);
    await delay(100);
  }
};

/** Makes jobs as the API does, of any tenant, from one that was drawn as a pattern. */
async function createBacklog(stack: BenchStack, size: number): Promise<Backlog> {
  const { sql } = stack;
  const [comfyUrl = ''] = stack.comfyUrls;
  const id = await createPictureJobs(stack.url, size).draw();
  const [pattern] = await sql<NewJobRow[]>`select * from jobs where id = ${id}`;
  if (!pattern) throw new Error(`job ${id} is not in the database`);
  const startedBelow = async (ids: readonly string[]): Promise<number> => {
    const [row] = await sql<{ n: number }[]>`
      select count(*)::int as n from jobs where id = any(${ids as string[]}::uuid[])
        and not exists (select from job_runs r where r.job_id = id) and started_at is null`;
    return row?.n ?? 0;
  };
  return {
    async accept(tenant, count, change = {}) {
      const now = Date.now();
      const batchId = randomUUID();
      const rows = Array.from({ length: count }, (_, position): NewJobRow => ({
        ...pattern,
        startInMs: 0,
        ...{ id: randomUUID(), tenant, batchId, position, createdAt: new Date(now) },
        generation: { ...pattern.generation, seed: (now + position) % 2 ** 32 } as Generation,
        expireAt: new Date(now + 86_400_000),
        ...change,
      }));
      await createJobStore(sql).insertJobs(rows);
      const ids = rows.map((row) => row.id);
      await untilNone('Temporal starts all', () => startedBelow(ids));
      return ids;
    },
    pause: (paused) => pauseDrawing(comfyUrl, paused),
    async served() {
      const rows = await sql<{ id: string }[]>`
        select id from jobs where claimed_at is not null order by claimed_at, id`;
      return rows.map((row) => row.id);
    },
  };
}

export const order: Scenario = {
  name: 'order',
  about: 'a tenant’s job and an urgent one behind 1,000 of another; shares by weight',
  async run({ dir, engine, quick, size, say }) {
    const many = quick ? 60 : 1_000;
    const stack = await startBenchStack({
      ...{ dir: join(dir, 'order'), engine, room: ROOM, say },
      simulatorEnv: { SIM_STEP_MS: String(DRAW_MS) },
    });
    try {
      const { sql } = stack;
      for (const tenant of ['a', 'b', 'c']) await seedCatalogue(createResourceStore(sql), tenant);
      await createTenantStore(sql).updateTenant('c', { weight: WEIGHT });
      const backlog = await createBacklog(stack, size);
      await backlog.pause(true);
      say(`order: ${many} jobs of one tenant`);
      await backlog.accept('a', many);
      const [next = ''] = await backlog.accept('b', 1);
      const [urgent = ''] = await backlog.accept('a', 1, { priority: 1 });
      await delay(2_000);
      const before = (await backlog.served()).length;
      await backlog.pause(false);
      await untilNone('both had a server', async () => {
        const served = await backlog.served();
        return [next, urgent].filter((id) => !served.includes(id)).length;
      });
      await backlog.pause(true);
      const served = (await backlog.served()).slice(before);
      const usual = served.filter((id) => id !== urgent);
      say('order: two tenants by weight');
      await backlog.accept('b', many / 4);
      const heavy = new Set(await backlog.accept('c', many / 4));
      const from = (await backlog.served()).length;
      await backlog.pause(false);
      const turns = Math.floor(many / 5);
      await untilNone('enough had a server', async () =>
        Math.max(0, from + turns - (await backlog.served()).length),
      );
      await backlog.pause(true);
      const shares = (await backlog.served()).slice(from, from + turns);
      const ofHeavy = shares.filter((id) => heavy.has(id)).length;
      const [light] = await sql<{ n: number }[]>`
        select count(*)::int as n from jobs where tenant = 'b' and id = any(${shares}::uuid[])`;
      return [
        {
          what: `others before the first job of another tenant, behind ${many}`,
          ...{ unit: 'jobs', ours: usual.indexOf(next), aim: atMost(2) },
          note: 'one server; from the moment that drawing goes on; without the urgent job',
        },
        {
          what: `others before an urgent job, behind ${many}`,
          ...{ unit: 'jobs', ours: served.indexOf(urgent), aim: atMost(2) },
        },
        {
          what: `servers given to weight ${WEIGHT} for each given to weight 1`,
          ...{ unit: '', ours: ofHeavy / Math.max(1, light?.n ?? 0), aim: atLeast(LEAST_SHARE) },
          note: `${turns} jobs, a third tenant of weight 1 beside them`,
        },
      ];
    } finally {
      await stack.stop();
    }
  },
};
