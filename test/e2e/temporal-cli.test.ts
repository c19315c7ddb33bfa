/** What operators do with the real `temporal` binary; every command is one of docs/operations.md. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { createJobClient, type JobClient } from '../support/job-client.ts';
import { createOperatorCli, type OperatorCli } from '../support/operator-cli.ts';
import { placerCount } from '../support/many-processes.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const HOLD = 'temporal workflow signal --workflow-id "job-$JOB_ID" --name hold';
const RESUME = 'temporal workflow signal --workflow-id "job-$JOB_ID" --name resume';
const CANCEL = 'temporal workflow cancel --workflow-id "job-$JOB_ID"';
const TERMINATE = 'temporal workflow terminate --workflow-id "job-$JOB_ID" --reason "stuck"';
const RESET_FIRST =
  'temporal workflow reset --workflow-id "job-$JOB_ID" --type FirstWorkflowTask --reason "draw it again"';
const RESET_LAST =
  'temporal workflow reset --workflow-id "job-$JOB_ID" --type LastWorkflowTask --reason "repeat the last step"';
const DELETE = 'temporal workflow delete --workflow-id "job-$JOB_ID"';
const STATUS = 'temporal workflow query --workflow-id "job-$JOB_ID" --type status';
const TIMELINE = 'temporal workflow query --workflow-id "job-$JOB_ID" --type timeline';

/** Temporal deletes a run only when its queues have noted that all tasks of it are done, every 30 s or so. */
const DELETION_MS = 90_000;

let stack: TestStack;
let jobs: JobClient;
let cli: OperatorCli;

beforeAll(async () => {
  // Two claims in the placer's window, so that the next is one that no placer has taken.
  stack = await startTestStack({ env: { PLACEMENT_WINDOW: '2' } });
  jobs = createJobClient(stack);
  cli = await createOperatorCli(stack);
});
afterEach(async () => {
  // What a failed test leaves must not fail the next.
  const active = await stack.sql<{ id: string }[]>`
    select id from jobs where state in ('queued', 'running')`;
  await freeServer(active.map(({ id }) => id));
});
afterAll(() => stack.stop());

/** Two jobs that take all room of the server, one drawn and one waiting there, until `freeServer`. */
async function fillServer(): Promise<string[]> {
  stack.simulator.pauseDrawing(true);
  const ids = [await jobs.submit(), await jobs.submit()];
  await until('the server is full', async () => {
    const { running, pending } = await jobs.comfyQueue();
    return running.length === 1 && pending.length === 1;
  });
  return ids;
}

async function freeServer(ids: readonly string[]): Promise<void> {
  for (const id of ids) await jobs.cancel(id);
  stack.simulator.pauseDrawing(false);
}

/** A job that is drawn until the pause ends. */
async function submitDrawing(headers?: Record<string, string>): Promise<[string, string]> {
  stack.simulator.pauseDrawing(true);
  const jobId = await jobs.submit({}, headers);
  return [jobId, await jobs.drawing(jobId)];
}

const untilStage = (jobId: string, stage: string): Promise<unknown> =>
  until(`the status query says ${stage}`, async () => {
    const answer = (await cli.run(STATUS, { JOB_ID: jobId })) as QueryAnswer<{ stage: string }>;
    return answer.queryResult[0]?.stage === stage;
  });

/** A job that waits for a server. */
async function submitWaiting(): Promise<string> {
  const jobId = await jobs.submit();
  await untilStage(jobId, 'claim');
  return jobId;
}

interface QueryAnswer<T> {
  readonly queryResult: readonly T[];
}

const runOf = async (
  jobId: string,
): Promise<{ runIndex: number; state: string; held: boolean }> => {
  const [row] = await stack.sql<{ runIndex: number; state: string; held: boolean }[]>`
    select run_index, state, held from jobs where id = ${jobId}`;
  if (!row) throw new Error(`no row of ${jobId}`);
  return row;
};

const drawnAs = (jobId: string, runIndex: number) =>
  until(`run ${runIndex} of ${jobId} has drawn`, async () => {
    const run = await runOf(jobId);
    return run.runIndex === runIndex && run.state === 'succeeded';
  });

describe('looking at jobs with the temporal CLI', () => {
  it('finds a job by each search attribute and tells its summary, stage and timeline', async () => {
    const trace = 'a'.repeat(31);
    const [jobId] = await submitDrawing({ traceparent: `00-${trace}1-00000000000000ab-01` });
    await untilStage(jobId, 'collect');
    const [row] = await stack.sql<{ batchId: string }[]>`
      select batch_id from jobs where id = ${jobId}`;
    const variables = { JOB_ID: jobId, BATCH_ID: row?.batchId ?? '', TRACE_ID: `${trace}1` };
    for (const command of [
      `temporal workflow list --query "Tenant='local' AND Ecosystem='sd1'"`,
      `temporal workflow list --query "JobType='textToImage' AND Pool='default' AND ExecutionStatus='Running'"`,
      `temporal workflow list --query "BatchId='$BATCH_ID'"`,
      `temporal workflow list --query "TraceId='$TRACE_ID'"`,
    ])
      await until(command, async () => {
        const found = (await cli.run(command, variables)) as {
          execution: { workflowId: string };
        }[];
        return found.some(({ execution }) => execution.workflowId === `job-${jobId}`);
      });
    expect(await cli.run(`temporal workflow count --query "Tenant='local'"`)).toEqual({
      count: '1',
    });

    const described = JSON.stringify(
      await cli.run('temporal workflow describe --workflow-id "job-$JOB_ID"', variables),
    );
    expect(described).toContain('textToImage · sd1 · 64×64 · seed ');
    expect(described).toContain('"activityType":{"name":"collect"}');

    const metadata = JSON.stringify(
      await cli.run('temporal workflow metadata --workflow-id "job-$JOB_ID"', variables),
    );
    expect(metadata).toContain('**collect** on **');
    expect(metadata).toContain('timeline');

    expect(await cli.run(STATUS, variables)).toMatchObject({
      queryResult: [{ jobId, stage: 'collect', held: false, attempt: 1 }],
    });
    const { queryResult } = (await cli.run(TIMELINE, variables)) as QueryAnswer<
      { stage: string; at: string }[]
    >;
    expect(queryResult[0]?.map(({ stage }) => stage)).toEqual([
      'claim',
      'prepare',
      'submit',
      'collect',
    ]);

    const shown = (await cli.run(
      'temporal workflow show --workflow-id "job-$JOB_ID"',
      variables,
    )) as { events: { userMetadata?: { summary: { data: string } } }[] };
    expect(
      shown.events.flatMap(({ userMetadata }) =>
        userMetadata ? JSON.parse(Buffer.from(userMetadata.summary.data, 'base64').toString()) : [],
      ),
    ).toEqual([
      expect.stringContaining('textToImage · sd1'),
      'waits for a server of pool default',
      'parameters → ComfyUI graph',
      'POST /prompt on local',
      'progress and outputs from local',
    ]);
    expect(
      JSON.stringify(await cli.run('temporal task-queue describe --task-queue gpu-default')),
    ).toContain('pollers');
    await freeServer([jobId]);
    await jobs.expectFreeServer();
  });
});

describe('hold and resume', () => {
  it('lets others overtake a held job, which takes no lease until it is resumed', async () => {
    const fillers = await fillServer();
    const held = await submitWaiting();
    await cli.run(HOLD, { JOB_ID: held });
    await until('the API shows it', async () => (await jobs.read(held)).lastEvent.context['held']);
    const later = await jobs.submit();
    await freeServer(fillers);
    await jobs.ends(later, 'Succeeded');
    expect(await jobs.leases()).toEqual([]);
    expect(await cli.run(STATUS, { JOB_ID: held })).toMatchObject({
      queryResult: [{ held: true, stage: 'claim' }],
    });
    expect((await runOf(held)).state).toBe('queued');
    await cli.run(RESUME, { JOB_ID: held });
    const status = await jobs.ends(held, 'Succeeded');
    expect(status.lastEvent.context).not.toHaveProperty('held');
    await jobs.expectFreeServer();
  });

  it('draws a job that is resumed right after its hold', async () => {
    const fillers = await fillServer();
    const jobId = await submitWaiting();
    await cli.run(HOLD, { JOB_ID: jobId });
    await cli.run(RESUME, { JOB_ID: jobId });
    await freeServer(fillers);
    await jobs.ends(jobId, 'Succeeded');
    await jobs.expectFreeServer();
  });
});

describe.each([
  { verb: 'cancel', command: CANCEL, type: 'Deleted', codes: [undefined] },
  { verb: 'terminate', command: TERMINATE, type: 'Failed', codes: ['terminated'] },
  // Temporal terminates an open run before it deletes it; the closer may see either.
  { verb: 'delete', command: DELETE, type: 'Failed', codes: ['history_lost', 'terminated'] },
])('$verb', ({ command, type, codes }) => {
  it('ends a job that waits, and leaves the others alone', async () => {
    const fillers = await fillServer();
    const jobId = await submitWaiting();
    await cli.run(command, { JOB_ID: jobId });
    const { lastEvent, result } = await jobs.ends(jobId, type);
    expect(codes).toContain(lastEvent.context['error_code']);
    expect(result).toMatchObject({ available: false });
    expect((await jobs.leases()).map((lease) => lease.jobId).sort()).toEqual([...fillers].sort());
    await jobs.eventsEnd(jobId, type);
    await freeServer(fillers);
    await jobs.expectFreeServer();
  });

  it('ends a job that draws: its prompt is withdrawn and the job behind it is drawn', async () => {
    const [jobId, promptId] = await submitDrawing();
    const behind = await jobs.submit();
    await cli.run(command, { JOB_ID: jobId });
    const { lastEvent } = await jobs.ends(jobId, type);
    expect(codes).toContain(lastEvent.context['error_code']);
    await until('its prompt is withdrawn', () => jobs.executionsOf(promptId)[0] !== undefined);
    expect(jobs.executionsOf(promptId)).toEqual(['interrupted']);
    stack.simulator.pauseDrawing(false);
    await jobs.ends(behind, 'Succeeded');
    await jobs.eventsEnd(jobId, type);
    await jobs.expectFreeServer();
  });
});

describe('delete of a finished job', () => {
  it('leaves its result and never draws it again', async () => {
    const jobId = await jobs.submit();
    await jobs.ends(jobId, 'Succeeded');
    await cli.run(DELETE, { JOB_ID: jobId });
    const handle = stack.client.workflow.getHandle(`job-${jobId}`);
    await until(
      'Temporal has deleted it',
      () =>
        handle.describe().then(
          () => false,
          () => true,
        ),
      DELETION_MS,
    );
    await jobs.expectFreeServer();
    expect(await jobs.read(jobId)).toMatchObject({
      lastEvent: { type: 'Succeeded' },
      result: { available: true },
    });
    expect(jobs.executionsOf(promptIdFor(jobId, 1, 1))).toEqual(['success']);
  }, 180_000);
});

describe('reset', () => {
  it.each([
    { to: 'the first workflow task', command: RESET_FIRST },
    { to: 'the last workflow task', command: RESET_LAST },
  ])('to $to while it draws withdraws the prompt and draws anew', async ({ command }) => {
    const [jobId, promptId] = await submitDrawing();
    await cli.run(command, { JOB_ID: jobId });
    const again = await jobs.drawing(jobId, 2);
    stack.simulator.pauseDrawing(false);
    expect(again).not.toBe(promptId);
    await drawnAs(jobId, 2);
    expect(await jobs.read(jobId)).toMatchObject({
      lastEvent: { type: 'Succeeded' },
      result: { available: true },
    });
    expect(jobs.executionsOf(promptId)).toEqual(['interrupted']);
    expect(jobs.executionsOf(again)).toEqual(['success']);
    await jobs.expectFreeServer();
  });

  it('of a finished job to the first workflow task draws it again and supersedes the result', async () => {
    const jobId = await jobs.submit({ seed: 7 });
    const before = await jobs.ends(jobId, 'Succeeded');
    await cli.run(RESET_FIRST, { JOB_ID: jobId });
    await drawnAs(jobId, 2);
    expect(await jobs.read(jobId)).toMatchObject({
      lastEvent: { type: 'Succeeded' },
      result: { available: true, seed: 7 },
    });
    expect(before.result).toMatchObject({ seed: 7 });
    for (const runIndex of [1, 2])
      expect(jobs.executionsOf(promptIdFor(jobId, runIndex, 1))).toEqual(['success']);
    await jobs.expectFreeServer();
  });

  it('of a finished job to the last workflow task stores the result again and draws nothing', async () => {
    const jobId = await jobs.submit();
    await jobs.ends(jobId, 'Succeeded');
    await cli.run(RESET_LAST, { JOB_ID: jobId });
    await drawnAs(jobId, 2);
    const { result } = await jobs.read(jobId);
    expect(result).toMatchObject({ available: true });
    const { blobUrl } = result as { blobUrl: string };
    expect((await fetch(blobUrl)).status).toBe(200);
    expect(jobs.executionsOf(promptIdFor(jobId, 2, 1))).toEqual([]);
    await jobs.expectFreeServer();
  });

  it('draws a job that was cancelled', async () => {
    const [jobId] = await submitDrawing();
    await cli.run(CANCEL, { JOB_ID: jobId });
    await jobs.ends(jobId, 'Deleted');
    stack.simulator.pauseDrawing(false);
    await cli.run(RESET_FIRST, { JOB_ID: jobId });
    await drawnAs(jobId, 2);
    await jobs.expectFreeServer();
  });

  it('draws a job that was terminated before any placer had taken its claim', async () => {
    const fillers = await fillServer();
    for (let held = 0; held < 2 * placerCount; held += 1) fillers.push(await submitWaiting());
    const jobId = await submitWaiting();
    expect((await runOf(jobId)).runIndex).toBe(0);
    await cli.run(TERMINATE, { JOB_ID: jobId });
    await jobs.ends(jobId, 'Failed');
    await cli.run(RESET_FIRST, { JOB_ID: jobId });
    await freeServer(fillers);
    await drawnAs(jobId, 2);
    await jobs.expectFreeServer();
  });
});

describe('the runbook', () => {
  it('has no command that these tests do not run', () => {
    expect(cli.unused()).toEqual([]);
  });
});
