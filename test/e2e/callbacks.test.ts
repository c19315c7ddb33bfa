import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCallbackReceiver, type CallbackReceiver } from '../support/callback-receiver.ts';
import { pictureRequest, postJobs, untilState } from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';

/** A heartbeat timeout (10 s) and the start of a process, on a busy machine. */
const RECOVERY_MS = 60_000;

interface Log {
  readonly deliveries: readonly { readonly state: string; readonly tries: number }[];
}

describe('callbacks of a job', () => {
  let stack: TestStack;
  let receiver: CallbackReceiver;
  const workers: RoleProcess[] = [];
  const startWorker = async (): Promise<RoleProcess> => {
    const worker = await startRoleProcess('worker', stack.env);
    workers.push(worker);
    return worker;
  };
  const ask = async <T>(method: string, path: string): Promise<T> => {
    const response = await fetch(`${stack.url}/v1/consumer${path}`, { method });
    expect(response.ok, `${path}: ${response.status}`).toBe(true);
    return (await response.json()) as T;
  };
  const submit = async (path: string): Promise<string> => {
    const request = pictureRequest(2, {
      callbackUrl: `${receiver.url}${path}`,
      properties: { order: 17 },
    });
    const { status, text, jobIds } = await postJobs(stack.url, request);
    expect(status, text).toBe(202);
    return jobIds[0] ?? '';
  };
  const untilDelivered = (jobId: string): Promise<Log> =>
    until(
      'both are delivered',
      async () => {
        const log = await ask<Log>('GET', `/jobs/${jobId}/callbacks`);
        const states = log.deliveries.map(({ state }) => state).join();
        if (states === 'delivered,delivered') return log;
        throw new Error(`they are ${states}`);
      },
      RECOVERY_MS,
    );

  beforeAll(async () => {
    receiver = await startCallbackReceiver();
    stack = await startTestStack({
      role: 'api',
      env: { OUTGOING_ALLOW: '127.0.0.0/8', CALLBACK_TIMEOUT_MS: '120000' },
    });
  });
  afterAll(async () => {
    for (const worker of workers) await worker.kill();
    await receiver.close();
    await stack.stop();
  });

  it('do not hold it up, and arrive in order although the worker was killed while it sent one', async () => {
    const first = await startWorker();
    receiver.answer(() => undefined);
    const jobId = await submit('/killed');
    await until('the receiver holds a callback', () => receiver.received.length > 0);
    await untilState(stack, jobId, 'succeeded');
    await first.kill();
    receiver.answer(() => 204);
    await startWorker();
    await untilDelivered(jobId);
    expect(receiver.accepted('/killed')).toEqual([
      `msg_${jobId}_1_Claimed`,
      `msg_${jobId}_2_Succeeded`,
    ]);
    const tries = receiver.received.filter(({ id }) => id === `msg_${jobId}_1_Claimed`);
    expect(tries.length).toBeGreaterThan(1);
    expect(new Set(tries.map(({ text }) => text)).size).toBe(1);
  });

  it('are verified with the secret of the tenant, and sent once more on request', async () => {
    const jobId = await submit('/again');
    await untilDelivered(jobId);
    const { secrets } = await ask<{ secrets: { secret: string }[] }>('GET', '/callbacks/secret');
    const webhook = new Webhook(secrets[0]?.secret ?? '');
    const seen = () => receiver.received.filter(({ path }) => path === '/again');
    expect(seen().map(({ text, headers }) => webhook.verify(text, headers))).toMatchObject([
      { jobId, type: 'Claimed', workerId: 'local', jobProperties: { order: 17 } },
      { jobId, type: 'Succeeded', jobHasCompleted: true, jobProperties: { order: 17 } },
    ]);
    await ask('POST', '/callbacks/secret/rotate');
    await ask('POST', `/jobs/${jobId}/callbacks/1/redeliver`);
    const again = await until('it came once more', () => seen()[2]);
    expect(again.id).toBe(`msg_${jobId}_1_Claimed`);
    // Signed with both while receivers change over.
    webhook.verify(again.text, again.headers);
    await untilDelivered(jobId);
  });
});
