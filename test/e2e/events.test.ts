/** Temporal's history as the job's events: `GET /v1/consumer/jobs/{jobId}/events`. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { readRunHistory } from '../../src/client/run-history.ts';
import { startServing, type Serving } from '../../src/commands/serve.ts';
import { loadConfig } from '../../src/config.ts';
import type { Logger } from '../../src/ports.ts';
import { payloadsOf } from '../support/history-payloads.ts';
import { createJobClient, type JobClient } from '../support/job-client.ts';
import { rowOf } from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { largeGraphRequest } from '../support/large-graph.ts';
import { until } from '../support/until.ts';

const PAYLOAD_LIMIT = 128 * 1024;
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

type Events = Awaited<ReturnType<JobClient['events']>>;

let stack: TestStack;
let serving: Serving;
let jobs: JobClient;
const lines: Record<string, unknown>[] = [];

const keep = (fields: object): void => void lines.push({ ...fields });
const recording: Logger = {
  debug: keep,
  info: keep,
  warn: keep,
  error: keep,
  child: () => recording,
};

beforeAll(async () => {
  stack = await startTestStack({ role: 'none', simulator: { stepMs: 30 } });
  serving = await startServing('monolith', loadConfig(stack.env), recording);
  jobs = createJobClient({ ...stack, url: serving.url ?? '' });
});
afterEach(() => stack.simulator.pauseDrawing(false));
afterAll(async () => {
  await serving.stop();
  await stack.stop();
});

const idsOf = (events: Events): string[] => events.map(({ id }) => id);
const stagesOf = (events: Events): string[] => events.flatMap(({ stage }) => stage ?? []);

/** `later` has all of `earlier`, in the same order. */
const expectKept = (earlier: readonly string[], later: readonly string[]): void =>
  expect(later.filter((id) => earlier.includes(id))).toEqual(earlier);

const historyOf = async (jobId: string) => {
  const history = await readRunHistory(stack.client, jobId);
  if (!history) throw new Error(`Temporal has no run of ${jobId}`);
  return history;
};

const expectSmallPayloads = async (jobId: string): Promise<void> => {
  const payloads = payloadsOf(await historyOf(jobId));
  expect(payloads.length).toBeGreaterThan(0);
  expect(payloads.filter(({ bytes }) => bytes > PAYLOAD_LIMIT)).toEqual([]);
};

const snapshotTaken = (jobId: string) =>
  until('the closer has kept the events', async () => {
    const { runId } = await historyOf(jobId);
    const rows = await stack.sql`
      select from event_snapshots where job_id = ${jobId} and run_id = ${runId}`;
    return rows.count > 0;
  });

const deleteWorkflow = async (jobId: string): Promise<void> => {
  await stack.client.workflowService.deleteWorkflowExecution({
    namespace: stack.namespace,
    workflowExecution: { workflowId: `job-${jobId}` },
  });
  await until(
    'Temporal has deleted the workflow',
    async () => (await readRunHistory(stack.client, jobId)) === undefined,
    // Temporal deletes a run only when its queues have noted that all tasks of it are done, every 30 s or so.
    90_000,
  );
};

describe('the events of a job', () => {
  it('are the four stages in order, with times, attempt, worker and context', async () => {
    const jobId = await jobs.submit({ prompt: 'a lighthouse at dusk', seed: 7 });
    const events = await jobs.eventsEnd(jobId, 'Succeeded');
    expect(events.map(({ type, stage }) => [type, stage])).toEqual([
      ['Initialized', undefined],
      ['Claimed', 'CLAIMED'],
      ['Updated', 'PROMPT_PREPARED'],
      ['Updated', 'SENT_TO_COMFY'],
      ['Updated', 'COMFY_RESULT'],
      ['Succeeded', undefined],
    ]);
    expect(new Set(idsOf(events)).size).toBe(events.length);
    const times = events.map(({ dateTime }) => Date.parse(dateTime));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    for (const event of events.slice(1, 5)) {
      expect(event).toMatchObject({ attempt: 1, tries: 1, serverId: 'local', jobId });
      expect(event.worker).toMatch(/.+/);
      expect(event.context['duration_ms']).toBeGreaterThanOrEqual(0);
      expect(event.context['queued_ms']).toBeGreaterThanOrEqual(0);
    }
    const [, claimed, prepared, sent, result] = events;
    const promptId = promptIdFor(jobId, 1, 1);
    expect(claimed?.context).toMatchObject({ prompt_id: promptId });
    const graph = JSON.parse(String(prepared?.context['comfy_prompt_request'])) as object;
    expect(JSON.stringify(graph)).toContain('a lighthouse at dusk');
    expect(JSON.parse(String(sent?.context['comfy_prompt_response']))).toMatchObject({
      prompt_id: promptId,
    });
    expect(result?.context['comfy_execution_ms']).toBeGreaterThan(0);
    expect(result?.context['outputs']).toMatchObject([{ contentType: 'image/png' }]);
    await expectSmallPayloads(jobId);
  });

  it('are never lost once shown: 200 reads from the acceptance to the end', async () => {
    const jobId = await jobs.submit({ steps: 30 });
    interface Read {
      readonly startedAt: number;
      readonly endedAt: number;
      readonly ids: readonly string[];
      readonly ended: boolean;
    }
    const reads: Read[] = [];
    const lane = async (): Promise<void> => {
      while (reads.length < 200 || !reads.some(({ ended }) => ended)) {
        const startedAt = performance.now();
        const events = await jobs.events(jobId);
        const ended = events.at(-1)?.type === 'Succeeded';
        reads.push({ startedAt, endedAt: performance.now(), ids: idsOf(events), ended });
      }
    };
    await Promise.all(Array.from({ length: 5 }, lane));
    expect(reads.length).toBeGreaterThanOrEqual(200);
    expect(new Set(reads.map(({ ids }) => ids.length)).size).toBeGreaterThan(2);
    for (const earlier of reads)
      for (const later of reads)
        if (later.startedAt >= earlier.endedAt) expectKept(earlier.ids, later.ids);
  });

  it('show a retried activity as Updated, under an id that stays', async () => {
    stack.simulator.fault({
      kind: 'http-error',
      path: '/prompt',
      method: 'POST',
      status: 503,
      times: 3,
    });
    const jobId = await jobs.submit();
    const pending = await until('a pending retry is shown', async () => {
      const events = await jobs.events(jobId);
      return events.some(({ context }) => context['retried'] === true) && events;
    });
    const retry = pending.find(({ context }) => context['retried'] === true);
    expect(retry).toMatchObject({
      type: 'Updated',
      context: { stage: 'submit', error_code: 'server_error' },
    });
    expect(retry?.tries).toBeGreaterThan(1);
    await jobs.ends(jobId, 'Succeeded');
    const events = await jobs.events(jobId);
    expectKept(idsOf(pending), idsOf(events));
    expect(events.find(({ id }) => id === retry?.id)).toMatchObject({ type: 'Updated', tries: 4 });
    expect(events.find(({ stage }) => stage === 'SENT_TO_COMFY')).toMatchObject({ tries: 4 });
    await expectSmallPayloads(jobId);
  });

  it('link a graph over 64 KB, which enters no payload', async () => {
    const { params, further } = await largeGraphRequest({ url: String(serving.url) });
    const jobId = await jobs.submit(params, {}, further);
    await jobs.ends(jobId, 'Succeeded');
    const events = await jobs.events(jobId);
    const context = events.find(({ stage }) => stage === 'PROMPT_PREPARED')?.context ?? {};
    expect(JSON.stringify(context)).not.toContain('灯灯');
    const [blob] = await stack.sql<{ id: string; contentType: string; bytes: string }[]>`
      select id, content_type, bytes from blobs
      where job_id = ${jobId} and content_type = 'application/json'`;
    expect(Number(blob?.bytes)).toBeGreaterThan(64 * 1024);
    const link = await fetch(String(context['comfy_prompt_request']));
    expect(link.headers.get('content-type')).toBe('application/json');
    const graph = await link.text();
    expect(Buffer.byteLength(graph)).toBe(Number(blob?.bytes));
    expect(graph).toContain('灯'.repeat(10_000));
    await expectSmallPayloads(jobId);
  });

  it('come from the snapshot, the same, after the workflow was deleted', async () => {
    const jobId = await jobs.submit();
    await jobs.ends(jobId, 'Succeeded');
    await snapshotTaken(jobId);
    const before = await jobs.events(jobId);
    expect(stagesOf(before)).toHaveLength(4);
    await deleteWorkflow(jobId);
    expect(await jobs.events(jobId)).toEqual(before);
  }, 180_000);

  it('keep those of the run before a reset, at once and after both are gone', async () => {
    const jobId = await jobs.submit();
    await jobs.ends(jobId, 'Succeeded');
    const before = await jobs.events(jobId);
    const { runId } = await historyOf(jobId);
    await stack.client.workflowService.resetWorkflowExecution({
      namespace: stack.namespace,
      workflowExecution: { workflowId: `job-${jobId}`, runId },
      workflowTaskFinishEventId: 4 as never,
      requestId: jobId,
      reason: 'test',
    });
    expectKept(idsOf(before), idsOf(await jobs.events(jobId)));
    await until('the second run has ended', async () => {
      const events = await jobs.events(jobId);
      expectKept(idsOf(before), idsOf(events));
      return stagesOf(events).length === 8 && events.at(-1)?.type === 'Succeeded';
    });
    await expectSmallPayloads(jobId);
    await snapshotTaken(jobId);
    const after = await jobs.events(jobId);
    await deleteWorkflow(jobId);
    expect(await jobs.events(jobId)).toEqual(after);
  }, 180_000);

  it('tell a failure in the words of the server, also words that a database refuses', async () => {
    stack.simulator.fault({ kind: 'fail-node', message: 'tensor \u0000 mismatch 🙂' });
    const jobId = await jobs.submit();
    const { lastEvent } = await jobs.ends(jobId, 'Failed');
    expect(lastEvent.context).toMatchObject({ error_code: 'execution_failed' });
    expect(lastEvent.context['error_message']).toContain('mismatch 🙂');
    const failed = (await jobs.eventsEnd(jobId, 'Failed')).at(-1);
    expect(failed?.context).toMatchObject({ error_code: 'execution_failed' });
    await snapshotTaken(jobId);
    await expectSmallPayloads(jobId);
  });

  it('of a cancelled, a held and a twice drawn job stand in small payloads too', async () => {
    stack.simulator.pauseDrawing(true);
    const canceled = await jobs.submit();
    await jobs.drawing(canceled);
    const held = await jobs.submit();
    // Accepted is not yet started: Temporal may hear of it a moment later.
    await until('its run is started', async () => (await rowOf(stack, held)).startedAt);
    await stack.client.workflow.getHandle(`job-${held}`).signal('hold');
    await jobs.cancel(canceled);
    await jobs.ends(canceled, 'Deleted');
    await jobs.cancel(held);
    await jobs.ends(held, 'Deleted');
    const twice = await jobs.submit();
    const promptId = await jobs.drawing(twice);
    await fetch(`${stack.simulator.url}/interrupt`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt_id: promptId }),
    });
    await jobs.drawing(twice, 1, 2);
    stack.simulator.pauseDrawing(false);
    await jobs.ends(twice, 'Succeeded');
    expect(stagesOf(await jobs.events(twice)).filter((stage) => stage === 'CLAIMED')).toHaveLength(
      2,
    );
    for (const jobId of [canceled, held, twice]) await expectSmallPayloads(jobId);
  });
});

describe('the trace id', () => {
  /** Where a finished job's trace shows. */
  const tracesOf = async (jobId: string): Promise<string[]> => {
    await jobs.ends(jobId, 'Succeeded');
    const promptId = promptIdFor(jobId, 1, 1);
    const history = await fetch(`${stack.simulator.url}/history/${promptId}`);
    const body = (await history.json()) as Record<
      string,
      { prompt: [number, string, object, { trace_id: string }] }
    >;
    const described = await stack.client.workflow.getHandle(`job-${jobId}`).describe();
    const events = await jobs.events(jobId);
    expect(events.length).toBeGreaterThan(4);
    return [
      `00-${String(described.searchAttributes['TraceId']?.[0])}`,
      ...events.map(({ context }) => String(context['trace_id'])),
      body[promptId]?.prompt[3].trace_id ?? 'none',
      String((await jobs.read(jobId)).lastEvent.context['trace_id']),
    ].map((traceparent) => traceparent.slice(3, 35));
  };

  it('of the request reaches workflow, log, ComfyUI and every event', async () => {
    const jobId = await jobs.submit({}, { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` });
    expect(new Set(await tracesOf(jobId))).toEqual(new Set([TRACE]));
    // The request and the four stages.
    expect(
      lines.filter(({ traceId }) => String(traceId).slice(3, 35) === TRACE).length,
    ).toBeGreaterThanOrEqual(5);
  });

  it.each<[string, Record<string, string>]>([
    ['absent', {}],
    ['malformed', { traceparent: '00-not-a-trace-01' }],
    ['all zero', { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` }],
  ])('is made up when the header is %s', async (_how, headers) => {
    const traces = new Set(await tracesOf(await jobs.submit({}, headers)));
    expect(traces.size).toBe(1);
    expect([...traces][0]).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect([...traces][0]).not.toBe(TRACE);
  });
});
