/** The drill of docs/upgrading.md: a command is added to `jobWorkflow` while jobs run, and the patch is taken out again. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection, Client } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import {
  DefaultLogger,
  NativeConnection,
  Worker,
  bundleWorkflowCode,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { CollectResult, JobInput, Lease } from '../../src/domain/job.ts';
import { CPU_QUEUE, JOB_WORKFLOW, hostQueue, poolQueue } from '../../src/domain/naming.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { installRuntime } from '../../src/workers/temporal-workers.ts';
import { createTestNamespace } from '../support/stack.ts';
import { until } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Where the new command goes: just before the end of a job. */
const PLACE = "progress.enter('finish', 'stored');";
const BEFORE: Readonly<Record<string, string>> = {
  released: '',
  unpatched: "await sleep('1 ms');",
  patched: "if (patched('2026-11-drill')) await sleep('1 ms');",
  deprecated: "deprecatePatch('2026-11-drill'); await sleep('1 ms');",
};

/** The workflows with that code before the end, bundled from a copy. */
async function bundleWith(dir: string, version: string): Promise<WorkflowBundleWithSourceMap> {
  const copy = join(dir, version);
  for (const folder of ['workflows', 'domain', 'activities'])
    await cp(join(ROOT, 'src', folder), join(copy, 'src', folder), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const file = join(copy, 'src/workflows/job-workflow.ts');
  const source = await readFile(file, 'utf8');
  if (!source.includes(PLACE)) throw new Error(`${file} has no ${PLACE}`);
  const imports = "import { deprecatePatch, patched, sleep } from '@temporalio/workflow';\n";
  await writeFile(file, imports + source.replace(PLACE, `${BEFORE[version] ?? ''}\n${PLACE}`));
  return bundleWorkflowCode({
    workflowsPath: join(copy, 'src/workflows/index.ts'),
    logger: new DefaultLogger('ERROR'),
  });
}

const lease: Lease = {
  jobId: '37d9d863-7928-41c1-bc83-626c00995137',
  runId: '',
  runIndex: 1,
  attempt: 1,
  serverId: 'drill',
  promptId: '5471d64f-c8e0-57cd-9b23-3a17979a6ea1',
  reason: 'room',
  grantedAt: '2026-11-22T10:00:00.000Z',
  traceId: '',
};
const input: JobInput = {
  jobId: lease.jobId,
  tenant: 'local',
  jobType: 'textToImage',
  jobClass: 'image',
  ecosystem: 'sd1',
  pool: 'drill',
  traceId: '',
  expireAt: '2100-01-01T00:00:00.000Z',
  priority: 3,
  maxAttempts: 1,
  priorityAgeMs: 300_000,
  serverLostAfterMs: 120_000,
};
const result: CollectResult = {
  outputs: [],
  queuedMs: 0,
  executionMs: 0,
  storeMs: 0,
  cachedNodes: 0,
};

let dir: string;
let namespace: string;
let connection: NativeConnection;
let client: Client;
const bundles = new Map<string, WorkflowBundleWithSourceMap>();
/** While set, the drawing of a job takes until it resolves. */
let drawing: Promise<unknown> = Promise.resolve();

beforeAll(async () => {
  installRuntime(silentLogger);
  const address = inject('temporalAddress');
  dir = await mkdtemp(join(tmpdir(), 'orchestrator-drill-'));
  namespace = await createTestNamespace(address);
  connection = await NativeConnection.connect({ address });
  client = new Client({ connection: await Connection.connect({ address }), namespace });
  for (const version of Object.keys(BEFORE)) bundles.set(version, await bundleWith(dir, version));
});
afterAll(async () => {
  await client.connection.close();
  await connection.close();
  await rm(dir, { recursive: true });
});

const bundleOf = (version: string): WorkflowBundleWithSourceMap => {
  const bundle = bundles.get(version);
  if (!bundle) throw new Error(version);
  return bundle;
};
/** Workers with workflows of that version; returns how to stop them. */
async function deploy(version: string): Promise<() => Promise<void>> {
  const nothing = (): Promise<void> => Promise.resolve();
  const common = { connection, namespace };
  const workers = await Promise.all([
    Worker.create({
      ...common,
      taskQueue: CPU_QUEUE,
      workflowBundle: bundleOf(version),
      activities: {
        prepare: () =>
          Promise.resolve({
            graph: { text: '{}' },
            outputPrefix: 'a/b',
            expectedOutputs: 1,
            durationMs: 0,
          }),
        ...{ finish: nothing, setHeld: nothing, releaseLease: nothing },
      },
    }),
    Worker.create({
      ...common,
      taskQueue: poolQueue('drill'),
      activities: { claim: () => Promise.resolve(lease) },
    }),
    Worker.create({
      ...common,
      taskQueue: hostQueue('drill'),
      activities: {
        submit: () =>
          Promise.resolve({
            promptId: lease.promptId,
            response: '{}',
            reattached: false,
            bootId: 'boot',
            submittedAt: lease.grantedAt,
          }),
        collect: () => drawing.then(() => result),
      },
    }),
  ]);
  const runs = workers.map((worker) => worker.run());
  return async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.all(runs);
  };
}
const startJob = (workflowId: string) =>
  client.workflow.start(JOB_WORKFLOW, { taskQueue: CPU_QUEUE, workflowId, args: [input] });
const replays = async (version: string, history: History): Promise<string> => {
  try {
    await Worker.runReplayHistory({ workflowBundle: bundleOf(version) }, history, 'job-drill');
    return 'replays';
  } catch (error) {
    return (error as Error).name;
  }
};
const recorded = async (): Promise<History> =>
  JSON.parse(await readFile(join(ROOT, 'test/histories/0.1.0/success.json'), 'utf8')) as History;

describe('a command that is added to the workflow', () => {
  it('breaks the histories of the release before, unless it stands under patched()', async () => {
    const released = await recorded();
    expect(await replays('released', released)).toBe('replays');
    expect(await replays('unpatched', released)).toBe('DeterminismViolationError');
    expect(await replays('patched', released)).toBe('replays');
    expect(await replays('deprecated', released)).toBe('DeterminismViolationError');
  });

  it('under patched() lets a job go on that began before the upgrade; later ones outlive the deprecation', async () => {
    let release = (): void => undefined;
    drawing = new Promise<void>((resolve) => (release = resolve));
    const stopOld = await deploy('released');
    const began = await startJob('job-began-before');
    await until('it is drawn', async () => {
      const { raw } = await began.describe();
      return raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'collect');
    });
    const oldStops = stopOld();
    release();
    await oldStops;
    const stopNew = await deploy('patched');
    await began.result();
    const next = await startJob('job-began-after');
    await next.result();
    await stopNew();
    const history = await next.fetchHistory();
    expect(await replays('patched', history)).toBe('replays');
    expect(await replays('deprecated', history)).toBe('replays');
    expect(await replays('released', history)).toBe('DeterminismViolationError');

    const stopLast = await deploy('deprecated');
    const last = await startJob('job-deprecated');
    await last.result();
    await stopLast();
    // The patch has done its work: what was recorded under the deprecation needs no trace of it.
    expect(await replays('unpatched', await last.fetchHistory())).toBe('replays');
  });
});
