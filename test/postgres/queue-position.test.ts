/** Why a job waits and what is ahead of it, told by a real API from 10,000 queued rows of a real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobStatus, JobStatusCollection } from '../../src/contract/v1/job-status.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createJobClient } from '../support/job-client.ts';
import { newJobRow, SD1, type PictureRow } from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ role: 'api', env: { PRIORITY_AGE_SECONDS: '3600' } });
  // No worker reports and no starter starts: what is inserted stays as it is. The rows come with a start, long ago.
  await stack.sql`
    insert into servers (id, pool, room, reachable, files, reported_at) values
      ('a', 'default', 2, true, ${stack.sql.json({ checkpoints: ['sd1/civitai/4384/128713.safetensors'] })}, now() + interval '1 day'),
      ('b', 'away', 2, false, '{}', now() + interval '1 day')`;
});
afterAll(() => stack.stop());

const MINUTE = 60_000;
const start = Date.now() - 30 * MINUTE;

/** Inserts queued rows, created a millisecond after each other. */
async function queue(count: number, change: Partial<PictureRow>, from = start): Promise<string[]> {
  const rows = Array.from({ length: count }, (_, index) =>
    newJobRow({ ...change, createdAt: new Date(from + index) }),
  );
  for (let at = 0; at < count; at += 1_000)
    await createJobStore(stack.sql).insertJobs(rows.slice(at, at + 1_000));
  await stack.sql`update jobs set started_at = created_at where started_at is null`;
  return rows.map(({ id }) => id);
}

const read = (id: string): Promise<JobStatus> => createJobClient(stack).read(id);
const positionOf = (status: JobStatus) => status.serviceProviders?.['local']?.queuePosition;
const waitingOf = (status: JobStatus): string => String(status.lastEvent.context['waiting']);
/** The queue is looked at every two seconds. */
const untilWaiting = (id: string, words: string): Promise<JobStatus> =>
  until(
    `job ${id} waits because: ${words}`,
    async () => {
      const status = await read(id);
      if (waitingOf(status).includes(words)) return status;
      throw new Error(waitingOf(status));
    },
    60_000,
  );

describe('a queue of 10,000 jobs', () => {
  const ids: string[] = [];
  beforeAll(async () => {
    // Two jobs are on the server: no room.
    const [first, second] = await queue(2, { tenant: 'other', priority: 1 });
    for (const [index, id] of [first ?? '', second ?? ''].entries()) {
      await stack.sql`
        insert into leases (job_id, run_index, attempt, run_id, server_id, tenant, prompt_id, model, reason)
        values (${id}, 1, 1, ${`run-${index}`}, 'a', 'other', gen_random_uuid(), ${SD1}, 'room')`;
      await stack.sql`update jobs set state = 'running', claimed_at = now() where id = ${id}`;
    }
    ids.push(...(await queue(9_000, { tenant: 'local' }, start + MINUTE)));
    await queue(900, { tenant: 'other' }, start + 2 * MINUTE);
    await queue(100, { tenant: 'other', priority: 2, cost: 2 }, start + 3 * MINUTE);
    // Sixty jobs ended, one every ten seconds.
    const ended = await queue(60, { tenant: 'other' }, start);
    await stack.sql`
      update jobs set state = 'succeeded', claimed_at = now() - n * interval '10 seconds',
        finished_at = now() - (n - 1) * interval '10 seconds'
      from unnest(${ended}::uuid[]) with ordinality as done (done_id, n) where id = done_id`;
    await stack.sql`vacuum analyze jobs`;
  });

  it('tells the first, the tenth and the last of its tenant what is ahead and when they should start', async () => {
    const first = await untilWaiting(ids[0] ?? '', 'busy');
    expect(positionOf(first)).toMatchObject({
      precedingJobs: 100,
      precedingCost: 200,
      throughputRate: 360,
      estimatedStartDuration: '00:16:50.0000000',
    });
    expect(waitingOf(first)).toBe(
      "pool 'default' is busy: 2 of 2 places taken, 100 jobs ahead, about 1010 s",
    );
    // In turns with the other tenant.
    expect(positionOf(await read(ids[10] ?? ''))?.precedingJobs).toBe(120);
    // All of the other tenant, and all of its own up to the distance of two marks.
    const last = positionOf(await read(ids[8_999] ?? ''))?.precedingJobs ?? 0;
    expect(Math.abs(last - (100 + 900 + 8_999))).toBeLessThan(50);
    const date = positionOf(first)?.estimatedStartDate ?? '';
    const seconds = (Date.parse(date) - Date.now()) / 1_000;
    expect(seconds).toBeGreaterThan(900);
    expect(seconds).toBeLessThan(1_011);
  });

  it('tells the same in a collection', async () => {
    const token = Buffer.from(JSON.stringify({ Jobs: ids.slice(0, 50) })).toString('base64');
    const answer = await fetch(`${stack.url}/v1/consumer/jobs?token=${encodeURIComponent(token)}`);
    const { jobs } = (await answer.json()) as JobStatusCollection;
    expect(jobs.map((job) => positionOf(job)?.precedingJobs)).toEqual(
      Array.from({ length: 50 }, (_, index) => 100 + 2 * index),
    );
    expect(waitingOf(jobs[49] as JobStatus)).toContain('198 jobs ahead');
  });

  it('is looked at without reading its rows, and by nobody who asks for a job that runs', async () => {
    const plan = await stack.sql`
      explain select pool, tenant, created_at, position, cost, started_at, priority from jobs
      where state = 'queued' and not held`;
    expect(JSON.stringify(plan)).toContain('Index Only Scan using jobs_queued');
    const counted = await stack.sql`
      explain select count(*) from jobs where tenant = 'local' and state = 'queued'`;
    expect(JSON.stringify(counted)).toContain('Index Only Scan using jobs_queued');
    const [done] = await queue(1, {});
    await stack.sql`update jobs set state = 'succeeded', finished_at = now() where id = ${done ?? ''}`;
    const status = await read(done ?? '');
    expect(status.serviceProviders).toEqual({ local: { support: 'Available' } });
    expect(status.lastEvent.context).not.toHaveProperty('waiting');
  });
});

describe('a job waits', () => {
  it('because it is held, and then nobody counts it', async () => {
    const [id = ''] = await queue(1, { priority: 1 });
    await untilWaiting(id, 'busy');
    await stack.sql`update jobs set held = true where id = ${id}`;
    await untilWaiting(id, 'it is held');
    const [next = ''] = await queue(1, { priority: 1 });
    expect(positionOf(await untilWaiting(next, 'busy'))?.precedingJobs).toBe(0);
  });

  it('because its pool is down, or never had a server', async () => {
    const [away = ''] = await queue(1, { pool: 'away' });
    const status = await untilWaiting(away, "pool 'away' is down since");
    expect(status.serviceProviders?.['local']?.support).toBe('Unavailable');
    expect(positionOf(status)).not.toHaveProperty('estimatedStartDate');
    const [nowhere = ''] = await queue(1, { pool: 'nowhere' });
    await untilWaiting(nowhere, "pool 'nowhere' has no ComfyUI server yet");
  });

  it('because no server has its model any more', async () => {
    const { generation } = newJobRow();
    const model = 'urn:air:sd1:checkpoint:civitai:4201@130072';
    await stack.sql`
      insert into resources (tenant, air, compressed, ecosystem, type, model_name, document)
      values ('local', ${model}, '@civitai/130072', 'sd1', 'checkpoint', 'gone', '{}') on conflict do nothing`;
    const [id = ''] = await queue(1, { generation: { ...generation, model } });
    const status = await untilWaiting(id, `no reachable server lists a file for ${model}`);
    expect(status.serviceProviders?.['local']?.support).toBe('Unavailable');
  });

  it('because its tenant has as many jobs on servers as it may', async () => {
    const [id = '', running = ''] = await queue(2, {});
    await stack.sql`insert into tenants (tenant, max_running) values ('local', 1)
      on conflict (tenant) do update set max_running = 1`;
    await stack.sql`update jobs set state = 'running', claimed_at = now() where id = ${running}`;
    await stack.sql`
      insert into leases (job_id, run_index, attempt, run_id, server_id, tenant, prompt_id, model, reason)
      values (${running}, 1, 1, 'run-of-local', 'a', 'local', gen_random_uuid(), ${SD1}, 'room')`;
    await untilWaiting(id, "tenant 'local' has 1 job on servers, as many as it may");
  });

  it('because Temporal has not started it', async () => {
    const [id = ''] = await queue(1, {});
    await stack.sql`
      update jobs set started_at = null, start_after = now() + interval '1 day' where id = ${id}`;
    await untilWaiting(id, 'it waits for its start in Temporal');
  });
});
