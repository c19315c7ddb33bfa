/** Who comes next, on the running system. Room opens only where a test cancels what is drawn. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJobStore } from '../../src/db/jobs.ts';
import { createResourceStore } from '../../src/db/resources.ts';
import { seedCatalogue } from '../../src/db/seed-catalogue.ts';
import { createTenantStore } from '../../src/db/tenants.ts';
import { HOLD_SIGNAL, RESUME_SIGNAL, jobWorkflowId } from '../../src/domain/naming.ts';
import { newJobRow, promptsOn, type PictureRow } from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const WINDOW = 4;
const PATIENCE_MS = 90_000;

const start = async (env: Record<string, string>): Promise<TestStack> => {
  const stack = await startTestStack({ env: { PLACEMENT_WINDOW: String(WINDOW), ...env } });
  // What is drawn stands still until it is cancelled.
  stack.simulator.pauseDrawing(true);
  for (const tenant of ['a', 'b']) await seedCatalogue(createResourceStore(stack.sql), tenant);
  return stack;
};

/** Accepts jobs as the API does. */
async function accept(
  stack: TestStack,
  tenant: string,
  count: number,
  change: Partial<PictureRow> = {},
): Promise<string[]> {
  const rows = Array.from({ length: count }, (_, position) =>
    newJobRow({ tenant, position, ...change }),
  );
  await createJobStore(stack.sql).insertJobs(rows);
  await until(
    'Temporal has started them',
    async () => (await countJobs(stack, rows, 'started_at is null')) === 0,
    PATIENCE_MS,
  );
  return rows.map(({ id }) => id);
}

async function countJobs(
  stack: TestStack,
  jobs: readonly { readonly id: string }[],
  condition: string,
): Promise<number> {
  const ids = jobs.map(({ id }) => id);
  const [row] = await stack.sql<{ n: number }[]>`
    select count(*)::int as n from jobs where id = any(${ids}::uuid[]) and ${stack.sql.unsafe(condition)}`;
  return row?.n ?? 0;
}

/** Jobs that have a server, in the order in which they got it. */
const claimed = async (stack: TestStack): Promise<string[]> => {
  const rows = await stack.sql<{ id: string }[]>`
    select id from jobs where claimed_at is not null order by claimed_at, id`;
  return rows.map(({ id }) => id);
};
const running = async (stack: TestStack): Promise<string[]> => {
  const rows = await stack.sql<{ id: string }[]>`
    select j.id from jobs j join leases l on l.job_id = j.id
    where j.state = 'running' order by j.claimed_at`;
  return rows.map(({ id }) => id);
};

const untilWindowIsFull = (stack: TestStack): Promise<unknown> =>
  until(
    'the window is full',
    async () => {
      const rows = await stack.sql`
        select from jobs j where state = 'queued' and not held
          and exists (select from job_runs r where r.job_id = j.id)`;
      return rows.count >= WINDOW;
    },
    PATIENCE_MS,
  );

const untilClaimWaits = (stack: TestStack, jobId: string): Promise<unknown> =>
  until(
    `the claim of ${jobId} is in the queue`,
    async () => {
      const { raw } = await stack.client.workflow.getHandle(jobWorkflowId(jobId)).describe();
      return raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'claim');
    },
    PATIENCE_MS,
  );

const signal = (stack: TestStack, jobId: string, name: string): Promise<void> =>
  stack.client.workflow.getHandle(jobWorkflowId(jobId)).signal(name);

/** Cancels the job that is drawn the longest, and tells which job gets its room. */
async function openRoom(stack: TestStack): Promise<string> {
  const before = (await claimed(stack)).length;
  const oldest = await until(
    'the prompts of all that run are on the server',
    async () => {
      const [ids, { running: drawn, pending }] = [
        await running(stack),
        await promptsOn(stack.simulator.url),
      ];
      return drawn.length + pending.length === ids.length && ids[0];
    },
    PATIENCE_MS,
  );
  await stack.client.workflow.getHandle(jobWorkflowId(oldest)).cancel();
  await until(
    'somebody gets the room',
    async () => (await claimed(stack)).length > before,
    PATIENCE_MS,
  );
  return (await claimed(stack))[before] ?? '';
}

/** How many others get a server before that job does. */
async function othersBefore(stack: TestStack, jobId: string): Promise<number> {
  for (let others = 0; others < 10; others += 1) {
    if ((await openRoom(stack)) === jobId) return others;
    await untilWindowIsFull(stack);
  }
  throw new Error(`${jobId} had no server after 10 others`);
}

describe('with a large backlog of one tenant', () => {
  let stack: TestStack;
  let backlog: string[];
  beforeAll(async () => {
    stack = await start({});
    await accept(stack, 'a', 2);
    await until('the server is full', async () => (await running(stack)).length === 2, PATIENCE_MS);
    backlog = await accept(stack, 'a', 40);
    await untilWindowIsFull(stack);
  });
  afterAll(() => stack.stop());

  it('another tenant’s job is among the next two that the server takes', async () => {
    const [job = ''] = await accept(stack, 'b', 1);
    await untilClaimWaits(stack, job);
    expect(await othersBefore(stack, job)).toBeLessThanOrEqual(2);
  });

  it('an urgent job of the same tenant overtakes all but what was chosen already', async () => {
    await untilWindowIsFull(stack);
    const [job = ''] = await accept(stack, 'a', 1, { priority: 1 });
    await untilClaimWaits(stack, job);
    expect(await othersBefore(stack, job)).toBeLessThanOrEqual(2);
  });

  it('held jobs keep no server and no other job waiting, and go on when they are resumed', async () => {
    await untilWindowIsFull(stack);
    const waiting = async (held: boolean): Promise<string[]> => {
      const rows = await stack.sql<{ id: string }[]>`
        select id from jobs where id = any(${backlog}::uuid[]) and state = 'queued' and held = ${held}`;
      return rows.map(({ id }) => id);
    };
    for (const id of await waiting(false)) await signal(stack, id, HOLD_SIGNAL);
    await until('all are held', async () => (await waiting(false)).length === 0, PATIENCE_MS);
    const [job = ''] = await accept(stack, 'a', 1, { priority: 5 });
    await untilClaimWaits(stack, job);
    expect(await openRoom(stack)).toBe(job);
    const [held = ''] = await waiting(true);
    await signal(stack, held, RESUME_SIGNAL);
    expect(await openRoom(stack)).toBe(held);
  });
});

describe('with a tenant at its limit of running jobs', () => {
  it('others run, though its claims came first and fill the window', async () => {
    const stack = await start({});
    try {
      const tenants = createTenantStore(stack.sql);
      await tenants.updateTenant('a', { maxRunning: 1 });
      const many = await accept(stack, 'a', 30);
      await until('one is drawn', async () => (await running(stack)).length === 1, PATIENCE_MS);
      await untilWindowIsFull(stack);
      const idsOf = (ids: readonly string[]) => ids.map((id) => ({ id }));
      for (let turn = 0; turn < 3; turn += 1) {
        const [other = ''] = await accept(stack, 'b', 1);
        await until(
          'the other tenant has the second place',
          async () => (await running(stack)).includes(other),
          PATIENCE_MS,
        );
        expect(await countJobs(stack, idsOf(many), "state = 'running'")).toBe(1);
        await stack.client.workflow.getHandle(jobWorkflowId(other)).cancel();
      }
      await tenants.updateTenant('a', { maxRunning: 2 });
      await until(
        'the new limit is used',
        async () => (await countJobs(stack, idsOf(many), "state = 'running'")) === 2,
        PATIENCE_MS,
      );
    } finally {
      await stack.stop();
    }
  });
});

describe('a steady stream of high jobs', () => {
  it('keeps a job of the last level waiting only until it has aged to the first', async () => {
    const stack = await start({ PRIORITY_AGE_SECONDS: '1', COMFY_ROOM: '1' });
    try {
      await accept(stack, 'a', 1);
      await until('the server is full', async () => (await running(stack)).length === 1, 30_000);
      const high = await accept(stack, 'a', 6, { priority: 2 });
      const [low = ''] = await accept(stack, 'a', 1, { priority: 5 });
      await untilClaimWaits(stack, low);
      // Two come for every one that goes.
      while ((await openRoom(stack)) !== low)
        high.push(...(await accept(stack, 'a', 2, { priority: 2 })));
      const history = await stack.client.workflow.getHandle(jobWorkflowId(low)).fetchHistory();
      const levels = (history.events ?? []).flatMap(({ activityTaskScheduledEventAttributes }) =>
        activityTaskScheduledEventAttributes?.activityType?.name === 'claim'
          ? [activityTaskScheduledEventAttributes.priority?.priorityKey]
          : [],
      );
      expect(levels).toEqual([5, 4, 3, 2, 1]);
      const left = high.map((id) => ({ id }));
      expect(await countJobs(stack, left, "state = 'queued'")).toBeGreaterThan(0);
    } finally {
      await stack.stop();
    }
  });
});
