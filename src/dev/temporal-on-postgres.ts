/** The Temporal server of docker-compose.yml without containers: the same configuration files and scripts. */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { OrchestratorError, messageOf } from '../errors.ts';
import { choosePort } from './ports.ts';
import { startTemporalProcess } from './temporal-process.ts';
import type { TemporalServer, TemporalServerOptions } from './temporal-process.ts';
import type { TemporalPrograms } from './temporal-programs.ts';

/** Holds `server.yaml`, `dynamic-config.yaml` and `setup-schema.sh`. */
const DEPLOY = fileURLToPath(new URL('../../deploy/temporal/', import.meta.url));

export interface TemporalOnPostgresOptions extends TemporalServerOptions {
  readonly programs: TemporalPrograms;
  /** A user that may create databases; the database in it is not used. */
  readonly postgresUrl: string;
  /** As `chooseServerPorts` gives them, for a server that is to come back at the same place. (Default: new ones) */
  readonly ports?: Readonly<Record<string, string>>;
  /** Its two databases: this name, and this name with `_visibility`. (Default: `temporal`) */
  readonly database?: string;
}

const MORE_PORTS = [
  'FRONTEND_MEMBERSHIP_PORT',
  'HISTORY_GRPC_PORT',
  'HISTORY_MEMBERSHIP_PORT',
  'MATCHING_GRPC_PORT',
  'MATCHING_MEMBERSHIP_PORT',
  'WORKER_GRPC_PORT',
  'WORKER_MEMBERSHIP_PORT',
] as const;

/**
 * PostgreSQL keeps the ports of members as smallint, so they must be below 32,768 (a server with a higher one ends at
 * once with «out of range for type smallint»); what the system gives out by itself lies above.
 */
const LOWEST_PORT = 20_000;
const PORT_SPREAD = 12_000;

/** Ports of this machine for everything but the frontend's gRPC, each another. */
export const chooseServerPorts = async (
  ip: string,
  frontend: number,
): Promise<Record<string, string>> => {
  const taken = new Set([frontend]);
  const ports: Record<string, string> = {};
  for (const name of MORE_PORTS) {
    // Not the first that is free: two servers that start at the same time would choose the same.
    const preferred = LOWEST_PORT + randomInt(PORT_SPREAD);
    const port = await choosePort({ name, preferred, explicit: false, host: ip, taken });
    taken.add(port);
    ports[name] = String(port);
  }
  return ports;
};

/** What `docker-compose.yml` gives to its service `temporal`, with the places of this machine. */
export const serverEnvironment = (
  options: Pick<TemporalOnPostgresOptions, 'postgresUrl' | 'database' | 'ip' | 'port' | 'env'>,
  ports: Readonly<Record<string, string>>,
): Record<string, string | undefined> => {
  const { hostname, port, username, password } = new URL(options.postgresUrl);
  const database = options.database ?? 'temporal';
  return {
    ...options.env,
    DB_PORT: port || '5432',
    POSTGRES_SEEDS: hostname,
    POSTGRES_USER: decodeURIComponent(username),
    POSTGRES_PWD: decodeURIComponent(password),
    DBNAME: database,
    VISIBILITY_DBNAME: `${database}_visibility`,
    BIND_ON_IP: options.ip,
    DYNAMIC_CONFIG_FILE_PATH: `${DEPLOY}dynamic-config.yaml`,
    FRONTEND_GRPC_PORT: String(options.port),
    ...ports,
  };
};

/** The arguments that `docker-compose.yml` gives to `temporal-server`, for another folder. */
export const serverArguments = (folder: string): string[] => [
  ...['--root', folder, '--config', '.', '--env', 'server', '--allow-no-auth', 'start'],
];

const setUpSchema = async (
  { programs, signal }: TemporalOnPostgresOptions,
  server: Readonly<Record<string, string | undefined>>,
): Promise<void> => {
  const env = {
    PATH: [programs.dir, server['PATH'] ?? ''].join(delimiter),
    DB_HOST: server['POSTGRES_SEEDS'],
    DB_PORT: server['DB_PORT'],
    DB_USER: server['POSTGRES_USER'],
    SQL_PASSWORD: server['POSTGRES_PWD'],
    DBNAME: server['DBNAME'],
    VISIBILITY_DBNAME: server['VISIBILITY_DBNAME'],
  };
  try {
    // The tool logs every statement.
    await promisify(execFile)('/bin/sh', [`${DEPLOY}setup-schema.sh`], {
      env,
      maxBuffer: 16 << 20,
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    signal?.throwIfAborted();
    const { stderr = '' } = error as { readonly stderr?: string };
    throw new OrchestratorError(
      'configuration',
      `The databases of the Temporal server could not be set up: ${(stderr || messageOf(error)).slice(-1500)}`,
      { cause: error },
    );
  }
};

/**
 * Creates or updates the two databases, starts the server with all its services in one process and resolves when it
 * serves, as `startTemporalDevServer` does. Throws `configuration` with what the program said.
 */
export const startTemporalOnPostgres = async (
  options: TemporalOnPostgresOptions,
): Promise<TemporalServer> => {
  const ports = options.ports ?? (await chooseServerPorts(options.ip, options.port));
  const env = serverEnvironment(options, ports);
  await setUpSchema(options, env);
  const program = { command: options.programs.server, args: serverArguments(DEPLOY) };
  return startTemporalProcess('The Temporal server', program, { ...options, env });
};
