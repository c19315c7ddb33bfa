/** The database or Temporal comes back with an older state than the other one, as after a restore from a backup. */
import { execFile } from 'node:child_process';
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Serving } from '../../src/commands/serve.ts';
import { connectDatabase, type Sql } from '../../src/db/connect.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/dev/embedded-postgres.ts';
import { startTemporalDevServer, type TemporalDevServer } from '../../src/dev/temporal-server.ts';
import { SEARCH_ATTRIBUTES } from '../../src/domain/naming.ts';
import { silentLogger } from '../../src/telemetry.ts';
import {
  executionsOf,
  newJobRow,
  postPicture,
  promptsOn,
  rowOf,
  untilDrawing,
  untilState,
} from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { lastingPort } from '../support/lasting-port.ts';

/** With owners and modes, without which PostgreSQL does not start. */
const copyFolder = (from: string, to: string): Promise<unknown> =>
  promisify(execFile)('cp', ['-a', from, to]);

const pictureOf = async (url: string, jobId: string): Promise<number> => {
  const response = await fetch(`${url}/v1/consumer/jobs/${jobId}`);
  const { result } = (await response.json()) as { result: { blobUrl?: string } };
  return result.blobUrl === undefined ? 0 : (await fetch(result.blobUrl)).status;
};

describe('PostgreSQL restored from a backup that is older than Temporal', () => {
  let stack: TestStack;
  let postgres: EmbeddedPostgres;
  let sql: Sql;
  let serving: Serving;
  let folder: string;
  let start: () => Promise<void>;
  beforeAll(async () => {
    stack = await startTestStack({ role: 'none', simulator: { stepMs: 100 } });
    folder = join(stack.dir, 'postgres');
    const port = await lastingPort();
    start = async () => {
      postgres = await startEmbeddedPostgres({
        dataDir: folder,
        port,
        logFile: join(stack.dir, 'postgres.log'),
        pathEnv: process.env['PATH'] ?? '',
        logger: silentLogger,
      });
      sql = connectDatabase({ url: postgres.url, maxConnections: 2, applicationName: 'test' });
      serving = await stack.serve('monolith', { DATABASE_URL: postgres.url });
      await until('the models of the server are known', async () => {
        const known = await sql`select from servers where lists_hash is not null`;
        return known.count > 0;
      });
    };
    await start();
  });
  afterAll(async () => {
    await sql.end();
    await stack.stop();
    await postgres.stop();
  });
  const stop = async (): Promise<void> => {
    await serving.stop();
    await sql.end();
    await postgres.stop();
  };

  it('learns from Temporal how jobs went on, with their pictures; nothing is drawn again', async () => {
    const api = (): { readonly url: string } => ({ url: serving.url ?? '' });
    const before = await postPicture(api());
    await untilState({ sql }, before, 'succeeded');
    const drawing = await postPicture(api(), 40);
    await untilDrawing(stack, drawing);
    const canceled = await postPicture(api(), 40);
    await until('it runs', async () => (await rowOf({ sql }, canceled)).startedAt !== null);
    const unstarted = newJobRow({ startInMs: 3_600_000 });
    await createJobStore(sql).insertJobs([unstarted]);

    await stop();
    const backup = join(stack.dir, 'postgres-backup');
    await copyFolder(folder, backup);
    await start();
    await fetch(`${api().url}/v1/consumer/jobs/${canceled}`, { method: 'DELETE' });
    await sql`update jobs set start_after = now() where id = ${unstarted.id}`;
    await untilState({ sql }, canceled, 'canceled');
    for (const jobId of [drawing, unstarted.id]) await untilState({ sql }, jobId, 'succeeded');
    const after = await postPicture(api());
    await untilState({ sql }, after, 'succeeded');

    await stop();
    await rm(folder, { recursive: true });
    await copyFolder(backup, folder);
    await start();
    await sql`update jobs set start_after = now() where id = ${unstarted.id}`;
    await untilState({ sql }, canceled, 'canceled');
    for (const jobId of [before, drawing, unstarted.id]) {
      await untilState({ sql }, jobId, 'succeeded');
      expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
      expect(await pictureOf(api().url, jobId)).toBe(200);
    }
    // The database never heard of it: its client was told 202, and is told 404 from now on.
    expect((await fetch(`${api().url}/v1/consumer/jobs/${after}`)).status).toBe(404);
    await until('no lease is left', async () => (await sql`select from leases`).count === 0);
    await untilState({ sql }, await postPicture(api()), 'succeeded');
  });
});

describe('Temporal', () => {
  let stack: TestStack;
  let temporal: TemporalDevServer;
  let serving: Serving;
  let start: () => Promise<void>;
  beforeAll(async () => {
    stack = await startTestStack({ role: 'none', simulator: { stepMs: 300 } });
    const port = await lastingPort();
    start = async () => {
      temporal = await startTemporalDevServer({
        binary: inject('temporalBinary'),
        dataFile: join(stack.dir, 'temporal.db'),
        ip: '127.0.0.1',
        port,
        logFile: join(stack.dir, 'temporal.log'),
        searchAttributes: SEARCH_ATTRIBUTES,
        env: stack.env,
        logger: silentLogger,
      });
      serving = await stack.serve('monolith', {
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: 'default',
      });
      await until('the models of the server are known', async () => {
        const known = await stack.sql`select from servers where lists_hash is not null`;
        return known.count > 0;
      });
    };
    await start();
  });
  afterAll(async () => {
    await stack.stop();
    await temporal.stop();
  });
  const stop = async (): Promise<void> => {
    await serving.stop();
    await temporal.stop();
  };
  const files = async (): Promise<string[]> =>
    (await readdir(stack.dir)).filter((name) => name.startsWith('temporal.db'));
  const api = (): { readonly url: string } => ({ url: serving.url ?? '' });
  const expectFree = async (): Promise<void> => {
    await until('no lease is left', async () => (await stack.sql`select from leases`).count === 0);
    await until('the server is free', async () => {
      const { running, pending } = await promptsOn(stack.simulator.url);
      return running.length + pending.length === 0;
    });
    await untilState(stack, await postPicture(api()), 'succeeded');
  };

  it('restored from an older backup: ends stay as they were, and jobs it never knew are told to be lost', async () => {
    const drawing = await postPicture(api(), 20);
    await untilDrawing(stack, drawing);
    await stop();
    const backup = join(stack.dir, 'temporal-backup');
    for (const name of await files()) await cp(join(stack.dir, name), join(backup, name));
    await start();
    const ended = await untilState(stack, drawing, 'succeeded');
    const unknown = await postPicture(api(), 150);
    const promptId = await untilDrawing(stack, unknown);

    await stop();
    for (const name of await files()) await rm(join(stack.dir, name));
    for (const name of await readdir(backup)) await cp(join(backup, name), join(stack.dir, name));
    await start();
    expect((await untilState(stack, unknown, 'failed')).failure?.code).toBe('history_lost');
    await expectFree();
    expect(await rowOf(stack, drawing)).toEqual(ended);
    expect(executionsOf(stack.simulator, drawing)).toHaveLength(1);
    expect(
      executionsOf(stack.simulator, unknown).map((one) => [one.promptId, one.outcome]),
    ).toEqual([[promptId, 'interrupted']]);
  });

  it('begun anew: what ended stays, what ran is told to be lost, what had not begun runs', async () => {
    const ended = await postPicture(api());
    const before = await untilState(stack, ended, 'succeeded');
    const running = await postPicture(api(), 150);
    await untilDrawing(stack, running);
    await stop();
    const unstarted = newJobRow();
    await createJobStore(stack.sql).insertJobs([unstarted]);
    for (const name of await files()) await rm(join(stack.dir, name));
    await start();
    const { failure } = await untilState(stack, running, 'failed');
    expect(failure?.code).toBe('history_lost');
    expect(failure?.message).toContain('Submit it again');
    await untilState(stack, unstarted.id, 'succeeded');
    await expectFree();
    expect(await rowOf(stack, ended)).toEqual(before);
    for (const jobId of [ended, unstarted.id])
      expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
  });
});
