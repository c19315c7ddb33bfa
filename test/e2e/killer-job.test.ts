/** A job that brings its server down whenever it is drawn. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { startSimulator, type Simulator } from '../../src/executors/simulator/server.ts';
import {
  leasesOf,
  pictureRequest,
  postJobs,
  promptsOn,
  rowOf,
  untilState,
} from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const ATTEMPTS = 3;

let stack: TestStack;
let server: Simulator;
beforeAll(async () => {
  stack = await startTestStack({ simulator: { stepMs: 400 } });
  server = stack.simulator;
});
afterAll(async () => {
  await server.close();
  await stack.stop();
});

const restart = async (): Promise<void> => {
  const { port } = server;
  await server.close();
  server = await startSimulator({ port, dataDir: join(stack.dir, 'simulator'), stepMs: 400 });
};
const post = async (steps: number, retries: number): Promise<string> => {
  const { jobIds, text } = await postJobs(stack.url, pictureRequest(steps, { retries }));
  const [jobId] = jobIds;
  if (jobId === undefined) throw new Error(text);
  return jobId;
};
const hasPrompt = async (place: 'running' | 'pending', jobId: string): Promise<boolean> => {
  const { attempt } = await rowOf(stack, jobId);
  return (await promptsOn(server.url))[place].includes(promptIdFor(jobId, 1, attempt));
};

describe('a job that brings its server down every time', () => {
  it('ends at its own limit with the evidence, and costs the job behind it nothing', async () => {
    const killer = await post(60, ATTEMPTS - 1);
    await until('it is drawn', () => hasPrompt('running', killer));
    const behind = await post(2, 0);
    for (let death = 1; death <= ATTEMPTS; death += 1) {
      if ((await rowOf(stack, behind)).state !== 'succeeded')
        await until(
          'the other waits behind it, or was quicker this time',
          async () =>
            (await hasPrompt('pending', behind)) ||
            (await rowOf(stack, behind)).state === 'succeeded',
        );
      await until(
        `it is drawn for the ${death}. time`,
        async () =>
          (await rowOf(stack, killer)).attempt === death && (await hasPrompt('running', killer)),
        60_000,
      );
      await restart();
    }
    const { failure, attempt } = await untilState(stack, killer, 'failed');
    expect({ attempt, code: failure?.code }).toEqual({
      attempt: ATTEMPTS,
      code: 'attempts_exhausted',
    });
    expect(failure?.message).toMatch(
      /All 3 attempts failed.*attempt 1 on local \(boot \S+\) at 20\S+Z: prompt_lost; attempt 2 on .*; attempt 3 on /,
    );
    const boots = [...(failure?.message ?? '').matchAll(/attempt \d on local \(boot (\S+)\)/g)];
    expect(new Set(boots.map(([, boot]) => boot)).size).toBe(ATTEMPTS);
    const { maxAttempts } = await untilState(stack, behind, 'succeeded');
    expect(maxAttempts).toBe(1);
    for (const jobId of [killer, behind]) expect(await leasesOf(stack, jobId)).toEqual([]);
  });
});
