import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runDoctor } from '../../src/commands/doctor.ts';
import { checkNode } from '../../src/commands/doctor/machine.ts';
import { loadConfig } from '../../src/config.ts';
import { ephemeralPort } from '../../src/dev/ports.ts';
import { writeStackState } from '../../src/dev/stack-state.ts';
import { startSimulator, type Simulator } from '../../src/executors/simulator/server.ts';
import { silentLogger } from '../../src/telemetry.ts';

const HOST = '127.0.0.1';

let dir: string;
let simulator: Simulator;
/** A web server that is no ComfyUI. */
let webPage: Server;
let webPagePort: number;
/** Nothing listens there. */
let deadPort: number;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doctor-'));
  simulator = await startSimulator({
    port: 0,
    dataDir: join(dir, 'simulator'),
    stepMs: 0,
    logger: silentLogger,
  });
  webPage = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<h1>It works!</h1>');
  });
  await new Promise<void>((done) => webPage.listen(0, HOST, done));
  webPagePort = (webPage.address() as AddressInfo).port;
  deadPort = await ephemeralPort(HOST);
});
afterAll(async () => {
  webPage.close();
  await simulator.close();
  await rm(dir, { recursive: true, force: true });
});

/** What the doctor prints with these settings over good ones. */
async function examine(
  settings: Readonly<Record<string, string>>,
): Promise<{ well: boolean; text: string }> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    DATA_DIR: join(dir, 'data'),
    DATABASE_URL: inject('postgresUrl'),
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    COMFY_HTTP_URL: simulator.url,
    MIN_FREE_BYTES: '0',
    PORT: '0',
    ...settings,
  };
  const lines: string[] = [];
  const well = await runDoctor(loadConfig(env), env, (line) => lines.push(line));
  return { well, text: lines.join('\n') };
}

/** Expects exactly one complaint; returns it with its next action. */
async function complaint(settings: Readonly<Record<string, string>>): Promise<string> {
  const { well, text } = await examine(settings);
  expect(well, text).toBe(false);
  expect(text.match(/^✗/gm), text).toHaveLength(1);
  expect(text).toMatch(/^1 of \d+ needs attention\.$/m);
  const match = /^✗ .*\n(?: {2}\S.*\n)* {4}→ .+$/m.exec(text);
  expect(match, text).not.toBeNull();
  return match?.[0] ?? '';
}

describe('doctor', () => {
  it('says that all is well, and what it found', async () => {
    const { well, text } = await examine({});
    expect(well, text).toBe(true);
    expect(text).toMatch(/^✓ Node: \d+\.\d+/m);
    expect(text).toMatch(/^✓ PostgreSQL: version \d+.* answers at 127\.0\.0\.1:\d+/m);
    expect(text).toMatch(/^✓ Temporal: server \d+\.\d+.* namespace default is there$/m);
    expect(text).toMatch(/^✓ ComfyUI: \d+\.\d+.* at http:\/\/127\.0\.0\.1:\d+ on simulated$/m);
    expect(text).toMatch(/^✓ ComfyUI WebSocket: answers at ws:\/\/127\.0\.0\.1:\d+\/ws$/m);
    expect(text).toMatch(/^✓ ComfyUI nodes: it has all that sd1, sdxl, sd3, flux1 need; requests/m);
    expect(text).toMatch(/^✓ ComfyUI models: [1-9]\d* to draw with/m);
    expect(text).toMatch(/^✓ Storage: \d+ MiB free in /m);
    expect(text).toContain('✓ Ports: PORT any');
    expect(text).not.toContain('→');
    expect(text).toMatch(/All is well\.$/);
  });

  it('says what npm start will bring where nothing is configured', async () => {
    const { well, text } = await examine({
      DATABASE_URL: '',
      TEMPORAL_ADDRESS: '',
      COMFY_HTTP_URL: '',
      TEMPORAL_CLI_PATH: inject('temporalBinary'),
    });
    expect(well, text).toBe(true);
    expect(text).toContain('✓ PostgreSQL: embedded, started by npm start');
    expect(text).toContain(`from ${inject('temporalBinary')}, started by npm start`);
    expect(text).toContain('✓ ComfyUI: simulated');
  });

  it('refuses a Node that is too old', async () => {
    expect(await checkNode('20.18.3')).toMatchObject({ well: false, says: '20.18.3 is too old' });
    for (const version of ['20.19.0', '22.0.0', '24.1.0'])
      expect(await checkNode(version)).toMatchObject({ well: true });
  });

  it('tells a wrong database password from a server that is not there and a database that is missing', async () => {
    const good = new URL(inject('postgresUrl'));
    const withUrl = (change: (url: URL) => void): Promise<string> => {
      const url = new URL(good);
      change(url);
      return complaint({ DATABASE_URL: url.href });
    };
    const password = await withUrl((url) => (url.password = 'wrong'));
    expect(password).toContain(`refuses user ${good.username}`);
    expect(password).toContain('→ Set the right user and password in DATABASE_URL');
    expect(password).not.toContain('wrong');

    const port = await withUrl((url) => (url.port = String(deadPort)));
    expect(port).toContain(`nothing answers as PostgreSQL at ${HOST}:${deadPort} (ECONNREFUSED)`);
    expect(port).toContain('→ Start PostgreSQL there, check host and port in DATABASE_URL');

    const database = await withUrl((url) => (url.pathname = '/nothing_there'));
    expect(database).toContain('has no database nothing_there');
    expect(database).toContain('→ Make it (createdb nothing_there)');
  });

  it('tells a Temporal that is not there from a missing namespace', async () => {
    const away = await complaint({ TEMPORAL_ADDRESS: `${HOST}:${deadPort}` });
    expect(away).toContain(`nothing answers as Temporal at ${HOST}:${deadPort}`);
    expect(away).toContain('→ Start Temporal there, check TEMPORAL_ADDRESS');

    const namespace = await complaint({ TEMPORAL_NAMESPACE: 'not-there' });
    expect(namespace).toContain('has no namespace not-there');
    expect(namespace).toContain('→ Make it (temporal operator namespace create');
  });

  it('refuses a TEMPORAL_CLI_PATH that is no temporal', async () => {
    const path = join(dir, 'no-temporal');
    const says = await complaint({ TEMPORAL_ADDRESS: '', TEMPORAL_CLI_PATH: path });
    expect(says).toContain(`TEMPORAL_CLI_PATH ${path} cannot be run`);
  });

  it('finds a folder that cannot be written, and one with too little space', async () => {
    const file = join(dir, 'a-file');
    await writeFile(file, '');
    const unwritable = await complaint({ BLOB_DIR: join(file, 'blobs') });
    expect(unwritable).toContain(`${join(file, 'blobs')} cannot be written: `);
    expect(unwritable).toContain('or set BLOB_DIR to a folder that can be written');

    const full = await complaint({ MIN_FREE_BYTES: '1000000000000' });
    expect(full).toContain('less than MIN_FREE_BYTES (953674 MiB): no jobs are accepted');
    expect(full).toContain('→ Free some space, set BLOB_DIR to another disk, or lower');
  });

  it('names every set port that is taken, and who holds it', async () => {
    const says = await complaint({
      COMFY_HTTP_URL: '',
      PORT: String(webPagePort),
      SIM_PORT: String(new URL(simulator.url).port),
    });
    expect(says).toContain(`PORT: port ${webPagePort} on ${HOST} is taken by`);
    expect(says).toContain('SIM_PORT: port ');
    if (process.platform === 'linux') expect(says).toContain(`process ${process.pid}`);
    expect(says).toContain('→ Stop what holds it, set another one, or unset it.');
  });

  it('reports a running stack whose API does not answer', async () => {
    const data = join(dir, 'running');
    await mkdir(data, { recursive: true });
    await writeStackState(data, {
      url: `http://${HOST}:${deadPort}`,
      temporalAddress: inject('temporalAddress'),
      comfyUrl: simulator.url,
      parts: [],
    });
    const says = await complaint({ DATA_DIR: data, PORT: String(webPagePort) });
    expect(says).toContain(`✗ Stack: process ${process.pid} since `);
    expect(says).toContain(`its API does not answer at http://${HOST}:${deadPort}`);
    expect(says).toContain(`→ Read ${join(data, 'logs')}`);
  });

  it('takes no notice of a stack whose launcher is gone', async () => {
    const data = join(dir, 'gone');
    await mkdir(data, { recursive: true });
    const state = { launcher: { pid: 2 ** 30 }, url: `http://${HOST}:${deadPort}`, parts: [] };
    await writeFile(join(data, 'stack.json'), JSON.stringify(state));
    const { well, text } = await examine({ DATA_DIR: data });
    expect(well, text).toBe(true);
    expect(text).not.toContain('Stack:');
  });
});
