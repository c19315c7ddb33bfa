/** What our processes read when they are started as the Compose files start them, in every combination of these. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { VARIABLES } from '../../src/config-variables.ts';
import { ownServices, readComposeFile, REPOSITORY } from './compose-file.ts';

type Environment = Readonly<Record<string, string>>;

/** A `.env` as `npm start` on the same machine may have left it; Compose gives it to our containers as well. */
const LEFT_OVER: Environment = {
  COMFY_HTTP_URL: 'http://localhost:8188',
  COMFY_WS_URL: 'ws://localhost:8188/ws',
  COMFY_HEADERS: '{"x-key":"secret"}',
  DATABASE_URL: 'postgres://me@localhost:5432/mine',
  DATA_DIR: '/elsewhere',
  TEMPORAL_ADDRESS: 'localhost:7233',
  JOB_LIFETIME_HOURS: '7',
};

/**
 * Environments of our services as Compose makes them of these files: later files win name by name, and all win over
 * `.env`, which only services get that ask for it.
 */
async function environments(
  names: readonly string[],
  asked: Environment,
  dotEnv: Environment = {},
): Promise<Readonly<Record<string, Environment>>> {
  const files = await Promise.all(names.map((name) => readComposeFile(name, asked)));
  const own = files.flatMap(ownServices).map(([name]) => name);
  return Object.fromEntries(
    own.map((name) => [
      name,
      files.reduce<Environment>(
        (merged, { services }) => ({ ...merged, ...services[name]?.environment }),
        files.some(({ services }) => services[name]?.env_file?.some(isOptionalDotEnv))
          ? dotEnv
          : {},
      ),
    ]),
  );
}

const isOptionalDotEnv = ({ path, required }: { path: string; required?: boolean }): boolean =>
  path === '.env' && required === false;

const BASE = 'docker-compose.yml';
const SERVERS = [BASE, 'docker-compose.servers.yml'];
const LIST = { COMFY_SERVERS_FILE: './servers.yaml', COMFY_HEALTH_SERVER: 'gpu-a' };
const REMOTE = {
  TEMPORAL_ADDRESS: 'temporal.example.org:7233',
  TEMPORAL_TLS: 'true',
  API_URL: 'https://images.example.org',
  WORKER_KEY: 'change-me-to-32-random-characters',
  COMFY_SERVER_ID: 'gpu-7',
  COMFY_POOL: 'fast',
};
const COMBINATIONS: [string, string[], Environment][] = [
  ['the whole stack', [BASE], {}],
  ['a ComfyUI of your own', [BASE, 'docker-compose.comfyui.yml'], { COMFY_HTTP_URL: 'http://c:1' }],
  ['a list of servers', SERVERS, LIST],
  ['a remote worker', ['docker-compose.remote-gpu.yml'], REMOTE],
];

/** The list lies elsewhere here than in its container. */
const read = (env: Environment = {}) =>
  loadConfig({
    ...env,
    ...(env['COMFY_SERVERS'] ? { COMFY_SERVERS: `${REPOSITORY}assets/servers.yaml` } : {}),
  });

describe('the environment of our services', () => {
  it.each(COMBINATIONS)('for %s has only variables that exist', async (_what, names, asked) => {
    const given = await environments(names, asked);
    expect(Object.keys(given)).toContain('worker-gpu');
    for (const [service, env] of Object.entries(given))
      for (const name of Object.keys(env))
        expect(Object.keys(VARIABLES), `${service}: ${name}`).toContain(name);
  });

  it.each(COMBINATIONS)('for %s is accepted, beside any .env', async (_what, names, asked) => {
    for (const dotEnv of [{}, LEFT_OVER])
      for (const [service, env] of Object.entries(await environments(names, asked, dotEnv)))
        expect(() => read(env), service).not.toThrow();
  });

  it('leads all roles of the stack to the same database, Temporal and folder', async () => {
    for (const dotEnv of [{}, LEFT_OVER]) {
      const given = await environments([BASE], {}, dotEnv);
      for (const service of ['migrate', 'api', 'worker-cpu', 'worker-gpu'])
        expect(read(given[service]), service).toMatchObject({
          DATABASE_URL: 'postgres://orchestrator:orchestrator@postgres:5432/orchestrator',
          TEMPORAL_ADDRESS: 'temporal:7233',
          BLOB_DIR: '/var/lib/orchestrator/blobs',
          STORAGE: 'local',
          METRICS_PORT: 9464,
        });
    }
    const { api } = await environments([BASE], {}, LEFT_OVER);
    expect(read(api).JOB_LIFETIME_HOURS).toBe(7);
  });

  it('gives the gpu worker the simulator, or the ComfyUI that was asked for', async () => {
    const [simulated, own] = await Promise.all([
      environments([BASE], {}),
      environments([BASE, 'docker-compose.comfyui.yml'], { COMFY_HTTP_URL: 'http://c:1' }),
    ]);
    expect(read(simulated['worker-gpu']).servers).toMatchObject([
      { id: 'local', pool: 'default', httpUrl: 'http://simulator:8188' },
    ]);
    expect(read(own['worker-gpu']).servers).toMatchObject([
      { id: 'local', pool: 'default', httpUrl: 'http://c:1' },
    ]);
  });

  it('gives the gpu worker exactly the servers of the list, with credentials from .env', async () => {
    const secrets = { GPU_A_LOGIN: 'user:password', GPU_B_TOKEN: 'Bearer token' };
    const given = await environments(SERVERS, LIST, { ...LEFT_OVER, ...secrets });
    const { servers, simulation, DATABASE_URL } = read(given['worker-gpu']);
    expect(servers.map(({ id, pool, faults }) => [id, pool, faults])).toEqual([
      ['gpu-a', 'fast', []],
      ['gpu-b', 'fast', []],
      ['old-card', 'slow', []],
    ]);
    expect(servers[1]?.headers).toEqual({ authorization: 'Bearer token' });
    expect([simulation, DATABASE_URL]).toEqual([
      false,
      'postgres://orchestrator:orchestrator@postgres:5432/orchestrator',
    ]);
  });

  it('gives the remote worker its server, the API and Temporal, and no database', async () => {
    const names = ['docker-compose.remote-gpu.yml'];
    for (const dotEnv of [{}, { DATABASE_URL: LEFT_OVER['DATABASE_URL'] ?? '' }]) {
      const config = read((await environments(names, REMOTE, dotEnv))['worker-gpu']);
      expect(config).toMatchObject({
        ...{ STORAGE: 'remote', API_URL: REMOTE.API_URL, WORKER_KEY: REMOTE.WORKER_KEY },
        ...{ TEMPORAL_ADDRESS: REMOTE.TEMPORAL_ADDRESS, TEMPORAL_TLS: true },
        ...{ TEMPORAL_NAMESPACE: 'default', DATABASE_URL: undefined },
      });
      expect(config.servers).toMatchObject([
        { id: 'gpu-7', pool: 'fast', httpUrl: 'http://host.docker.internal:8188' },
      ]);
    }
    const proxied = { COMFY_HEADERS: '{"x-key":"secret"}', TEMPORAL_API_KEY: 'key' };
    const behind = read((await environments(names, REMOTE, proxied))['worker-gpu']);
    expect(behind.servers[0]?.headers).toEqual({ 'x-key': 'secret' });
    expect(behind.TEMPORAL_API_KEY).toBe('key');
  });

  it('is filled in from variables of ours, or from ones that docs/docker.md explains', async () => {
    const page = await readFile(`${REPOSITORY}docs/docker.md`, 'utf8');
    for (const name of new Set(COMBINATIONS.flatMap(([, names]) => names))) {
      const text = await readFile(`${REPOSITORY}${name}`, 'utf8');
      const file = text.replace(/^ *#.*$/gm, '');
      for (const [, variable = ''] of file.matchAll(/\$\{([A-Z_]+)[:}]/g))
        expect(variable in VARIABLES || page.includes(variable), `${name}: ${variable}`).toBe(true);
    }
  });
});
