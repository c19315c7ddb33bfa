import { readdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobEventList } from '../../src/contract/v1/job-events.ts';
import type { JobStatus, JobStatusCollection } from '../../src/contract/v1/job-status.ts';
import { ephemeralPort } from '../../src/dev/ports.ts';
import { isAlive } from '../../src/dev/process-identity.ts';
import type { StackState } from '../../src/dev/stack-state.ts';
import { SD1_MODEL } from '../support/job-client.ts';
import {
  createCliRunner,
  processesOf,
  READY_MS,
  type CliRunner,
  type RunningCli,
} from '../support/launcher.ts';
import { until } from '../support/until.ts';

const HOST = '127.0.0.1';
const EVERY_PART = ['postgres', 'temporal', 'simulator', 'api', 'worker'];
/** Heartbeat timeouts and a new attempt, on a busy machine. */
const RECOVERY_MS = 90_000;

const listen = (port: number): Promise<Server | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    // Undefined when somebody else has it.
    server.once('error', () => resolve(undefined));
    server.listen(port, HOST, () => resolve(server));
  });

const portsOf = (state: StackState): number[] =>
  state.parts.flatMap(({ address }) => /:(\d+)$/.exec(address)?.[1] ?? []).map(Number);

const storedFiles = async (dataDir: string): Promise<string[]> => {
  const entries = await readdir(join(dataDir, 'blobs'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
};

async function post(url: string, steps: number, query = ''): Promise<JobStatusCollection> {
  const response = await fetch(`${url}/v1/consumer/jobs${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      $type: 'textToImage',
      model: SD1_MODEL,
      params: { prompt: 'a lighthouse', width: 64, height: 64, steps, cfgScale: 7 },
    }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST: ${response.status} ${text}`);
  return JSON.parse(text) as JobStatusCollection;
}

const expectDrawn = async (url: string): Promise<void> => {
  const { jobs } = await post(url, 1, '?wait=true');
  expect(jobs[0]?.lastEvent.type, JSON.stringify(jobs[0])).toBe('Succeeded');
};

describe('the stack that npm start brings up', () => {
  let runner: CliRunner;
  let holder: Server | undefined;
  let launcher: RunningCli;
  let state: StackState;
  const start = async (): Promise<void> => {
    launcher = runner.run(['start'], { SIM_STEP_MS: '20' });
    state = await launcher.ready();
  };

  beforeAll(async () => {
    runner = await createCliRunner();
    // Another run on this machine may have it and end before ours looks. One that stays holds it as well.
    holder = await until('port 3000 is held', () => listen(3_000), 60_000).catch(() => undefined);
    await start();
  });
  afterAll(async () => {
    await runner.cleanUp();
    holder?.close();
  });

  it('shows every part with address and state, the time it took and what to open', () => {
    expect(state.parts.map(({ name }) => name)).toEqual([
      ...['API', 'Workers', 'PostgreSQL', 'Temporal', 'Temporal Web UI', 'ComfyUI'],
    ]);
    const lines = launcher.output().split('\n');
    for (const part of state.parts) {
      const row = lines.find((line) => line.trim().startsWith(`${part.name}  `));
      expect(row).toContain(part.address);
      expect(row).toContain(part.state);
    }
    expect(launcher.output()).toMatch(/Ready in \d+\.\d s\. Open:/);
    expect(launcher.output()).toContain(`${state.url}/docs`);
  });

  it('takes the next free port for a default one that is taken, and says so', () => {
    expect(new URL(state.url).port).not.toBe('3000');
    expect(state.parts[0]?.state).toBe('ready, 3000 was taken');
  });

  it('draws, and shows its Web UI and API page', async () => {
    await expectDrawn(state.url);
    const ui = state.parts.find(({ name }) => name === 'Temporal Web UI')?.address ?? '';
    for (const url of [`${state.url}/docs`, ui]) expect((await fetch(url)).status, url).toBe(200);
  });

  it('refuses a second launcher on the same DATA_DIR, naming the first', async () => {
    const second = runner.run(['start']);
    expect(await second.ended).toMatchObject({ code: 2 });
    expect(second.output()).toContain(`is in use by process ${launcher.pid}`);
    expect(second.output()).toContain('DATA_DIR=');
  });

  it('is well for the doctor, which asks the parts that run', async () => {
    const doctor = runner.run(['doctor']);
    const { code } = await doctor.ended;
    expect(doctor.output()).toContain(`✓ Stack: process ${launcher.pid}`);
    for (const part of ['PostgreSQL', 'Temporal', 'ComfyUI'])
      expect(doctor.output()).toMatch(new RegExp(`✓ ${part}: .* at .*127\\.0\\.0\\.1:\\d+`));
    expect(doctor.output()).toContain('All is well.');
    expect(code).toBe(0);
  });

  it('starts a worker that was killed again', async () => {
    const { worker } = await launcher.parts();
    process.kill(worker ?? 0, 'SIGKILL');
    await until('another worker runs', async () => (await launcher.parts())['worker'] !== worker);
    await expectDrawn(state.url);
  });

  it('recovers after kill -9 of the launcher, and the job that was drawn finishes once', async () => {
    const before = (await storedFiles(launcher.dataDir)).length;
    const jobId = (await post(state.url, 150)).jobs[0]?.jobId ?? '';
    const comfy = state.comfyUrl;
    await until('the job is drawn', async () => {
      const queue = (await (await fetch(`${comfy}/queue`)).json()) as { queue_running: unknown[] };
      return queue.queue_running.length > 0;
    });
    const orphans = Object.values(await launcher.parts());
    launcher.kill('SIGKILL');
    await launcher.ended;

    await start();
    expect(orphans.filter(isAlive)).toEqual([]);
    const api = `${state.url}/v1/consumer/jobs/${jobId}`;
    const job = await until(
      'the job ends',
      async () => {
        const seen = (await (await fetch(api)).json()) as JobStatus;
        return seen.lastEvent.jobHasCompleted ? seen : undefined;
      },
      RECOVERY_MS,
    );
    expect(job.lastEvent.type).toBe('Succeeded');
    const { events } = (await (await fetch(`${api}/events`)).json()) as JobEventList;
    expect(events.filter(({ type }) => type === 'Succeeded')).toHaveLength(1);
    expect(await storedFiles(launcher.dataDir)).toHaveLength(before + 1);
  });

  it('drains and stops everything on SIGTERM, with exit code 0', async () => {
    const parts = await launcher.parts();
    expect(Object.keys(parts).sort()).toEqual([...EVERY_PART].sort());
    launcher.kill('SIGTERM');
    expect(await launcher.ended).toEqual({ code: 0, signal: null });
    expect(launcher.output()).toContain('Stopped.');
    expect(Object.values(parts).filter(isAlive)).toEqual([]);
    expect(await processesOf(launcher.dataDir)).toEqual([]);
    expect(await launcher.parts()).toEqual({});
    expect(await readdir(launcher.dataDir)).not.toContain('stack.json');
  });
});

describe('starting', () => {
  let runner: CliRunner;
  beforeEach(async () => {
    runner = await createCliRunner();
  });
  afterEach(() => runner.cleanUp());

  it('brings up two stacks at the same moment, side by side, each with its own ports', async () => {
    const launchers = ['one', 'two'].map((name) =>
      runner.run(['start'], {}, join(runner.dir, name)),
    );
    const states = await Promise.all(launchers.map((launcher) => launcher.ready()));
    const ports = states.flatMap(portsOf);
    expect(new Set(ports).size).toBe(ports.length);
    await Promise.all(states.map(({ url }) => expectDrawn(url)));
    for (const launcher of launchers) launcher.kill('SIGINT');
    for (const launcher of launchers) expect(await launcher.ended).toMatchObject({ code: 0 });
    expect(await processesOf(runner.dir)).toEqual([]);
  });

  it('is refused for a set port that is taken, naming variable and holder, with exit code 2', async () => {
    const port = await ephemeralPort(HOST);
    const holder = await listen(port);
    try {
      const launcher = runner.run(['start'], { TEMPORAL_UI_PORT: String(port) });
      expect(await launcher.ended).toMatchObject({ code: 2 });
      expect(launcher.output()).toContain(`TEMPORAL_UI_PORT: port ${port} on ${HOST} is taken by`);
      if (process.platform === 'linux')
        expect(launcher.output()).toContain(`process ${process.pid}`);
      expect(await launcher.parts()).toEqual({});
    } finally {
      holder?.close();
    }
  });

  it('is refused for a wrong variable, with its name, the seen value and an example, exit code 2', async () => {
    const launcher = runner.run(['start'], { SIM_STEP_MS: 'fast', AUTH: 'none' });
    expect(await launcher.ended).toMatchObject({ code: 2 });
    expect(launcher.output()).toContain("SIM_STEP_MS: seen 'fast': expected a whole number");
    expect(launcher.output()).toContain('Example: SIM_STEP_MS=40');
    expect(launcher.output()).toContain("AUTH: seen 'none'");
  });

  it('is given up on Ctrl-C before it is ready, and nothing is left', async () => {
    const launcher = runner.run(['start']);
    const parts = await until(
      'some parts are up',
      async () => {
        const seen = await launcher.parts();
        return Object.keys(seen).length >= 2 ? seen : undefined;
      },
      READY_MS,
    );
    launcher.kill('SIGINT');
    expect(await launcher.ended).toMatchObject({ code: 0 });
    expect(launcher.output()).toContain('Stopped before it was ready.');
    expect(Object.values(parts).filter(isAlive)).toEqual([]);
    expect(await processesOf(launcher.dataDir)).toEqual([]);
  });

  it('ends with the reason when a part cannot start, and stops the others', async () => {
    const launcher = runner.run(['start'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x' });
    expect((await launcher.ended).code).not.toBe(0);
    expect(launcher.output()).toMatch(/did not start: it ended\. The end of its log/);
    expect(await launcher.parts()).toEqual({});
  });
});
