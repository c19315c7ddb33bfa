/** The workflow, the activity and the loop that send callbacks, on a real Temporal, with a clock that runs 1,000 times faster. */
import { NativeConnection, type Worker, Worker as TemporalWorker } from '@temporalio/worker';
import type { Client } from '@temporalio/client';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { CallbackDeps } from '../../src/activities/deliver-callbacks.ts';
import { createCallbackRuns } from '../../src/client/callback-runs.ts';
import { connectTemporal } from '../../src/client/temporal.ts';
import { loadConfig } from '../../src/config.ts';
import { jobCallbackBody } from '../../src/contract/v1/job-callback.ts';
import { createCallbackLog } from '../../src/db/callback-log.ts';
import { createCallbackOutbox } from '../../src/db/callback-outbox.ts';
import { createCallbackSecrets } from '../../src/db/callback-secrets.ts';
import { createCallbackStore } from '../../src/db/callbacks.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import {
  CALLBACK_EVENTS,
  waitBeforeRetryMs,
  type CallbackEvent,
} from '../../src/domain/callback.ts';
import { CPU_QUEUE, callbackWorkflowId } from '../../src/domain/naming.ts';
import { silentMetrics } from '../../src/metrics/silent-metrics.ts';
import { createAddressRules } from '../../src/net/address-rules.ts';
import { createOutgoing } from '../../src/net/outgoing.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { silentTracer } from '../../src/tracing/silent-tracer.ts';
import { createCallbackStarter } from '../../src/workers/callback-starter.ts';
import { createCallbackWorker } from '../../src/workers/callback-worker.ts';
import type { Loop } from '../../src/workers/loop.ts';
import {
  installRuntime,
  runWorkers,
  type RunningWorkers,
} from '../../src/workers/temporal-workers.ts';
import { workflowCode } from '../../src/workers/workflow-code.ts';
import { startCallbackReceiver, type CallbackReceiver } from '../support/callback-receiver.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';
import { createTestNamespace } from '../support/stack.ts';
import { until } from '../support/until.ts';

const KEY = 'the key of these tests';
/** An hour is 3.6 s. */
const FASTER = 1_000;
let faster = FASTER;

let database: TestDatabase;
let client: Client;
let connection: NativeConnection;
let running: RunningWorkers;
let starter: Loop;
let receiver: CallbackReceiver;
let log: ReturnType<typeof createCallbackLog>;
let secrets: ReturnType<typeof createCallbackSecrets>;
let deps: CallbackDeps;

beforeAll(async () => {
  installRuntime(silentLogger);
  const address = inject('temporalAddress');
  const namespace = await createTestNamespace(address);
  [database, connection, receiver] = await Promise.all([
    createTestDatabase(),
    NativeConnection.connect({ address }),
    startCallbackReceiver(),
  ]);
  const { sql } = database;
  const config = loadConfig({ TEMPORAL_NAMESPACE: namespace });
  client = connectTemporal({ ...config, TEMPORAL_ADDRESS: address });
  log = createCallbackLog(sql);
  secrets = createCallbackSecrets(sql, KEY);
  deps = {
    store: createCallbackStore(sql),
    secrets,
    outgoing: createOutgoing(createAddressRules(['127.0.0.0/8'])),
    render: ({ job, event }) => jobCallbackBody(job, event, undefined),
    timeoutMs: 2_000,
    retryWaitMs: (tries, spread) => waitBeforeRetryMs(tries, spread) / faster,
    logger: silentLogger,
    metrics: silentMetrics,
  };
  const workers: Worker[] = await Promise.all([
    TemporalWorker.create({ connection, namespace, taskQueue: CPU_QUEUE, ...workflowCode() }),
    createCallbackWorker({ ...deps, connection, namespace, tracer: silentTracer }),
  ]);
  running = runWorkers(workers);
  starter = createCallbackStarter({
    outbox: createCallbackOutbox(sql),
    runs: createCallbackRuns(client),
    wakeups: { on: () => () => false },
    pollMs: 50,
    forgottenAfterMs: 500,
    logger: silentLogger,
    metrics: silentMetrics,
  });
});
afterAll(async () => {
  await starter.close();
  await running.close();
  await connection.close();
  await client.connection.close();
  await receiver.close();
  await database.drop();
});

/** A job that tells everything; what happens to it is written by the test. */
const newJob = async (path: string, url = receiver.url): Promise<string> => {
  const row = newJobRow({
    callback: { url: `${url}${path}`, events: CALLBACK_EVENTS },
    properties: { order: path },
  });
  await createJobStore(database.sql).insertJobs([row]);
  return row.id;
};

const reach = (jobId: string, state: string, rank: number): Promise<unknown> => database.sql`
  update jobs set state = ${state}, stage_rank = ${rank}, changed_at = now() where id = ${jobId}`;

const statesOf = async (jobId: string): Promise<string[]> =>
  (await log.listDeliveries('local', jobId)).map(({ state }) => state);

const untilStates = (jobId: string, states: readonly string[]): Promise<unknown> =>
  until(`the deliveries are ${states.join(', ')}`, async () => {
    const seen = await statesOf(jobId);
    if (seen.join() === states.join()) return true;
    throw new Error(`they are ${seen.join(', ')}`);
  });

const ids = (jobId: string, ...events: readonly CallbackEvent[]): string[] =>
  events.map((event, index) => `msg_${jobId}_${index + 1}_${event}`);

const of = (path: string) => receiver.received.filter((one) => one.path === path);

describe('callbacks', () => {
  it('are sent in order, as Civitai sends job events, and accepted by the verifier of standardwebhooks', async () => {
    const jobId = await newJob('/order');
    await reach(jobId, 'running', 1);
    await reach(jobId, 'running', 2);
    await reach(jobId, 'succeeded', 5);
    await untilStates(jobId, Array<string>(4).fill('delivered'));
    expect(receiver.accepted('/order')).toEqual(
      ids(jobId, 'Initialized', 'Claimed', 'Updated', 'Succeeded'),
    );
    const [{ secret } = { secret: '' }] = await secrets.list('local');
    const bodies = of('/order').map(({ text, headers }) =>
      new Webhook(secret).verify(text, headers),
    );
    expect(bodies).toMatchObject(
      ['Initialized', 'Claimed', 'Updated', 'Succeeded'].map((type) => ({
        ...{ jobId, type, jobProperties: { order: '/order' }, cost: 1, provider: 'local' },
        jobHasCompleted: type === 'Succeeded',
        dateTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{7}Z$/),
      })),
    );
  });

  it('arrive, all and in order, when the receiver is back after an hour', async () => {
    let isDown = true;
    receiver.answer(({ path }) => (path === '/hour' && isDown ? 503 : 204));
    const jobId = await newJob('/hour');
    const wentDown = performance.now();
    await reach(jobId, 'running', 1);
    await reach(jobId, 'failed', 5);
    await until('the hour is over', () => performance.now() - wentDown > 3_600_000 / FASTER);
    expect(new Set(of('/hour').map(({ id }) => id))).toEqual(new Set(ids(jobId, 'Initialized')));
    isDown = false;
    await untilStates(jobId, ['delivered', 'delivered', 'delivered']);
    expect(receiver.accepted('/hour')).toEqual(ids(jobId, 'Initialized', 'Claimed', 'Failed'));
    const [first] = await log.listDeliveries('local', jobId);
    expect(first).toMatchObject({ status: 204, error: null });
    expect(first?.tries).toBeGreaterThan(4);
    const tries = of('/hour').filter(({ id }) => id === ids(jobId, 'Initialized')[0]);
    expect(new Set(tries.map(({ text }) => text)).size).toBe(1);
  });

  it('are given up after three days, and the next one has its turn', async () => {
    receiver.answer(({ path, id }) => (path === '/dead' && id.includes('_1_') ? 400 : 204));
    const jobId = await newJob('/dead');
    await reach(jobId, 'succeeded', 5);
    await until('it was tried', () => of('/dead').length > 1);
    expect(await statesOf(jobId)).toEqual(['pending', 'pending']);
    await database.sql`
      update callback_deliveries set asked_at = now() - interval '3 days' where stream_id = ${jobId}`;
    await untilStates(jobId, ['dead', 'delivered']);
    const [dead] = await log.listDeliveries('local', jobId);
    expect(dead).toMatchObject({ status: 400, error: 'The receiver answered 400.' });

    receiver.answer(() => 204);
    expect(await log.redeliver('local', jobId)).toEqual([1]);
    await untilStates(jobId, ['delivered', 'delivered']);
    expect(receiver.accepted('/dead')).toEqual(ids(jobId, 'Initialized', 'Succeeded').reverse());
  });

  it.each([
    [410, 'dead', 'gone for good'],
    [301, 'pending', 'redirects are not followed'],
    [404, 'pending', 'answered 404'],
    [500, 'pending', 'answered 500'],
  ])('that are answered with %i are %s', async (status, state, error) => {
    const path = `/status-${status}`;
    receiver.answer((one, response) => {
      response.setHeader('location', `${receiver.url}/elsewhere`);
      return one.path === path ? status : 204;
    });
    const jobId = await newJob(path);
    await until('it was tried', async () => {
      const [first] = await log.listDeliveries('local', jobId);
      return first?.status === status && first;
    });
    const [first] = await log.listDeliveries('local', jobId);
    expect(first).toMatchObject({ state, error: expect.stringContaining(error) });
    expect(of('/elsewhere')).toEqual([]);
    receiver.answer(() => 204);
    await log.redeliver('local', jobId, 1);
    await untilStates(jobId, ['delivered']);
  });

  it('to an address that is refused by the time they are sent are dead with the reason', async () => {
    const jobId = await newJob('/', 'http://10.1.2.3');
    await untilStates(jobId, ['dead']);
    const [dead] = await log.listDeliveries('local', jobId);
    expect(dead).toMatchObject({ tries: 1, error: expect.stringContaining('10.1.2.3 is private') });
  });

  it('wait for nobody else’s receiver', async () => {
    receiver.answer(({ path }) => (path === '/slow' ? undefined : 204));
    const slow = await newJob('/slow');
    await until('the slow one holds its callback', () => of('/slow').length > 0);
    const quick = await newJob('/quick');
    await untilStates(quick, ['delivered']);
    expect(await statesOf(slow)).toEqual(['pending']);
    receiver.answer(() => 204);
    await untilStates(slow, ['delivered']);
  });

  it('go on when their run was ended by hand', async () => {
    receiver.answer(() => 500);
    const jobId = await newJob('/terminated');
    await until('it was tried', () => of('/terminated').length > 0);
    await client.workflow.getHandle(callbackWorkflowId(jobId)).terminate('by hand');
    receiver.answer(() => 204);
    await untilStates(jobId, ['delivered']);
  });

  it('are in histories that stay short, and without secret, address or body', async () => {
    receiver.answer(() => 500);
    faster = 1_000_000;
    const jobId = await newJob('/long');
    const handle = client.workflow.getHandle(callbackWorkflowId(jobId));
    const firstRun = await until('the run is there', async () => (await handle.describe()).runId);
    await until(
      'it went on as new',
      async () => (await handle.describe()).runId !== firstRun,
      60_000,
    );
    faster = FASTER;
    const first = client.workflow.getHandle(callbackWorkflowId(jobId), firstRun);
    const { events } = await first.fetchHistory();
    expect(events?.length).toBeLessThan(300);
    const text = JSON.stringify(events, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString() : value,
    );
    const all = await secrets.list('local');
    for (const word of ['/long', '127.0.0.1', ...all.map(({ secret }) => secret)])
      expect(text).not.toContain(word);
    receiver.answer(() => 204);
    await log.redeliver('local', jobId, 1);
    await untilStates(jobId, ['delivered']);
    await handle.result();
  });
});
