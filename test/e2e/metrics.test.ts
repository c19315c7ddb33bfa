import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freeLoopbackPort } from '../../src/metrics/core-metrics.ts';
import { pictureRequest, postJobs, postPicture, untilState } from '../support/jobs.ts';
import { metricsIn, readAlerts, readQueries } from '../support/promql.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';

let stack: TestStack;
let serving: RoleProcess;
let metricsUrl: string;
beforeAll(async () => {
  stack = await startTestStack({ role: 'none' });
  const port = await freeLoopbackPort();
  metricsUrl = `http://127.0.0.1:${port}/metrics`;
  // The SDK counts for a process as a whole, and only from its start: it gets one of its own.
  serving = await startRoleProcess('monolith', { ...stack.env, METRICS_PORT: String(port) });
});
afterAll(async () => {
  await serving.terminate();
  await stack.stop();
});

const scrape = async (): Promise<string> => {
  const answer = await fetch(metricsUrl);
  expect(answer.status).toBe(200);
  return answer.text();
};

describe('/metrics of a running stack', () => {
  it('follows a job from its acceptance to its end', async () => {
    await scrape();
    const { url } = serving;
    const jobId = await postPicture({ url: String(url) });
    const { traceId } = await untilState(stack, jobId, 'succeeded');
    // The API counts ends only when none before can be committed any more.
    const text = await until(
      'the end is counted',
      async () => {
        const seen = await scrape();
        return seen.includes('outcome="succeeded",code="none"} 1') && seen;
      },
      90_000,
    );
    for (const line of [
      'orchestrator_jobs_accepted_total{type="textToImage"} 1',
      'orchestrator_jobs_finished_total{type="textToImage",outcome="succeeded",code="none"} 1',
      'orchestrator_job_seconds_count{type="textToImage",outcome="succeeded"} 1',
      'orchestrator_jobs{pool="default",state="running"} 0',
      'orchestrator_claim_wait_seconds_count{pool="default"} 1',
      'orchestrator_collect_seconds_count{part="drawing"} 1',
      'orchestrator_server_up{server="local",pool="default"} 1',
      'orchestrator_server_drawings_total{server="local",pool="default",outcome="succeeded"} 1',
      'orchestrator_server_model_uses_total{server="local",pool="default",model="swap"} 1',
      'orchestrator_dependency_up{dependency="temporal"} 1',
      'orchestrator_metrics_source_up{source="ended-jobs"} 1',
    ])
      expect(text.split('\n')).toContain(line);
    for (const activity of ['claim', 'prepare', 'submit', 'collect', 'finish'])
      expect(text).toContain(
        `orchestrator_activity_seconds_count{activity="${activity}",outcome="completed"} 1`,
      );
    expect(text).toMatch(/orchestrator_loop_passes_total\{loop="closer",outcome="completed"\} \d/);
    expect(text).toMatch(
      /orchestrator_http_request_seconds_count\{method="POST",route="\/v1\/consumer\/jobs",status="202"\} 1/,
    );
    expect(text).toMatch(/^temporal_activity_schedule_to_start_latency_seconds_bucket\{/m);
    expect(text).not.toContain(jobId);
    expect(text).not.toContain(traceId.slice(3, 35));
    expect(text).not.toContain('lighthouse');
  });

  it('counts a failure under its code', async () => {
    stack.simulator.fault({ kind: 'fail-node' });
    const { jobIds } = await postJobs(String(serving.url), pictureRequest());
    await untilState(stack, String(jobIds[0]), 'failed');
    expect(await scrape()).toMatch(
      /orchestrator_activity_failures_total\{activity="collect",code="execution_failed",server="local"\} 1/,
    );
  });

  it('has every metric that an alert or the dashboard asks for', async () => {
    const text = await scrape();
    const shown = new Set(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', kind]) =>
        kind === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
      ),
    );
    const exprs = [
      ...(await readAlerts()).map(({ expr }) => expr),
      ...(await readQueries()).map(([, expr]) => expr),
    ];
    const asked = new Set(exprs.flatMap(metricsIn));
    // Prometheus itself says whether a target answers.
    asked.delete('up');
    expect([...asked].filter((name) => !shown.has(name))).toEqual([]);
  });

  it('is not on the port of the API', async () => {
    expect((await fetch(`${String(serving.url)}/metrics`)).status).toBe(404);
  });
});
