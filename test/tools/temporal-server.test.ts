import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest';
import { ephemeralPort } from '../../src/dev/ports.ts';
import { ensureNamespace } from '../../src/dev/temporal-namespace.ts';
import { startTemporalDevServer } from '../../src/dev/temporal-server.ts';
import type { TemporalDevServer, TemporalDevServerOptions } from '../../src/dev/temporal-server.ts';
import { silentLogger } from '../../src/telemetry.ts';

let folder: string;
let port: number;
let running: TemporalDevServer[];
let connections: Connection[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temporal-server-'));
  port = await ephemeralPort('127.0.0.1');
  running = [];
  connections = [];
});

afterEach(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await Promise.all(running.map((server) => server.stop()));
  await rm(folder, { recursive: true, force: true });
});

const start = async (
  options: Partial<TemporalDevServerOptions> = {},
): Promise<TemporalDevServer> => {
  const server = await startTemporalDevServer({
    binary: inject('temporalBinary'),
    dataFile: join(folder, 'temporal.db'),
    ip: '127.0.0.1',
    port,
    logFile: join(folder, 'temporal.log'),
    searchAttributes: ['OrchestratorTenant'],
    env: process.env,
    logger: silentLogger,
    ...options,
  });
  running.push(server);
  return server;
};

const connect = async (): Promise<Client> => {
  const connection = await Connection.connect({ address: `127.0.0.1:${port}` });
  connections.push(connection);
  return new Client({ connection });
};

/** No worker listens: the run stays as it was started. */
const startRun = (client: Client, workflowId: string, attribute: string) =>
  client.workflow.start('anyWorkflow', {
    workflowId,
    taskQueue: 'nobody',
    typedSearchAttributes: [
      { key: defineSearchAttributeKey(attribute, 'KEYWORD'), value: 'tenant-a' },
    ],
  });

it('keeps runs over a restart, adds missing search attributes and changes the retention', async () => {
  const uiPort = await ephemeralPort('127.0.0.1');
  const first = await start({ uiPort });
  expect((await fetch(first.uiUrl ?? '')).status).toBe(200);
  await startRun(await connect(), 'kept', 'OrchestratorTenant');
  await first.stop();

  await start({
    searchAttributes: ['OrchestratorTenant', 'OrchestratorPool'],
    retentionDays: 7,
  });
  const client = await connect();
  expect((await client.workflow.getHandle('kept').describe()).status.name).toBe('RUNNING');
  await startRun(client, 'new', 'OrchestratorPool');
  const query = "OrchestratorPool = 'tenant-a'";
  await vi.waitFor(async () => expect((await client.workflow.count(query)).count).toBe(1), 5000);
  const described = await client.workflowService.describeNamespace({ namespace: 'default' });
  expect(String(described.config?.workflowExecutionRetentionTtl?.seconds)).toBe('604800');
  await ensureNamespace(client.connection as Connection, 'second', 3);
  await ensureNamespace(client.connection as Connection, 'second', 3);
});

it('is started again on the same file when it is killed', async () => {
  const server = await start({ restart: true });
  await startRun(await connect(), 'kept', 'OrchestratorTenant');
  const { pid } = server;
  process.kill(pid, 'SIGKILL');
  await vi.waitFor(
    async () => {
      expect(server.pid).not.toBe(pid);
      const description = await (await connect()).workflow.getHandle('kept').describe();
      expect(description.status.name).toBe('RUNNING');
    },
    { timeout: 15_000, interval: 100 },
  );
});

it('names who holds a taken port', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  try {
    await vi.waitFor(() => expect(holder.listening).toBe(true));
    const taken = (holder.address() as AddressInfo).port;
    await expect(start({ port: taken })).rejects.toThrow(`port ${taken}`);
    if (process.platform === 'linux')
      await expect(start({ port: taken })).rejects.toThrow(`process ${process.pid}`);
  } finally {
    holder.close();
  }
});

it('shows the end of the log when the data file is no database', async () => {
  const dataFile = join(folder, 'bad.db');
  await writeFile(dataFile, 'this is a letter to my aunt');
  await expect(start({ dataFile })).rejects.toThrow(/file is not a database/);
});
