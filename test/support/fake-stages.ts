/** Workers whose activities are fakes that hang or fail as a test says, and jobs that are started all at once. */
import { randomUUID } from 'node:crypto';
import { activityInfo, Context, heartbeat } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { ClaimInput, RescueInput, SubmitInput } from '../../src/activities/activity-types.ts';
import { connectTemporal } from '../../src/client/temporal.ts';
import { loadConfig } from '../../src/config.ts';
import type { FinishInput, JobInput, Lease } from '../../src/domain/job.ts';
import {
  CPU_QUEUE,
  hostQueue,
  JOB_WORKFLOW,
  jobWorkflowId,
  poolQueue,
  TASK_QUEUE,
  withdrawWorkflowId,
} from '../../src/domain/naming.ts';
import { silentLogger } from '../../src/telemetry.ts';
import {
  installRuntime,
  runWorkers,
  type RunningWorkers,
} from '../../src/workers/temporal-workers.ts';
import { workflowCode } from '../../src/workers/workflow-code.ts';
import { createTestNamespace } from './stack.ts';
import { until } from './until.ts';

const POOL = 'fakes';
const HOST = 'host';

type Given = Partial<ClaimInput & SubmitInput & RescueInput & Lease>;
/** What an activity of one job does instead of the usual. Undefined: the usual after all. */
type Fake = (given: Given) => Promise<unknown> | undefined;
type Fakes = Readonly<Record<string, Fake>>;

/** Says nothing until its worker ends. */
export const hang = (): Promise<never> => Context.current().cancelled;

/** Alive, and never done. */
export const dawdle = async (): Promise<never> => {
  for (;;) {
    heartbeat();
    await Context.current().sleep(200);
  }
};

/** Only in the first try. */
export const once =
  (act: () => Promise<never>): Fake =>
  () =>
    activityInfo().attempt === 1 ? act() : undefined;

export const fail = (code: string) => (): Promise<never> =>
  Promise.reject(ApplicationFailure.retryable('not now', code));

const leaseOf = ({ jobId = '', attempt = 1 }: Given, serverId: string): Lease => ({
  ...{ jobId, attempt, serverId, runIndex: 1, reason: 'room', traceId: '' },
  runId: activityInfo().workflowExecution?.runId ?? '',
  promptId: `${jobId}-${attempt}`,
  grantedAt: new Date().toISOString(),
});

/** A claim whose first attempt gets that server. */
export const firstOn =
  (serverId: string): Fake =>
  (given) =>
    given.attempt === 1 ? Promise.resolve(leaseOf(given, serverId)) : undefined;

export type FakeStages = ReturnType<typeof createFakeStages>;

/** Nothing runs before `start`. */
export function createFakeStages() {
  const fakes = new Map<string, Fakes>();
  /** `<activity> <attempt of the job>.<try>` of each job, in order. */
  const tries = new Map<string, string[]>();
  const ends = new Map<string, FinishInput>();
  const first: (() => Promise<void>)[] = [];
  let client: Client;
  let connection: NativeConnection;
  let running: RunningWorkers;
  let namespace: string;

  const usual: Readonly<Record<string, (given: Given) => unknown>> = {
    claim: (given) => leaseOf(given, HOST),
    prepare: () => ({
      ...{ graph: { text: '{}' }, outputPrefix: 'a/b', expectedOutputs: 1, durationMs: 0 },
    }),
    submit: ({ lease }) => ({
      ...{ promptId: lease?.promptId, response: '{}', reattached: false, bootId: 'boot' },
      submittedAt: new Date().toISOString(),
    }),
    collect: () => ({ outputs: [], queuedMs: 0, executionMs: 0, storeMs: 0, cachedNodes: 0 }),
    rescue: () => null,
    finish: (given) => void ends.set(given.jobId ?? '', given as FinishInput),
  };
  const activities = (...names: string[]) =>
    Object.fromEntries(
      names.map((name) => [
        name,
        async (given: Given) => {
          const { jobId = '', attempt = 1 } = given.lease ?? given;
          tries.get(jobId)?.push(`${name} ${attempt}.${activityInfo().attempt}`);
          return (await fakes.get(jobId)?.[name]?.(given)) ?? usual[name]?.(given);
        },
      ]),
    );
  const hostWorker = (server: string): Promise<Worker> =>
    Worker.create({
      ...{ connection, namespace, taskQueue: hostQueue(server) },
      activities: activities('submit', 'collect', 'withdraw', 'rescue'),
    });

  return {
    /** Done before any test, for all jobs at once: most of them wait for seconds. */
    before: (act: () => Promise<void>): void => void first.push(act),

    /** A job that `start` starts. */
    job(behaves: Fakes, changes: Partial<JobInput> = {}, livesMs = 3_600_000) {
      const jobId = randomUUID();
      fakes.set(jobId, behaves);
      tries.set(jobId, []);
      const handle = () => client.workflow.getHandle(jobWorkflowId(jobId));
      first.push(async () => {
        const input: JobInput = {
          ...{ jobId, tenant: 'local', jobType: 'textToImage', jobClass: 'image' },
          ...{ ecosystem: 'sd1', pool: POOL, traceId: '', priority: 3, maxAttempts: 5 },
          ...{ priorityAgeMs: 300_000, serverLostAfterMs: 60_000 },
          expireAt: new Date(Date.now() + livesMs).toISOString(),
          ...changes,
        };
        const options = { workflowId: jobWorkflowId(jobId), taskQueue: CPU_QUEUE, args: [input] };
        await client.workflow.start(JOB_WORKFLOW, options);
      });
      return {
        handle,
        /** What was written at its end. */
        async end(): Promise<FinishInput> {
          const ended = await until('the job has ended', () => ends.get(jobId), 40_000);
          await until('its run as well', async () => (await handle().describe()).closeTime);
          return ended;
        },
        tries: (activity: string): string[] =>
          (tries.get(jobId) ?? []).filter((text) => text.startsWith(`${activity} `)),
        withdrawal: (attempt: number) =>
          client.workflow.getHandle(withdrawWorkflowId(`${jobId}-${attempt}`)).describe(),
        /** Temporal's own record of an activity. */
        async scheduled(activity: string) {
          const { events } = await handle().fetchHistory();
          return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
            scheduled?.activityType?.name === activity ? [scheduled] : [],
          );
        },
      };
    },

    /** A server that is served until `leave`. */
    async addHost(server: string): Promise<{ leave(): void }> {
      const worker = await hostWorker(server);
      running.add(worker);
      return { leave: () => worker.shutdown() };
    },

    async start(address: string): Promise<void> {
      installRuntime(silentLogger);
      namespace = await createTestNamespace(address);
      connection = await NativeConnection.connect({ address });
      const config = loadConfig({ TEMPORAL_NAMESPACE: namespace });
      client = connectTemporal({ ...config, TEMPORAL_ADDRESS: address });
      const common = { connection, namespace };
      running = runWorkers(
        await Promise.all([
          Worker.create({
            ...{ ...common, ...workflowCode(), taskQueue: CPU_QUEUE },
            activities: activities('prepare', 'finish', 'setHeld', 'releaseLease'),
          }),
          Worker.create({ ...common, taskQueue: poolQueue(POOL), activities: activities('claim') }),
          Worker.create({ ...common, taskQueue: TASK_QUEUE, activities: activities('runTask') }),
          hostWorker(HOST),
        ]),
      );
      for (const act of first) await act();
    },

    async stop(): Promise<void> {
      await running.close();
      await connection.close();
      await client.connection.close();
    },
  };
}
