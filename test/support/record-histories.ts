/**
 * Records histories of real runs for the replay test: `npx tsx test/support/record-histories.ts [version]`.
 * Run by hand, once for each version of the workflows that is released; it never overwrites a file.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Connection, type Client } from '@temporalio/client';
import type { TestProject } from 'vitest/node';
import { connectTemporal } from '../../src/client/temporal.ts';
import { startServing } from '../../src/commands/serve.ts';
import { loadConfig } from '../../src/config.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { ensureNamespace, ensureSearchAttributes } from '../../src/dev/temporal-namespace.ts';
import { SEARCH_ATTRIBUTES } from '../../src/domain/naming.ts';
import { startSimulator } from '../../src/executors/simulator/server.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { TEMPLATE_DATABASE } from './engines.ts';
import startServers from './global-setup.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import type { Recorder } from './history-recorder.ts';
import { SCENARIOS } from './history-scenarios.ts';

const HISTORIES = fileURLToPath(new URL('../histories/', import.meta.url));
const NAMESPACE = 'record';

const version =
  process.argv[2] ??
  (
    JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    }
  ).version;

/** Who ran it and where its code lay is of no use to a replay, and belongs to this machine. */
const withoutMachine = (name: string, value: unknown): unknown => {
  if (name === 'stackTrace') return '';
  return typeof value === 'string' ? value.replace(/^\d+@[^-]+/, 'worker@host') : value;
};

async function save(client: Client, name: string, workflowId: string, runId?: string) {
  const file = join(version, `${name}.json`);
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const text = `${JSON.stringify(JSON.parse(historyToJSON(history)), withoutMachine, 1)}\n`;
  await writeFile(join(HISTORIES, file), text, { flag: 'wx' });
  const sum = createHash('sha256').update(text).digest('hex');
  await appendFile(join(HISTORIES, 'CHECKSUMS'), `${sum}  ${file}\n`);
  process.stdout.write(`${file}: ${history.events?.length ?? 0} events\n`);
}

async function record(): Promise<void> {
  const missing = SCENARIOS.filter(
    ({ name }) => !existsSync(join(HISTORIES, version, `${name}.json`)),
  );
  if (missing.length === 0) {
    process.stdout.write(`Every history of ${version} is there; recorded ones never change.\n`);
    return;
  }
  await mkdir(join(HISTORIES, version), { recursive: true });
  const dir = await mkdtemp(join(tmpdir(), 'orchestrator-record-'));
  const provided = new Map<string, string>();
  const stopServers = await startServers({
    provide: (key: string, value: string) => void provided.set(key, value),
  } as unknown as TestProject);
  const address = provided.get('temporalAddress') ?? '';
  const database = new URL(provided.get('postgresUrl') ?? '');
  database.pathname = `/${TEMPLATE_DATABASE}`;
  const connection = await Connection.connect({ address });
  await ensureNamespace(connection, NAMESPACE, 1);
  await ensureSearchAttributes(connection, NAMESPACE, SEARCH_ATTRIBUTES);
  await connection.close();

  const simulate = (port: number) =>
    startSimulator({ port, dataDir: join(dir, 'simulator'), stepMs: 50 });
  let simulator = await simulate(0);
  const way = await startTcpProxy(new URL(simulator.url));
  const config = loadConfig({
    DATABASE_URL: database.href,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: NAMESPACE,
    COMFY_HTTP_URL: `http://127.0.0.1:${way.port}`,
    COMFY_WS_URL: `ws://127.0.0.1:${way.port}/ws`,
    DATA_DIR: dir,
    PORT: '0',
    SCHEDULER_POLL_MS: '200',
    SERVER_LOST_AFTER_SECONDS: '5',
    MIN_FREE_BYTES: '0',
    OUTGOING_ALLOW: '127.0.0.0/8',
  });
  const serving = await startServing('monolith', config, silentLogger);
  const client = connectTemporal({ ...config, TEMPORAL_ADDRESS: address });
  const sql = connectDatabase({
    url: database.href,
    maxConnections: 1,
    applicationName: 'record',
  });
  const recorder: Recorder = {
    stack: {
      url: serving.url ?? '',
      sql,
      client,
      get simulator() {
        return simulator;
      },
    },
    stopSimulator: () => simulator.close(),
    cutOff: way.cut,
    reconnect: way.restore,
    async startSimulator() {
      simulator = await simulate(simulator.port);
    },
  };
  try {
    for (const scenario of missing) {
      const { workflowId, runId } = await scenario.run(recorder);
      await save(client, scenario.name, workflowId, runId);
    }
  } finally {
    await serving.stop();
    await client.connection.close();
    await sql.end();
    await way.close();
    await simulator.close();
    await stopServers();
    await rm(dir, { recursive: true, force: true });
  }
}

await record();
