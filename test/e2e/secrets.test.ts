/**
 * No secret reaches logs, Temporal or errors: a stack of processes with every secret there is does what jobs do, well and
 * badly, and then all that was written is searched for each of them.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { JobStatus, JobStatusCollection } from '../../src/contract/v1/job-status.ts';
import { createKeyStore } from '../../src/db/keys.ts';
import { createResourceStore } from '../../src/db/resources.ts';
import { seedCatalogue } from '../../src/db/seed-catalogue.ts';
import { startCallbackReceiver, type CallbackReceiver } from '../support/callback-receiver.ts';
import { pictureRequest } from '../support/jobs.ts';
import { everythingInTemporal, secretsIn } from '../support/secret-search.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';

const JOBS = '/v1/consumer/jobs';
const random = (): string => randomBytes(20).toString('hex');
const role = `role_${randomBytes(6).toString('hex')}`;

/** What is set; what is made by the run comes on top. */
const secrets: Record<string, string> = {
  databasePassword: random(),
  workerKey: random(),
  wrongWorkerKey: random(),
  blobSigningKey: random(),
  callbackKey: random(),
  metricsKey: random(),
  comfyHeader: random(),
  otlpHeader: random(),
  wrongKey: `orc_${randomBytes(32).toString('base64url')}`,
  callbackQuery: random(),
};
const secret = (name: string): string => secrets[name] ?? '';

let stack: TestStack;
let receiver: CallbackReceiver;
let folder: string;
let url = '';
const processes: RoleProcess[] = [];
/** Output of processes that did not come up. */
const refusedStarts: string[] = [];
const errorBodies: string[] = [];

const start = async (...of: Parameters<typeof startRoleProcess>): Promise<RoleProcess> => {
  const started = await startRoleProcess(...of);
  processes.push(started);
  return started;
};

interface Call {
  readonly method?: string;
  readonly key?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}
/** Calls the API; the body of every error is kept. */
const call = async (path: string, given: Call = {}) => {
  const { method = 'GET', key = secret('aliceKey'), headers, body } = given;
  const response = await fetch(path.startsWith('http') ? path : `${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status >= 400) errorBodies.push(`${method} ${path} ${response.status} ${text}`);
  return { status: response.status, text };
};
const submit = async (steps = 1): Promise<JobStatusCollection> => {
  const request = {
    ...pictureRequest(steps),
    callbackUrl: `${receiver.url}/hook?secret=${secret('callbackQuery')}`,
    callbackEvents: ['Claimed', 'Succeeded', 'Failed'],
  };
  const answer = await call(JOBS, { method: 'POST', body: request });
  expect(answer.status, answer.text).toBe(202);
  return JSON.parse(answer.text) as JobStatusCollection;
};
const ended = (jobId: string | undefined): Promise<JobStatus> =>
  until(
    'the job has ended',
    async () => {
      const job = JSON.parse((await call(`${JOBS}/${jobId}?detailed=true`)).text) as JobStatus;
      return job.lastEvent.jobHasCompleted && job;
    },
    90_000,
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secrets-'));
  receiver = await startCallbackReceiver();
  stack = await startTestStack({ role: 'none', simulator: { stepMs: 20 } });
  await stack.sql.unsafe(
    `create role ${role} login superuser password '${secret('databasePassword')}'`,
  );
  const database = new URL(stack.env['DATABASE_URL'] ?? '');
  database.username = role;
  database.password = secret('databasePassword');
  const common = {
    ...stack.env,
    LOG_LEVEL: 'debug',
    COMFY_HEADERS: JSON.stringify({ authorization: `Bearer ${secret('comfyHeader')}` }),
    // Nobody listens there, so sending fails, which is logged.
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${secret('otlpHeader')}`,
  };
  const atDatabase = {
    ...common,
    DATABASE_URL: database.href,
    AUTH: 'keys',
    METRICS_PORT: '0',
    METRICS_KEY: secret('metricsKey'),
    WORKER_KEY: secret('workerKey'),
    BLOB_SIGNING_KEY: secret('blobSigningKey'),
    CALLBACK_KEY: secret('callbackKey'),
    OUTGOING_ALLOW: '127.0.0.0/8',
  };
  const [api] = await Promise.all([start('api', atDatabase), start('worker-cpu', atDatabase)]);
  url = api.url ?? '';
  const atServer: Record<string, string> = { ...common };
  delete atServer['DATABASE_URL'];
  await start(
    'worker-gpu',
    { ...atServer, HOME: folder, API_URL: url, WORKER_KEY: secret('workerKey'), STORAGE: 'remote' },
    folder,
  );
  const keys = createKeyStore(stack.sql);
  const made = await keys.createKey('alice', 'test', { operator: true });
  secrets['aliceKey'] = made.key;
  secrets['narrowKey'] = (await keys.createKey('alice', 'narrow', { scopes: ['jobs:read'] })).key;
  secrets['endedKey'] = (await keys.createKey('alice', 'e', { expiresAt: new Date(0) })).key;
  await seedCatalogue(createResourceStore(stack.sql), 'alice');
  const answer = await call('/v1/consumer/callbacks/secret');
  secrets['callbackSecret'] = /whsec_[^"]+/.exec(answer.text)?.[0] ?? '';

  // A start that fails, with a database that does not answer and with values that are no good.
  for (const change of [
    { DATABASE_URL: `postgres://u:${secret('databasePassword')}@127.0.0.1:1/none` },
    { WORKER_KEYS: JSON.stringify({ 'no name!': secret('workerKey') }) },
    { COMFY_HEADERS: `authorization ${secret('comfyHeader')}` },
    { DATABASE_URL: `mysql://u:${secret('databasePassword')}@127.0.0.1/none` },
  ])
    await start('api', { ...atDatabase, ...change }).then(
      (running) => running.terminate(),
      (error: unknown) => refusedStarts.push(String(error)),
    );
});
afterAll(async () => {
  await Promise.all(processes.map((one) => one.terminate()));
  await receiver.close();
  await stack.stop();
  await rm(folder, { recursive: true, force: true });
});

it('no secret reaches logs, Temporal payloads or errors, whatever happens', async () => {
  // Jobs that go well, fail, are cancelled and are asked for in every way.
  const good = await submit();
  secrets['token'] = good.token;
  const done = await ended(good.jobId);
  const { blobUrl = '' } = done.result as { blobUrl?: string };
  secrets['blobSignature'] = new URL(blobUrl).searchParams.get('sig') ?? '';
  expect(secret('blobSignature').length).toBeGreaterThan(20);
  expect((await fetch(blobUrl)).status).toBe(200);
  stack.simulator.fault({ kind: 'fail-node', classType: 'KSampler' });
  const failed = await ended((await submit()).jobId);
  expect(failed.lastEvent.type).toBe('Failed');
  receiver.answer(({ path }) => (path.includes('hook') ? 500 : 204));
  stack.simulator.pauseDrawing(true);
  const drawn = await submit(30);
  await call(`${JOBS}?token=${encodeURIComponent(drawn.token)}&wait=false`);
  await call(`${JOBS}?token=${encodeURIComponent(drawn.token)}`, { method: 'DELETE' });
  stack.simulator.pauseDrawing(false);
  await ended(drawn.jobId);
  for (const rest of ['/events', '/callbacks', '/preview'])
    await call(`${JOBS}/${good.jobId}${rest}`);

  // Who may not, and what is wrong.
  for (const key of ['wrongKey', 'endedKey', 'narrowKey'].map(secret)) {
    await call(JOBS, { method: 'POST', key, body: pictureRequest() });
    await call(`/v2/resources?api_key=${key}&q=${key}`, { headers: { authorization: key } });
    await call(`/v2/resources?key=${key}&token=${secret('token')}`, {
      headers: { authorization: `Basic ${Buffer.from(`a:${key}`).toString('base64')}` },
    });
  }
  await call(`${blobUrl}x`);
  await call(`${blobUrl.replace(/exp=[^&]+/, 'exp=2020-01-01T00:00:00Z')}`);
  await call('/internal/servers/local', { method: 'PUT', key: secret('wrongWorkerKey'), body: {} });
  await call('/internal/servers/local', {
    method: 'PUT',
    key: secret('workerKey'),
    body: { a: 1 },
  });
  await call(JOBS, { method: 'POST', body: '{"model": ' });
  await call(JOBS, { method: 'POST', body: { model: 'x', params: { steps: 'many' } } });
  await call(JOBS, {
    method: 'POST',
    body: { ...pictureRequest(), model: 'urn:air:sd1:checkpoint:civitai:1@1' },
  });
  await call(`${JOBS}?token=${encodeURIComponent(good.token)}x`);
  await call('/nothing/here');

  // Connections to the database that end under requests, and an error that nobody foresaw.
  const cut = () => stack.sql`
    select pg_terminate_backend(pid) from pg_stat_activity where usename = ${role}`;
  await Promise.all([cut(), ...Array.from({ length: 20 }, () => call('/v2/resources'))]);
  await stack.sql`alter table resources rename to resources_away`;
  try {
    await until('a request fails', async () => (await call('/v2/resources')).status === 500);
  } finally {
    await stack.sql`alter table resources_away rename to resources`;
  }
  await until('all is well again', async () => (await call('/v2/resources')).status === 200);

  // A log is written beside the work; at the end of its process all of it is there.
  await Promise.all(processes.map((one) => one.terminate()));
  const logs = [...processes.map((one) => one.output()), ...refusedStarts].join('\n');
  const histories = await everythingInTemporal(stack.client);
  // The search looks at the right things.
  expect(Object.values(secrets).every((value) => value.length > 20)).toBe(true);
  expect(refusedStarts).toHaveLength(4);
  expect(logs).toContain(`GET ${JOBS}/${good.jobId}`);
  expect(logs).toContain('request failed');
  for (const status of [400, 401, 403, 404, 500])
    expect(errorBodies.some((body) => body.includes(` ${status} `))).toBe(true);
  const inTemporal = [...histories.values()].join('\n');
  expect(inTemporal).toContain('a lighthouse');
  expect([...histories.keys()].some((id) => id.startsWith('callback-'))).toBe(true);
  expect(secretsIn(`x ${secret('token')} y`, secrets)).toHaveLength(1);

  expect(secretsIn(logs, secrets)).toEqual([]);
  expect(secretsIn(inTemporal, secrets)).toEqual([]);
  // What a client sent in its own address stands in none of the answers either.
  const bodies = errorBodies.map((body) => body.slice(body.indexOf('{')));
  expect(secretsIn(bodies.join('\n'), secrets)).toEqual([]);
  // Signatures that this test does not know: of links between worker and API.
  for (const text of [logs, inTemporal]) expect(/[?&]sig=[A-Za-z0-9]/.exec(text)).toBeNull();
});
