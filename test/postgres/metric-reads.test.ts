import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Sql } from '../../src/db/connect.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createMetricReads } from '../../src/db/metric-reads.ts';
import { addDatabaseSources } from '../../src/metrics/database-sources.ts';
import { createMetricsExporter } from '../../src/metrics/exporter.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';

let database: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = database.sql;
});
afterAll(() => database.drop());
beforeEach(async () => {
  await sql`truncate jobs, servers, leases, job_runs, blobs, watermarks cascade`;
  await sql`insert into servers (id, pool, room, reachable) values ('a', 'fast', 2, true), ('b', 'slow', 1, false)`;
});

/** A job as it stands in the table; times are seconds ago. */
async function insertJob(change: {
  pool?: string;
  state?: string;
  held?: boolean;
  created?: number;
  started?: number | null;
  finished?: number;
  canceled?: number;
  code?: string;
}): Promise<string> {
  const job = { ...newJobRow(), pool: change.pool ?? 'fast' };
  await createJobStore(sql).insertJobs([job]);
  const ago = (seconds: number | null | undefined) =>
    seconds === undefined || seconds === null
      ? sql`null`
      : sql`now() - ${seconds} * interval '1 second'`;
  await sql`
    update jobs set run_id = 'run', attempt = 1, state = ${change.state ?? 'queued'}, held = ${change.held ?? false},
      created_at = ${ago(change.created ?? 60)}, start_after = ${ago(change.created ?? 60)},
      started_at = ${ago(change.started === undefined ? 50 : change.started)},
      finished_at = ${ago(change.finished)}, cancel_requested_at = ${ago(change.canceled)},
      failure = ${change.code ? sql.json({ code: change.code, message: 'x' }) : null}
    where id = ${job.id}`;
  return job.id;
}

async function insertLease(jobId: string, seconds: number, drawn = false): Promise<void> {
  await sql`
    insert into leases (job_id, run_index, attempt, run_id, server_id, tenant, prompt_id, model, reason, granted_at, drawn_at)
    values (${jobId}, 1, 1, 'run', 'a', 'local', gen_random_uuid(), 'm', 'room',
      now() - ${seconds} * interval '1 second', ${drawn ? sql`now()` : null})`;
}

const exporterOn = (now?: () => number) => {
  const exporter = createMetricsExporter('api', silentLogger, now);
  addDatabaseSources(exporter, createMetricReads(sql), ['textToImage']);
  return exporter;
};

/** Values by name and labels, without the prefix. */
async function read(exporter = exporterOn()): Promise<Record<string, number>> {
  const lines = (await exporter.render()).matchAll(/^orchestrator_(\S+) (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, name = '', value]) => [name, Number(value)]));
}

describe('metrics of the database', () => {
  it('tell the jobs of every pool by state, and the age of the backlog', async () => {
    await insertJob({ created: 100 });
    await insertJob({ created: 300 });
    await insertJob({ created: 900, held: true });
    await insertJob({ state: 'running', created: 5_000 });
    await insertJob({ started: null, created: 30 });
    await insertJob({ state: 'succeeded', created: 9_000, finished: 3_600 });
    const seen = await read();
    expect(seen).toMatchObject({
      'jobs{pool="fast",state="accepted"}': 1,
      'jobs{pool="fast",state="waiting"}': 2,
      'jobs{pool="fast",state="held"}': 1,
      'jobs{pool="fast",state="running"}': 1,
      'jobs{pool="slow",state="waiting"}': 0,
      'backlog_oldest_seconds{pool="slow"}': 0,
    });
    expect(Math.floor(seen['backlog_oldest_seconds{pool="fast"}'] ?? 0)).toBeGreaterThanOrEqual(
      300,
    );
    expect(seen['backlog_oldest_seconds{pool="fast"}']).toBeLessThan(900);
    expect(seen['outbox_oldest_seconds']).toBeGreaterThanOrEqual(30);
    expect(seen['cancel_oldest_seconds']).toBe(0);
  });

  it('tell room, leases and withdrawals that are still to come of every server', async () => {
    await insertLease(await insertJob({ state: 'running' }), 20);
    await insertLease(await insertJob({ state: 'running' }), 90, true);
    await insertLease(await insertJob({ state: 'canceled', finished: 5, canceled: 6 }), 40);
    await sql`update servers set draining_at = now() where id = 'b'`;
    await insertJob({ canceled: 77 });
    const seen = await read();
    expect(seen).toMatchObject({
      'server_up{server="a",pool="fast"}': 1,
      'server_up{server="b",pool="slow"}': 0,
      'server_draining{server="a",pool="fast"}': 0,
      'server_draining{server="b",pool="slow"}': 1,
      'server_room{server="a",pool="fast"}': 2,
      'server_room_used{server="a",pool="fast"}': 2,
      'server_leases{server="a",pool="fast"}': 3,
      'server_leases{server="b",pool="slow"}': 0,
      'withdraw_pending{server="a",pool="fast"}': 1,
      'withdraw_pending{server="b",pool="slow"}': 0,
      'lease_oldest_seconds{server="b",pool="slow"}': 0,
    });
    expect(seen['lease_oldest_seconds{server="a",pool="fast"}']).toBeGreaterThanOrEqual(90);
    expect(seen['cancel_oldest_seconds']).toBeGreaterThanOrEqual(77);
  });

  it('tell for how long the closer has not kept the events of a run that ended', async () => {
    const run = async (jobId: string, isKept: boolean): Promise<void> => {
      await sql`
        insert into job_runs (job_id, run_id, run_index, events_kept_at)
        values (${jobId}, 'run', 1, ${isKept ? sql`now()` : null})`;
    };
    await run(await insertJob({ state: 'running' }), false);
    await run(await insertJob({ state: 'succeeded', finished: 900 }), true);
    expect((await read())['closer_behind_seconds']).toBe(0);
    await run(await insertJob({ state: 'succeeded', finished: 120 }), false);
    const behind = (await read())['closer_behind_seconds'];
    expect(behind).toBeGreaterThanOrEqual(120);
    expect(behind).toBeLessThan(900);
  });

  it('count every end once, also those of one moment, and none from before', async () => {
    let now = 0;
    const exporter = exporterOn(() => now);
    await insertJob({ state: 'succeeded', finished: 60 });
    const reread = (): Promise<Record<string, number>> => {
      now += 5_000;
      return read(exporter);
    };
    await reread();
    const ids = [];
    for (let index = 0; index < 3; index += 1)
      ids.push(
        await insertJob({ state: 'failed', code: 'model_missing', created: 100, finished: 0 }),
      );
    // Ends count when nothing earlier can be committed any more.
    const ended = 'jobs_finished_total{type="textToImage",outcome="failed",code="model_missing"}';
    expect((await reread())[ended]).toBeUndefined();
    await sql`update jobs set finished_at = now() - interval '10 seconds' where id = any(${ids}::uuid[])`;
    expect((await reread())[ended]).toBe(3);
    const last = await reread();
    expect(last[ended]).toBe(3);
    expect(last['job_seconds_count{type="textToImage",outcome="failed"}']).toBe(3);
    expect(last['job_attempts_count{outcome="failed"}']).toBe(3);
    expect(Object.keys(last).filter((key) => key.includes('succeeded'))).toEqual([]);
  });

  it('are read by index, however many jobs have ended', async () => {
    const template = await insertJob({ state: 'succeeded', finished: 86_400 });
    await sql`
      insert into jobs select (jsonb_populate_record(j, jsonb_build_object('id', gen_random_uuid()))).*
      from jobs j cross join generate_series(1, 3000) where j.id = ${template}`;
    await insertJob({});
    await sql`analyze jobs`;
    const plans: string[] = [];
    const explaining = new Proxy(sql, {
      apply: (_target, _this, [strings, ...values]: [TemplateStringsArray, ...never[]]) => {
        if (!/^\s*select/.test(strings[0] ?? '')) return sql(strings, ...values);
        const texts = [`explain ${strings[0] ?? ''}`, ...strings.slice(1)];
        const explained = Object.assign(texts, { raw: texts }) as unknown as TemplateStringsArray;
        return sql(explained, ...values).then((rows) => {
          plans.push(rows.map((row) => String(Object.values(row)[0])).join('\n'));
          return [];
        });
      },
    });
    const reads = createMetricReads(explaining);
    await reads.listActiveJobs();
    await reads.oldestCancelSeconds();
    await reads.oldestNotKeptSeconds();
    await reads.listServerLoads();
    await reads.listEndedAfter(await createMetricReads(sql).endedCursor(), 100);
    expect(plans).toHaveLength(5);
    for (const plan of plans) expect(plan).not.toContain('Seq Scan on jobs');
  });
});
