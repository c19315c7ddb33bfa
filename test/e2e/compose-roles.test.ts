import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { connectDatabase } from '../../src/db/connect.ts';
import { readComposeFile, REPOSITORY, type ComposeFile } from '../docs/compose-file.ts';
import { createTestNamespace } from '../support/stack.ts';
import { until } from '../support/until.ts';

const SD1 = 'urn:air:sd1:checkpoint:civitai:4384@128713';
const DATABASE = `compose_${randomUUID().replaceAll('-', '')}`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function asAdmin(statement: 'create' | 'drop'): Promise<void> {
  const url = inject('postgresUrl');
  const sql = connectDatabase({ url, maxConnections: 1, applicationName: 'test-admin' });
  try {
    if (statement === 'create') await sql`create database ${sql(DATABASE)}`;
    else await sql`drop database if exists ${sql(DATABASE)} with (force)`;
  } finally {
    await sql.end();
  }
}

/** Runs what `docker-compose.yml` runs, with its own environment, commands and health checks, as plain processes. */
describe('the roles of docker-compose.yml, without Docker', () => {
  let file: ComposeFile;
  let dir: string;
  let apiPort: number;
  let namespace: string;
  let translate: (text: string) => string;
  const running = new Map<string, ChildProcess>();
  const output = new Map<string, string>();

  beforeAll(async () => {
    file = await readComposeFile();
    dir = await mkdtemp(join(tmpdir(), 'orchestrator-compose-'));
    await asAdmin('create');
    const database = new URL(inject('postgresUrl'));
    database.pathname = `/${DATABASE}`;
    namespace = await createTestNamespace(inject('temporalAddress'));
    apiPort = await freePort();
    const simulatorPort = String(await freePort());
    // What differs is only what containers bring: host names, ports, paths; and the namespace of this test.
    const places: [from: string, to: string][] = [
      ['postgres://orchestrator:orchestrator@postgres:5432/orchestrator', database.href],
      ['temporal:7233', inject('temporalAddress')],
      ['http://simulator:8188', `http://127.0.0.1:${simulatorPort}`],
      ['http://127.0.0.1:8188', `http://127.0.0.1:${simulatorPort}`],
      ['http://127.0.0.1:3000', `http://127.0.0.1:${apiPort}`],
      ['/var/lib/orchestrator', dir],
    ];
    const words: Record<string, string> = {
      '0.0.0.0': '127.0.0.1',
      '3000': String(apiPort),
      '8188': simulatorPort,
      // Containers have a port each, these processes share a machine.
      '9464': '0',
    };
    translate = (text) =>
      words[text] ?? places.reduce((result, [from, to]) => result.replaceAll(from, to), text);
  });

  afterAll(async () => {
    for (const child of running.values()) child.kill('SIGKILL');
    await asAdmin('drop');
    await rm(dir, { recursive: true, force: true });
  });

  const environment = (name: string): Record<string, string> => {
    const entries = Object.entries(file.services[name]?.environment ?? {});
    return {
      PATH: process.env['PATH'] ?? '',
      ...Object.fromEntries(entries.map(([key, value]) => [key, translate(value)])),
      ...('TEMPORAL_NAMESPACE' in (file.services[name]?.environment ?? {})
        ? { TEMPORAL_NAMESPACE: namespace }
        : {}),
    };
  };

  const start = (name: string): ChildProcess => {
    const command = (file.services[name]?.command ?? []).map(translate);
    const child = spawn(process.execPath, [inject('builtCli'), ...command], {
      cwd: REPOSITORY,
      env: environment(name),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) =>
        output.set(name, `${output.get(name) ?? ''}${String(chunk)}`.slice(-4_000)),
      );
    running.set(name, child);
    return child;
  };

  /** Runs the health check of a service as it stands in the file. */
  const isHealthy = async (name: string): Promise<boolean> => {
    const [kind, program, ...rest] = file.services[name]?.healthcheck?.test ?? [];
    expect([kind, program]).toEqual(['CMD', 'node']);
    const args = rest.map((text) => (text === 'default' ? namespace : translate(text)));
    const env = environment(name);
    return promisify(execFile)(process.execPath, args, { cwd: REPOSITORY, env }).then(
      () => true,
      () => false,
    );
  };

  const untilHealthy = (name: string): Promise<boolean> =>
    until(
      `${name} is healthy`,
      () => {
        const child = running.get(name);
        if (child?.exitCode !== null) throw new Error(`${name} ended: ${output.get(name) ?? ''}`);
        return isHealthy(name);
      },
      90_000,
    );

  it('migrates an empty database once, then finds nothing to do', async () => {
    for (const expected of [/Applied /, /up to date/]) {
      output.delete('migrate');
      const [code] = (await once(start('migrate'), 'close')) as [number];
      expect(code, output.get('migrate')).toBe(0);
      expect(output.get('migrate')).toMatch(expected);
    }
  });

  it('reports unhealthy before a role runs', async () => {
    for (const name of ['api', 'worker-cpu', 'worker-gpu', 'simulator'])
      expect(await isHealthy(name), name).toBe(false);
  });

  it('becomes healthy with every role and draws a picture', { timeout: 240_000 }, async () => {
    const roles = ['simulator', 'api', 'worker-cpu', 'worker-gpu'];
    for (const name of roles) start(name);
    for (const name of roles) await untilHealthy(name);
    const answer = await fetch(`http://127.0.0.1:${apiPort}/v1/consumer/jobs?wait=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        $type: 'textToImage',
        model: SD1,
        params: { prompt: 'a harbour', width: 256, height: 256, steps: 2, cfgScale: 7, seed: 5 },
      }),
    });
    const body = (await answer.json()) as {
      jobs: { result: { available: boolean; seed: number; blobUrl: string } }[];
    };
    expect(answer.status, JSON.stringify(body)).toBe(200);
    const result = body.jobs[0]?.result;
    expect(result).toMatchObject({ available: true, seed: 5 });
    const picture = await fetch(String(result?.blobUrl));
    expect(picture.headers.get('content-type')).toBe('image/png');
  });

  it('ends every role cleanly when it is asked to stop', async () => {
    for (const name of ['worker-gpu', 'worker-cpu', 'api', 'simulator']) {
      const child = running.get(name);
      expect(child?.exitCode, output.get(name)).toBeNull();
      const ended = once(child as ChildProcess, 'close');
      child?.kill('SIGTERM');
      const [code] = (await ended) as [number];
      expect(code, output.get(name)).toBe(0);
    }
  });
});
