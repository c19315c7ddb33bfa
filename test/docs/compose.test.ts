import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config.ts';
import { VARIABLES } from '../../src/config-variables.ts';
import { DEV_SERVER_DYNAMIC_CONFIG } from '../../src/dev/temporal-server.ts';
import { serverArguments, serverEnvironment } from '../../src/dev/temporal-on-postgres.ts';
import { SEARCH_ATTRIBUTES, hostQueue, CPU_QUEUE } from '../../src/domain/naming.ts';
import { ownServices, readComposeFile, REPOSITORY, type ComposeFile } from './compose-file.ts';

const read = (path: string): Promise<string> => readFile(`${REPOSITORY}${path}`, 'utf8');
const readJson = async (path: string): Promise<Record<string, unknown>> =>
  JSON.parse(await read(path)) as Record<string, unknown>;

const OWN_COMFY = { COMFY_HTTP_URL: 'http://host.docker.internal:8188' };
const REMOTE = {
  TEMPORAL_ADDRESS: 'temporal.example.org:7233',
  API_URL: 'https://images.example.org',
  WORKER_KEY: 'change-me-to-32-random-characters',
  COMFY_SERVER_ID: 'gpu-1',
};
const SERVICES = [
  'postgres',
  'temporal-schema',
  'temporal',
  'temporal-namespace',
  'temporal-ui',
  'migrate',
  'api',
  'worker-cpu',
  'worker-gpu',
  'simulator',
];

describe('docker-compose.yml', () => {
  let file: ComposeFile;
  let services: [string, ComposeFile['services'][string]][];
  beforeAll(async () => {
    file = await readComposeFile();
    services = Object.entries(file.services);
  });

  it.each(['docker-compose.yml', 'docker-compose.comfyui.yml', 'docker-compose.remote-gpu.yml'])(
    '%s is valid by the schema of the compose specification',
    async (name) => {
      const schema = await readJson('test/docs/compose-spec.schema.json');
      const ajv = formats.default(new Ajv({ strict: false, allErrors: true }));
      // The schema names the draft by https; ajv knows it by http.
      const validate = ajv.compile({
        ...schema,
        $schema: 'http://json-schema.org/draft-07/schema#',
      });
      validate(await readComposeFile(name, { ...OWN_COMFY, ...REMOTE }));
      expect(validate.errors).toBeNull();
    },
  );

  it('has a remote worker whose settings are variables of ours, and no other way to the rest', async () => {
    const { services: remote, volumes } = await readComposeFile(
      'docker-compose.remote-gpu.yml',
      REMOTE,
    );
    const worker = remote['worker-gpu'];
    expect(volumes ?? worker?.volumes ?? worker?.ports).toBeUndefined();
    expect(Object.keys(VARIABLES)).toEqual(
      expect.arrayContaining(Object.keys(worker?.environment ?? {})),
    );
    expect(loadConfig(worker?.environment ?? {})).toMatchObject({
      STORAGE: 'remote',
      DATABASE_URL: undefined,
    });
  });

  it('has every part of the stack, all of which start without settings', () => {
    expect(Object.keys(file.services)).toEqual(SERVICES);
    expect(services.filter(([, service]) => service.profiles)).toEqual([]);
  });

  it('pins every image to a version', async () => {
    const { version } = await readJson('package.json');
    for (const [name, service] of services)
      expect(service.image, name).toMatch(/^[a-z/-]+:\d+\.\d+(\.\d+)?(-[\w.-]+)?$/);
    for (const [, service] of ownServices(file))
      expect(service.image).toBe(`civitai-orchestrator:${String(version)}`);
  });

  it('publishes ports on 127.0.0.1 only', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports).toHaveLength(3);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it('waits for every dependency by a condition that the dependency can meet', () => {
    for (const [name, service] of services)
      for (const [dependency, { condition }] of Object.entries(service.depends_on ?? {})) {
        const other = file.services[dependency];
        expect(other, `${name} → ${dependency}`).toBeDefined();
        if (condition === 'service_healthy')
          expect(other?.healthcheck, `${name} → ${dependency}`).toBeDefined();
        else {
          expect(condition).toBe('service_completed_successfully');
          expect(other?.restart, `${name} → ${dependency}`).toBe('on-failure:5');
        }
      }
  });

  it('restarts, checks, stops with patience and limits the logs of everything that keeps running', () => {
    const running = services.filter(([, service]) => !service.restart?.startsWith('on-failure'));
    expect(running).toHaveLength(7);
    for (const [name, service] of running) {
      expect(service.restart, name).toBe('unless-stopped');
      expect(service.healthcheck, name).toBeDefined();
      expect(service.stop_grace_period, name).toBeDefined();
    }
    for (const [name, service] of services)
      expect(service.logging?.options?.['max-size'], name).toBeDefined();
  });

  it('declares every named volume, and api and workers share the blobs', () => {
    const mounts = services.flatMap(([, service]) => service.volumes ?? []);
    const named = mounts.filter((mount) => !mount.startsWith('.')).map((m) => m.split(':')[0]);
    expect(new Set(named)).toEqual(new Set(Object.keys(file.volumes ?? {})));
    for (const name of ['api', 'worker-cpu', 'worker-gpu']) {
      const { volumes, environment } = file.services[name] ?? {};
      expect(volumes).toContain(`blobs:${String(environment?.['BLOB_DIR'])}`);
    }
    for (const mount of mounts.filter((m) => m.startsWith('.')))
      expect(existsSync(`${REPOSITORY}${mount.split(':')[0] ?? ''}`), mount).toBe(true);
  });

  it('gives our services only variables that exist, with values that are accepted', () => {
    for (const [name, { environment = {} }] of ownServices(file)) {
      for (const variable of Object.keys(environment))
        expect(VARIABLES, `${name}: ${variable}`).toHaveProperty(variable);
      expect(() => loadConfig(environment), name).not.toThrow();
    }
  });

  it('uses the queues, search attributes and files that the code and the scripts know', async () => {
    const gpu = file.services['worker-gpu'];
    const server = String(gpu?.environment?.['COMFY_SERVER_ID']);
    expect(gpu?.healthcheck?.test.at(-1)).toBe(hostQueue(server));
    expect(file.services['worker-cpu']?.healthcheck?.test.at(-1)).toBe(CPU_QUEUE);
    const namespace = file.services['temporal-namespace'];
    expect(namespace?.environment?.['SEARCH_ATTRIBUTES']).toBe(SEARCH_ATTRIBUTES.join(' '));
    for (const name of ['temporal-schema', 'temporal-namespace']) {
      const script = file.services[name]?.entrypoint?.[1] ?? '';
      const text = await read(script.replace('/deploy/', 'deploy/temporal/'));
      for (const variable of Object.keys(file.services[name]?.environment ?? {}))
        // The `temporal` CLI itself reads TEMPORAL_ADDRESS, temporal-sql-tool SQL_PASSWORD.
        expect(text, `${name}: ${variable}`).toContain(variable);
    }
  });

  it('configures the cluster like the dev server', async () => {
    const config = parse(await read('deploy/temporal/dynamic-config.yaml')) as Record<
      string,
      [{ value: unknown }]
    >;
    const values = Object.fromEntries(
      Object.entries(config).map(([key, [entry]]) => [key, entry.value]),
    );
    expect(values).toMatchObject(DEV_SERVER_DYNAMIC_CONFIG);
    const path = file.services['temporal']?.environment?.['DYNAMIC_CONFIG_FILE_PATH'];
    expect(path).toBe('/deploy/dynamic-config.yaml');
    expect(file.services['temporal']?.volumes).toContain('./deploy/temporal:/deploy:ro');
  });

  it('starts the server as the tests on PostgreSQL do: same files, same arguments, same defaults', async () => {
    const { entrypoint, command, environment = {} } = file.services['temporal'] ?? {};
    expect(entrypoint).toEqual(['temporal-server']);
    expect(command).toEqual(serverArguments('/deploy'));
    const known = [...(await read('deploy/temporal/server.yaml')).matchAll(/env "([A-Z_]+)"/g)];
    const variables = new Set(known.map((match) => match[1]));
    const tests = serverEnvironment(
      { postgresUrl: 'postgres://u:p@h:1/d', ip: '127.0.0.1', port: 1, env: {} },
      {},
    );
    for (const given of [environment, tests])
      for (const name of Object.keys(given)) expect(variables, name).toContain(name);
    // What only the compose file sets is what the server takes by itself, and what each place must say is said.
    const { NUM_HISTORY_SHARDS, ...places } = environment;
    expect(await read('deploy/temporal/server.yaml')).toContain(
      `default "${String(NUM_HISTORY_SHARDS)}" (env "NUM_HISTORY_SHARDS")`,
    );
    for (const name of Object.keys(places)) expect(tests, name).toHaveProperty(name);
    for (const name of ['DBNAME', 'VISIBILITY_DBNAME']) {
      expect(environment[name]).toBe(tests[name]);
      expect(file.services['temporal-schema']?.environment?.[name]).toBe(tests[name]);
    }
  });

  it('runs commands that the command line knows', { timeout: 120_000 }, async () => {
    for (const [name, service] of ownServices(file)) {
      const [role = ''] = service.command ?? [];
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--import', 'tsx', 'src/cli.ts', role, '--help'],
        { cwd: REPOSITORY },
      );
      expect(stdout, name).toContain(`orchestrator ${role}`);
    }
  });

  it('leaves the simulator out with the second file, which asks for the ComfyUI', async () => {
    const second = await readComposeFile('docker-compose.comfyui.yml', OWN_COMFY);
    expect(second.services['simulator']?.profiles).toEqual(['simulator']);
    expect(file.services['worker-gpu']?.depends_on?.['simulator']?.required).toBe(false);
    await expect(readComposeFile('docker-compose.comfyui.yml')).rejects.toThrow(/COMFY_HTTP_URL/);
  });

  it('takes a list of servers with the third file, which asks for it', async () => {
    const asked = { COMFY_SERVERS_FILE: './assets/servers.yaml', COMFY_HEALTH_SERVER: 'gpu-a' };
    const third = await readComposeFile('docker-compose.servers.yml', asked);
    expect(third.services['simulator']?.profiles).toEqual(['simulator']);
    const gpu = third.services['worker-gpu'];
    const [source = '', target] = gpu?.volumes?.[0]?.split(':') ?? [];
    expect(gpu?.environment?.['COMFY_SERVERS']).toBe(target);
    const environment = {
      ...file.services['worker-gpu']?.environment,
      ...gpu?.environment,
      COMFY_SERVERS: `${REPOSITORY}${source}`,
    };
    const { servers } = loadConfig(environment);
    expect(gpu?.healthcheck?.test.at(-1)).toBe(hostQueue(servers[0]?.id ?? ''));
    for (const name of Object.keys(asked))
      await expect(
        readComposeFile('docker-compose.servers.yml', { ...asked, [name]: '' }),
      ).rejects.toThrow(name);
  });
});

describe('Dockerfile', () => {
  it('copies only what exists and is sent to the builder', async () => {
    const dockerfile = await read('Dockerfile');
    const sent = (await read('.dockerignore')).split('\n');
    const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
      (match[1] ?? '').split(' '),
    );
    expect(sources).toContain('migrations');
    for (const source of sources) {
      expect(existsSync(`${REPOSITORY}${source}`), source).toBe(true);
      expect(sent).toContain(`!${source.replace(/^\.\//, '')}`);
    }
  });

  it('builds from one pinned glibc image, in stages, and runs without privileges', async () => {
    const dockerfile = await read('Dockerfile');
    expect(dockerfile).toMatch(/^ARG NODE_IMAGE=node:\d+\.\d+\.\d+-bookworm-slim$/m);
    const stages = [...dockerfile.matchAll(/^FROM (\S+) AS (\S+)$/gm)].map((match) => match[1]);
    expect(stages).toEqual(['${NODE_IMAGE}', 'base', 'base', 'base']);
    expect(dockerfile).toMatch(/^USER node$/m);
    const { version } = await readJson('package.json');
    expect(dockerfile).toContain(`ARG VERSION=${String(version)}`);
  });
});
