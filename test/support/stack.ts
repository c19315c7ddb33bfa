import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection, type Client } from '@temporalio/client';
import { inject } from 'vitest';
import type { Role } from '../../src/commands/role.ts';
import { startServing, type Serving } from '../../src/commands/serve.ts';
import { loadConfig } from '../../src/config.ts';
import type { Sql } from '../../src/db/connect.ts';
import { ensureNamespace, ensureSearchAttributes } from '../../src/dev/temporal-namespace.ts';
import { SEARCH_ATTRIBUTES } from '../../src/domain/naming.ts';
import {
  startSimulator,
  type Simulator,
  type SimulatorOptions,
} from '../../src/executors/simulator/server.ts';
import { createLogger, silentLogger } from '../../src/telemetry.ts';
import { connectTemporal } from '../../src/client/temporal.ts';
import { createTestDatabase } from './database.ts';
import { processCounts, serveInProcesses } from './many-processes.ts';
import { lastingPort } from './lasting-port.ts';

export interface TestStackOptions {
  /** Environment variables over the test's defaults. */
  readonly env?: Readonly<Record<string, string>>;
  readonly simulator?: Partial<SimulatorOptions>;
  /** Roles to run in this process. (Default: monolith) */
  readonly role?: Role | 'none';
  /** The test looks into the process of the roles, so there is one, whatever the run asks for. (Default: false) */
  readonly oneProcess?: boolean;
}

export interface TestStack {
  readonly url: string;
  readonly namespace: string;
  readonly simulator: Simulator;
  readonly sql: Sql;
  readonly client: Client;
  /** The whole environment with which a process of this stack can be started. */
  readonly env: Readonly<Record<string, string>>;
  readonly dir: string;
  serve(role: Role, env?: Readonly<Record<string, string>>): Promise<Serving>;
  stop(): Promise<void>;
}

/** A namespace that can be used at once. */
export async function createTestNamespace(address: string): Promise<string> {
  const namespace = `test-${randomUUID()}`;
  const connection = await Connection.connect({ address });
  try {
    await ensureNamespace(connection, namespace, 1);
    await ensureSearchAttributes(connection, namespace, SEARCH_ATTRIBUTES);
  } finally {
    await connection.close();
  }
  return namespace;
}

/** Runs a role in this process, or in several where the run asks for that. */
async function serveHere(
  role: Role,
  env: Readonly<Record<string, string>>,
  oneProcess = false,
): Promise<Serving> {
  const counts = oneProcess ? undefined : processCounts(process.env);
  if (counts !== undefined) return serveInProcesses(role, env, counts);
  const config = loadConfig(env);
  const logger = config.LOG_LEVEL === 'silent' ? silentLogger : createLogger(config, role);
  return startServing(role, config, logger);
}

/** API, workers and a simulator on a database and a namespace of their own. */
export async function startTestStack(options: TestStackOptions = {}): Promise<TestStack> {
  const dir = await mkdtemp(join(tmpdir(), 'orchestrator-stack-'));
  const address = inject('temporalAddress');
  const [database, namespace, simulator] = await Promise.all([
    createTestDatabase(),
    createTestNamespace(address),
    lastingPort().then((port) =>
      startSimulator({ port, dataDir: join(dir, 'simulator'), ...options.simulator }),
    ),
  ]);
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '',
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    COMFY_HTTP_URL: simulator.url,
    COMFY_WS_URL: simulator.wsUrl,
    DATA_DIR: dir,
    PORT: '0',
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    SCHEDULER_POLL_MS: '200',
    MIN_FREE_BYTES: '0',
    // The simulator draws quickly; what waits where shall not depend on that.
    COMFY_ROOM: '2',
    // Files that a test adds are listed soon.
    COMFY_LISTS_SECONDS: '3',
    ...options.env,
  };
  const servings: Serving[] = [];
  const serve: TestStack['serve'] = async (role, extra = {}) => {
    const serving = await serveHere(role, { ...env, ...extra }, options.oneProcess);
    servings.push(serving);
    return serving;
  };
  const role = options.role ?? 'monolith';
  const first = role === 'none' ? undefined : await serve(role);
  const config = loadConfig(env);
  const client = connectTemporal({ ...config, TEMPORAL_ADDRESS: address });
  return {
    url: first?.url ?? '',
    namespace,
    simulator,
    sql: database.sql,
    client,
    env,
    dir,
    serve,
    async stop() {
      await Promise.all(servings.map((serving) => serving.stop()));
      await simulator.close();
      await client.connection.close();
      await database.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
