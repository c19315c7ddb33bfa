/** `doctor`: what is wrong and what to do, in words. */
import { homedir } from 'node:os';
import { statfs } from 'node:fs/promises';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { connectionOptions } from '../client/temporal.ts';
import { blobDir } from '../compose.ts';
import type { Config } from '../config.ts';
import { connectDatabase } from '../db/connect.ts';
import { findPostgresBinaries } from '../dev/postgres-binaries.ts';
import { choosePort } from '../dev/ports.ts';
import type { Environment } from '../dev/stack-options.ts';
import { cachedTemporalPath } from '../dev/temporal-binary.ts';
import { findOnPath } from '../dev/path-lookup.ts';
import { userCacheDir } from '../dev/user-cache.ts';
import { messageOf } from '../errors.ts';
import { createComfyExecutor } from '../executors/comfyui/executor.ts';
import { silentLogger } from '../telemetry.ts';
import { existsSync } from 'node:fs';

/** Outcome of one check; `todo` is the next action when it is not well. */
interface Finding {
  readonly what: string;
  readonly well: boolean;
  readonly says: string;
  readonly todo?: string;
}

type Print = (line: string) => void;

const OLDEST_NODE = [20, 19] as const;
const DEADLINE_MS = 5_000;

/** Prints a line per check; false when something has to be done. */
export async function runDoctor(config: Config, env: Environment, print: Print): Promise<boolean> {
  const findings = await Promise.all([
    checkNode(),
    checkDatabase(config),
    checkTemporal(config, env),
    checkComfy(config),
    checkStorage(config),
    checkPorts(config),
  ]);
  for (const { what, well, says, todo } of findings) {
    print(`${well ? '✓' : '✗'} ${what}: ${says}`);
    if (todo !== undefined) print(`    → ${todo}`);
  }
  const wrong = findings.filter((finding) => !finding.well).length;
  print('');
  print(wrong === 0 ? 'All is well.' : `${wrong} of ${findings.length} need attention.`);
  return wrong === 0;
}

async function finding(what: string, todo: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { what, well: true, says: await look() };
  } catch (error) {
    return { what, well: false, says: messageOf(error), todo };
  }
}

const checkNode = (): Promise<Finding> =>
  finding('Node', 'Install Node 20.19 or newer (22 and 24 work too).', async () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const fits = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
    if (!fits) throw new Error(`${process.versions.node} is too old`);
    return process.versions.node;
  });

function checkDatabase(config: Config): Promise<Finding> {
  const { DATABASE_URL } = config;
  if (DATABASE_URL === undefined)
    return finding('PostgreSQL', 'Set DATABASE_URL to a PostgreSQL of your own.', async () => {
      await findPostgresBinaries();
      return 'embedded, started by npm start';
    });
  return finding(
    'PostgreSQL',
    'Check that it runs, and host, port, user and password in DATABASE_URL; or unset it to use the embedded one.',
    async () => {
      const sql = connectDatabase({
        url: DATABASE_URL,
        maxConnections: 1,
        applicationName: 'doctor',
      });
      try {
        const [row] = await sql<
          { version: string }[]
        >`select current_setting('server_version') as version`;
        return `version ${row?.version ?? 'unknown'} answers`;
      } finally {
        await sql.end({ timeout: 1 });
      }
    },
  );
}

function checkTemporal(config: Config, env: Environment): Promise<Finding> {
  const { TEMPORAL_ADDRESS } = config;
  if (TEMPORAL_ADDRESS === undefined)
    return finding(
      'Temporal',
      'Install Go, or set TEMPORAL_CLI_PATH or TEMPORAL_ADDRESS.',
      async () => {
        const cached = cachedTemporalPath(userCacheDir(env, process.platform, homedir()));
        if (config.TEMPORAL_CLI_PATH !== undefined) {
          if (existsSync(config.TEMPORAL_CLI_PATH))
            return `dev server from ${config.TEMPORAL_CLI_PATH}`;
          throw new Error(`TEMPORAL_CLI_PATH ${config.TEMPORAL_CLI_PATH} does not exist`);
        }
        if (existsSync(cached)) return `dev server from ${cached}`;
        const go = await findOnPath('go', env['PATH'] ?? '');
        return `dev server; the binary is downloaded${go ? ' or built with Go (about 5 minutes)' : ''} at the first start`;
      },
    );
  return finding(
    'Temporal',
    'Check that it runs and TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the TLS variables; or unset TEMPORAL_ADDRESS to use a dev server.',
    async () => {
      const connection = await Connection.connect({
        ...connectionOptions({ ...config, TEMPORAL_ADDRESS }),
        connectTimeout: DEADLINE_MS,
      });
      try {
        const { serverVersion } = await connection.workflowService.getSystemInfo({});
        await connection.workflowService.describeNamespace({
          namespace: config.TEMPORAL_NAMESPACE,
        });
        return `server ${serverVersion} answers, namespace ${config.TEMPORAL_NAMESPACE} is there`;
      } finally {
        await connection.close();
      }
    },
  );
}

function checkComfy(config: Config): Promise<Finding> {
  const { COMFY_HTTP_URL, COMFY_WS_URL } = config;
  if (COMFY_HTTP_URL === undefined)
    return finding('ComfyUI', '', async () => 'simulated (COMFY_HTTP_URL is not set)');
  return finding(
    'ComfyUI',
    'Check that ComfyUI runs there (python main.py --listen) and COMFY_HTTP_URL; or unset it to simulate.',
    async () => {
      const executor = createComfyExecutor({
        serverId: config.COMFY_SERVER_ID,
        httpUrl: COMFY_HTTP_URL,
        ...(COMFY_WS_URL ? { wsUrl: COMFY_WS_URL } : {}),
        clientId: 'doctor',
        requestTimeoutMs: DEADLINE_MS,
        logger: silentLogger,
      });
      try {
        const report = await executor.probe(AbortSignal.timeout(2 * DEADLINE_MS));
        if (!report.reachable) throw new Error(report.error ?? 'no answer');
        const models = report.files?.['checkpoints']?.length ?? 0;
        return `${report.version ?? 'unknown version'} on ${report.device ?? 'unknown device'}, ${models} checkpoints`;
      } finally {
        await executor.close();
      }
    },
  );
}

const checkStorage = (config: Config): Promise<Finding> =>
  finding('Storage', `Free some space, or set BLOB_DIR or MIN_FREE_BYTES.`, async () => {
    const folder = blobDir(config);
    const probe = join(folder, '.doctor');
    await mkdir(folder, { recursive: true });
    await writeFile(probe, 'x');
    await rm(probe);
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const words = `${Math.floor(free / 1_048_576)} MiB free in ${folder}`;
    if (free < config.MIN_FREE_BYTES) throw new Error(`${words}, less than MIN_FREE_BYTES`);
    return words;
  });

const checkPorts = (config: Config): Promise<Finding> =>
  finding('Ports', 'Stop what holds it, or set another port.', async () => {
    const names = [
      'PORT',
      'POSTGRES_PORT',
      'TEMPORAL_PORT',
      'TEMPORAL_UI_PORT',
      'SIM_PORT',
    ] as const;
    const set = names.filter((name) => config[name] !== undefined);
    for (const name of set)
      await choosePort({ name, preferred: config[name] ?? 0, explicit: true, host: config.HOST });
    return set.length === 0 ? 'chosen at the start' : `${set.join(', ')} free`;
  });
