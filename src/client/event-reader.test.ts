import { describe, expect, it } from 'vitest';
import type { JobRow } from '../db/job-row.ts';
import type { EventSnapshot } from '../db/snapshots.ts';
import { createEventReader } from './event-reader.ts';
import type { RunHistory } from './run-history.ts';
import type { JobEvent } from './verbs.ts';

const JOB_ID = '37d9d863-7928-41c1-bc83-626c00995137';
const ACCEPTED = `${JOB_ID}:accepted`;
const ENDED = `${JOB_ID}:ended`;
const AT = new Date('2026-01-02T03:04:05.000Z');

const row = (over: Partial<JobRow> = {}): JobRow =>
  ({
    id: JOB_ID,
    type: 'textToImage',
    ecosystem: 'sd1',
    traceId: 'trace-1',
    state: 'running',
    runId: 'run-1',
    attempt: 1,
    createdAt: AT,
    changedAt: AT,
    finishedAt: null,
    failure: null,
    taint: null,
    ...over,
  }) as JobRow;

const event = (id: string, type: JobEvent['type'] = 'Initialized'): JobEvent => ({
  id,
  type,
  at: AT.toISOString(),
  attempt: 1,
  tries: 1,
  context: {},
});

const snapshot = (runId: string, runIndex: number, ...events: JobEvent[]): EventSnapshot => ({
  runId,
  runIndex,
  status: 'COMPLETED',
  events,
});

/** A run of which the start and a signal are in the history. */
const run = (runId: string, resetFrom?: RunHistory): RunHistory => ({
  runId,
  status: 'RUNNING',
  events: [
    {
      eventId: 1 as never,
      eventTime: { seconds: 1 as never, nanos: 0 },
      workflowExecutionStartedEventAttributes: {},
    },
    {
      eventId: 2 as never,
      eventTime: { seconds: 2 as never, nanos: 0 },
      workflowExecutionSignaledEventAttributes: { signalName: 'hold' },
    },
  ],
  pending: [],
  ...(resetFrom ? { resetFrom } : {}),
});

const reader = (history: RunHistory | Error | undefined, ...kept: EventSnapshot[]) =>
  createEventReader({
    snapshots: { listSnapshots: () => Promise.resolve(kept) },
    readHistory: () =>
      history instanceof Error ? Promise.reject(history) : Promise.resolve(history),
  });

const idsOf = (events: readonly JobEvent[]): string[] => events.map(({ id }) => id);

describe('the event reader', () => {
  it('reads the newest run from Temporal although a snapshot of it is there', async () => {
    const events = await reader(
      run('run-1'),
      snapshot('run-1', 1, event('run-1:old', 'Updated')),
    ).listEvents(row());
    expect(idsOf(events)).toEqual([ACCEPTED, 'run-1:2']);
  });

  it('shows the acceptance before Temporal has the run, and the same after', async () => {
    const before = await reader(undefined).listEvents(row({ state: 'queued', runId: null }));
    const after = await reader(run('run-1')).listEvents(row());
    expect(idsOf(before)).toEqual([ACCEPTED]);
    expect(after[0]).toEqual(before[0]);
    expect(after[0]?.context).toMatchObject({ trace_id: 'trace-1', job_type: 'textToImage' });
  });

  it('shows the runs before a reset from their snapshots', async () => {
    const events = await reader(
      run('run-2'),
      snapshot('run-1', 1, event('run-1:1'), event('run-1:9', 'Failed')),
    ).listEvents(row({ runId: 'run-2' }));
    expect(idsOf(events)).toEqual([ACCEPTED, 'run-1:9', 'run-2:2']);
  });

  it('shows the run before a reset from Temporal while the closer has not kept it yet', async () => {
    const events = await reader(run('run-3', run('run-2', run('run-1')))).listEvents(row());
    expect(idsOf(events)).toEqual([ACCEPTED, 'run-1:2', 'run-2:2', 'run-3:2']);
  });

  it('shows the snapshot once Temporal has no history any more', async () => {
    const end = event('run-1:9', 'Succeeded');
    const events = await reader(undefined, snapshot('run-1', 1, event('run-1:1'), end)).listEvents(
      row({ state: 'succeeded', finishedAt: AT }),
    );
    expect(events.slice(1)).toEqual([end]);
  });

  it('shows the snapshot while Temporal is away', async () => {
    const kept = snapshot('run-1', 1, event('run-1:9', 'Succeeded'));
    const events = await reader(new Error('no connection'), kept).listEvents(row());
    expect(idsOf(events)).toEqual([ACCEPTED, 'run-1:9']);
  });

  it.each([
    ['there is no snapshot', []],
    ['only an earlier run has one', [snapshot('run-0', 1, event('run-0:9', 'Failed'))]],
  ])('throws unavailable when Temporal is away and %s', async (_when, kept) => {
    await expect(
      reader(new Error('no connection'), ...kept).listEvents(row()),
    ).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });

  it('tells the end of a job that was cancelled before Temporal had it', async () => {
    const canceled = row({ state: 'canceled', runId: null, attempt: 0, finishedAt: AT });
    const events = await reader(undefined).listEvents(canceled);
    expect(events.map(({ id, type, attempt }) => [id, type, attempt])).toEqual([
      [ACCEPTED, 'Initialized', 1],
      [ENDED, 'Deleted', 1],
    ]);
    // A start that was under way may still make a run, which then finds the job over.
    expect(idsOf(await reader(run('run-1')).listEvents(canceled))).toEqual([
      ACCEPTED,
      'run-1:2',
      ENDED,
    ]);
  });

  it('tells the end of a job whose history was deleted before its snapshot was taken', async () => {
    const events = await reader(undefined).listEvents(row({ state: 'succeeded', finishedAt: AT }));
    expect(events.map(({ type }) => type)).toEqual(['Initialized', 'Succeeded']);
  });

  it('adds the end of a job whose history was lost, also after a reset', async () => {
    const failure = { code: 'history_lost', message: 'Temporal no longer knows this job.' };
    const events = await reader(
      undefined,
      snapshot('run-1', 1, event('run-1:9', 'Failed')),
    ).listEvents(row({ state: 'failed', failure, finishedAt: AT }));
    expect(idsOf(events)).toEqual([ACCEPTED, 'run-1:9', ENDED]);
    expect(events.at(-1)).toMatchObject({
      type: 'Failed',
      context: { error_code: 'history_lost', error_message: failure.message },
    });
  });

  it('adds no second end to a history that shows it', async () => {
    const events = await reader(
      undefined,
      snapshot('run-1', 1, event('run-1:9', 'Deleted')),
    ).listEvents(row({ state: 'canceled', finishedAt: AT }));
    expect(idsOf(events)).toEqual([ACCEPTED, 'run-1:9']);
  });

  it('have the taint of the job where it came in time', async () => {
    const at = (seconds: number): string => new Date(AT.getTime() + seconds * 1_000).toISOString();
    const taint = { at: at(2), reason: 'wrong', context: { ticket: 9 } };
    const events = [1, 3].map((seconds) => ({
      ...event(`run-1:${seconds}`, 'Updated'),
      at: at(seconds),
    }));
    const reader = createEventReader({
      snapshots: { listSnapshots: async () => [snapshot('run-1', 1, ...events)] },
      readHistory: async () => undefined,
    });
    const listed = await reader.listEvents(row({ taint }));
    expect(listed.map(({ id }) => id)).toEqual([
      ACCEPTED,
      'run-1:1',
      `${JOB_ID}:tainted`,
      'run-1:3',
    ]);
    expect(listed[2]).toMatchObject({
      type: 'Updated',
      at: taint.at,
      context: { tainted: true, taint_reason: 'wrong', taint_context: { ticket: 9 } },
    });
  });
});
