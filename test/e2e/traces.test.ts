import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pictureRequest, postJobs, untilDrawing, untilState } from '../support/jobs.ts';
import {
  startOtlpReceiver,
  type OtlpReceiver,
  type ReceivedSpan,
} from '../support/otlp-receiver.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';
const PROMPT = 'a lighthouse nobody shall read about';

let receiver: OtlpReceiver;
let stack: TestStack;
let api: string;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  stack = await startTestStack({
    role: 'none',
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=a%20secret',
      COMFY_HEADERS: '{"x-comfy-key":"another-secret"}',
    },
  });
  api = String((await stack.serve('api')).url);
  await stack.serve('worker-cpu');
  await stack.serve('worker-gpu');
});
afterAll(async () => {
  await stack.stop();
  await receiver.close();
});

const spansOf = (trace: string): ReceivedSpan[] =>
  receiver.spans.filter(({ traceId }) => traceId === trace);
const untilSpan = (trace: string, name: string): Promise<ReceivedSpan> =>
  until(`a span '${name}' arrives`, () => spansOf(trace).find((span) => span.name === name));

/** Posts a job as part of a trace of the caller's and waits for its end. */
async function draw(trace: string, state: 'succeeded' | 'failed', flag = '01'): Promise<string> {
  const request = pictureRequest(2, {
    params: { prompt: PROMPT, width: 64, height: 64, steps: 2, cfgScale: 7, seed: -1 },
  });
  const headers = { traceparent: `00-${trace}-${CALLER}-${flag}` };
  const { jobIds, text } = await postJobs(api, request, headers);
  const [jobId] = jobIds;
  if (jobId === undefined) throw new Error(text);
  await untilState(stack, jobId, state);
  await untilSpan(trace, 'job');
  return jobId;
}

describe('the trace of a job', () => {
  it('leads from the request over the run and its stages to the calls of ComfyUI', async () => {
    const jobId = await draw(TRACE, 'succeeded', '00');
    const request = await untilSpan(TRACE, 'POST /v1/consumer/jobs');
    const job = await untilSpan(TRACE, 'job');
    expect([request.parentSpanId, request.role]).toEqual([CALLER, 'api']);
    expect(job.parentSpanId).toBe(request.spanId);
    expect(job.attributes).toMatchObject({
      'orchestrator.job.id': jobId,
      'orchestrator.job.outcome': 'succeeded',
      'temporal.workflow.id': `job-${jobId}`,
    });
    const roles: Record<string, string> = {
      claim: 'worker-cpu',
      prepare: 'worker-cpu',
      submit: 'worker-gpu',
      collect: 'worker-gpu',
      finish: 'worker-cpu',
    };
    for (const [name, role] of Object.entries(roles)) {
      const stage = await untilSpan(TRACE, name);
      expect([stage.parentSpanId, stage.role, stage.error], name).toEqual([
        job.spanId,
        role,
        false,
      ]);
    }
    const submit = await untilSpan(TRACE, 'submit');
    const collect = await untilSpan(TRACE, 'collect');
    const posted = await untilSpan(TRACE, 'POST /prompt');
    expect(posted.parentSpanId).toBe(submit.spanId);
    expect(posted.attributes).toMatchObject({
      'http.response.status_code': 200,
      'server.address': new URL(stack.simulator.url).host,
    });
    const asked = await untilSpan(TRACE, 'GET /history/{id}');
    await until('the download arrives', () =>
      spansOf(TRACE).some(
        ({ name, parentSpanId }) => name === 'GET /view' && parentSpanId === collect.spanId,
      ),
    );
    expect([submit.spanId, collect.spanId]).toContain(asked.parentSpanId);
    // One of each: a job that went well is told once.
    for (const name of ['job', ...Object.keys(roles), 'POST /prompt'])
      expect(spansOf(TRACE).filter((span) => span.name === name)).toHaveLength(1);
  });

  it('tells a failure by its code, in the stage and in the job', async () => {
    const trace = 'a'.repeat(32);
    stack.simulator.fault({ kind: 'fail-node', message: 'a reason nobody shall read' });
    await draw(trace, 'failed');
    const collect = await untilSpan(trace, 'collect');
    const job = await untilSpan(trace, 'job');
    for (const span of [collect, job]) {
      expect(span.error).toBe(true);
      expect(span.attributes['error.type']).toBe('execution_failed');
    }
  });

  it('tells of a run that was terminated, once, with the error', async () => {
    const trace = 'b'.repeat(32);
    stack.simulator.pauseDrawing(true);
    const headers = { traceparent: `00-${trace}-${CALLER}-01` };
    const [jobId = ''] = (await postJobs(api, pictureRequest(2), headers)).jobIds;
    await untilDrawing(stack, jobId);
    await stack.client.workflow.getHandle(`job-${jobId}`).terminate('stuck');
    const job = await untilSpan(trace, 'job');
    stack.simulator.pauseDrawing(false);
    const request = await untilSpan(trace, 'POST /v1/consumer/jobs');
    expect([job.parentSpanId, job.role, job.error]).toEqual([request.spanId, 'worker-cpu', true]);
    expect(job.attributes).toMatchObject({
      'error.type': 'terminated',
      'orchestrator.job.id': jobId,
      'orchestrator.job.outcome': 'failed',
    });
    expect((await untilSpan(trace, 'submit')).parentSpanId).toBe(job.spanId);
    // The prompt is withdrawn by a run of its own; the closer has looked again by then.
    await untilSpan(trace, 'withdraw');
    expect(spansOf(trace).filter(({ name }) => name === 'job')).toHaveLength(1);
  });

  it('shows no prompt, no message, no header and no query', async () => {
    await fetch(`${api}/v1/consumer/jobs?token=a-secret-token`);
    await until('the request arrives', () =>
      receiver.spans.some(({ name }) => name === 'GET /v1/consumer/jobs'),
    );
    const all = receiver.bodies.join('\n');
    expect(all).toContain('"collect"');
    for (const secret of ['lighthouse', 'a reason', 'another-secret', 'secret-token', 'filename'])
      expect(all).not.toContain(secret);
    expect(receiver.headers()['x-collector-key']).toBe('a secret');
  });

  it('is not told of health checks', async () => {
    await fetch(`${api}/health`);
    await fetch(`${api}/v1/consumer/jobs/none`);
    await until('the later request arrives', () =>
      receiver.spans.some(({ name }) => name === 'GET /v1/consumer/jobs/{jobId}'),
    );
    expect(receiver.spans.filter(({ name }) => name.includes('health'))).toEqual([]);
  });
});

describe('OpenTelemetry', () => {
  const modulesOf = async (env: Record<string, string>): Promise<string[]> => {
    const program = fileURLToPath(new URL('../support/loaded-modules.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program], {
      env: { ...stack.env, OTEL_EXPORTER_OTLP_ENDPOINT: '', ...env },
    });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '[]') as string[];
  };

  it(
    'is not loaded without OTEL_EXPORTER_OTLP_ENDPOINT, and is with it',
    { timeout: 240_000 },
    async () => {
      const isOtel = (path: string): boolean => /@opentelemetry|otel-tracer/.test(path);
      const off = await modulesOf({});
      expect(off.length).toBeGreaterThan(100);
      expect(off.filter(isOtel)).toEqual([]);
      const on = await modulesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
      expect(on.filter(isOtel).length).toBeGreaterThan(10);
    },
  );
});
