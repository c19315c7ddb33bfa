import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Serving } from '../../src/commands/serve.ts';
import type { JobStatus } from '../../src/contract/v1/job-status.ts';
import { createJobClient, type JobClient } from '../support/job-client.ts';
import { executionsOf, untilDrawing, untilState } from '../support/jobs.ts';
import { largeGraphRequest } from '../support/large-graph.ts';
import { lastingPort } from '../support/lasting-port.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startUploadGate, type UploadGate } from '../support/upload-gate.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';

const WORKER_KEY = 'a-worker-key-of-this-test';
/** A heartbeat timeout (10 s), the start of a process and a drawing, on a busy machine. */
const RECOVERY_MS = 90_000;

/** What such a worker is given: Temporal, its server, the API. Its folder is the only one it has. */
describe('a gpu worker without database and without a folder in common with the API', () => {
  let stack: TestStack;
  let api: Serving;
  let gate: UploadGate;
  let jobs: JobClient;
  let folder: string;
  const workers: RoleProcess[] = [];

  const startWorker = async (change: Record<string, string> = {}): Promise<RoleProcess> => {
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      TMPDIR: folder,
      LOG_LEVEL: 'silent',
      TEMPORAL_ADDRESS: stack.env['TEMPORAL_ADDRESS'] ?? '',
      TEMPORAL_NAMESPACE: stack.namespace,
      COMFY_HTTP_URL: stack.simulator.url,
      COMFY_ROOM: '2',
      API_URL: gate.url,
      WORKER_KEY,
      STORAGE: 'remote',
      ...change,
    };
    const worker = await startRoleProcess('worker-gpu', env, folder);
    workers.push(worker);
    return worker;
  };
  const read = async (jobId: string): Promise<JobStatus> => jobs.read(jobId);
  /** The picture, by the link of its job. */
  const picture = async (jobId: string): Promise<Buffer> => {
    const { result } = await read(jobId);
    const { blobUrl } = result as { blobUrl?: string };
    const response = await fetch(String(blobUrl));
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer());
  };
  const expectDrawnOnce = async (jobId: string): Promise<void> => {
    const row = await untilState(stack, jobId, 'succeeded', RECOVERY_MS);
    expect(row.attempt).toBe(1);
    expect(executionsOf(stack.simulator, jobId).map(({ outcome }) => outcome)).toEqual(['success']);
    expect((await picture(jobId)).toString('latin1', 1, 4)).toBe('PNG');
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'remote-machine-'));
    stack = await startTestStack({
      role: 'none',
      env: { WORKER_KEY },
      simulator: { stepMs: 50 },
    });
    api = await stack.serve('api', { PORT: String(await lastingPort()) });
    const url = String(api.url);
    await stack.serve('worker-cpu');
    gate = await startUploadGate(new URL(url));
    jobs = createJobClient({ ...stack, url });
  });
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.kill();
  });
  afterAll(async () => {
    await gate.close();
    await stack.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('draws a job whose graph is over 64 KB, shows how far it is and how it looks, and keeps nothing', async () => {
    await startWorker();
    const { params, further } = await largeGraphRequest({ url: String(api.url) });
    const jobId = await jobs.submit({ ...params, steps: 80 }, {}, further);
    const seen = await until(
      'progress and a preview are shown',
      async () => {
        const { lastEvent } = await read(jobId);
        expect(lastEvent.jobHasCompleted).toBe(false);
        return lastEvent.context['preview'] !== undefined && lastEvent;
      },
      RECOVERY_MS,
    );
    expect(seen).toMatchObject({ type: 'Updated', context: { stage: 'SENT_TO_COMFY' } });
    expect(seen.context['progress']).toBeGreaterThan(0);
    expect(seen.context['progress']).toBeLessThanOrEqual(1);
    const preview = await fetch(String(seen.context['preview']));
    expect(preview.headers.get('content-type')).toBe('image/jpeg');
    expect(preview.headers.get('cache-control')).toBe('no-store');
    expect(Buffer.from(await preview.arrayBuffer()).toString('hex', 0, 3)).toBe('ffd8ff');

    await expectDrawnOnce(jobId);
    const { count } = await stack.sql`
      select from blobs where job_id = ${jobId} and storage_key like 'graphs/%' and bytes > 65536`;
    expect(count).toBe(1);
    expect((await stack.sql`select from job_progress`).count).toBe(0);
    expect((await fetch(String(seen.context['preview']))).status).toBe(404);
    const left = await readdir(folder, { recursive: true });
    expect(left.filter((name) => /\.png$|blobs/.test(name))).toEqual([]);
  });

  it('killed in the middle of an upload: the next one sends the picture, drawn once', async () => {
    const first = await startWorker();
    const held = gate.holdNextUpload();
    const jobId = await jobs.submit();
    await held;
    await first.kill();
    await startWorker();
    await expectDrawnOnce(jobId);
  });

  it('loses the answer to an upload: it is sent again, drawn once', async () => {
    await startWorker();
    const lost = gate.loseNextAnswer();
    const jobId = await jobs.submit();
    await lost;
    await expectDrawnOnce(jobId);
  });

  it('waits for an API that goes away in the middle of an upload and comes back', async () => {
    await startWorker();
    const held = gate.holdNextUpload();
    const jobId = await jobs.submit();
    await held;
    await api.stop();
    api = await stack.serve('api', { PORT: new URL(String(api.url)).port });
    await expectDrawnOnce(jobId);
  });

  it('has a wrong key: nothing is stored and it lives; with the right one the picture is there, drawn once', async () => {
    const first = await startWorker();
    const jobId = await jobs.submit({ steps: 100 });
    await untilDrawing(stack, jobId);
    await first.kill();
    const wrong = await startWorker({ WORKER_KEY: 'some-other-key-than-that' });
    await until(
      'the upload was refused',
      async () => {
        const events = await jobs.events(jobId);
        return events.some(({ context }) => context['error_code'] === 'unauthenticated');
      },
      RECOVERY_MS,
    );
    expect(wrong.isRunning()).toBe(true);
    await wrong.kill();
    await startWorker();
    await expectDrawnOnce(jobId);
  });
});
