import { describe, expect, it } from 'vitest';
import { projectEvents } from './event-projection.ts';
import {
  CLAIMED,
  LEASE,
  TRACE,
  applicationFailure,
  completed,
  history,
  picked,
  scheduled,
  started,
  type Attributes,
} from './hand-made-history.test-support.ts';

const RUN = 'run-1';

const shapes = (events: ReturnType<typeof projectEvents>): [string, string][] =>
  events.map(({ id, type }) => [id, type]);

describe('projectEvents', () => {
  it('shows the four stages with attempt, worker, server, trace and measured durations', () => {
    const events = projectEvents(
      RUN,
      history(
        started,
        ...CLAIMED,
        scheduled('prepare'),
        picked(5),
        completed(5, { graph: { text: '{"1":{}}' } }),
        scheduled('submit'),
        picked(8),
        completed(8, { promptId: 'prompt-1', response: '{"number":1}', reattached: false }),
        scheduled('collect'),
        picked(11),
        completed(11, {
          outputs: [{ slot: 0, storageKey: 'secret/path', contentType: 'image/png', bytes: 3 }],
          queuedMs: 1,
          executionMs: 2,
          storeMs: 3,
          cachedNodes: 0,
        }),
        { workflowExecutionCompletedEventAttributes: {} },
      ),
    );
    expect(events.map(({ type, stage }) => [type, stage])).toEqual([
      ['Initialized', undefined],
      ['Claimed', 'CLAIMED'],
      ['Updated', 'PROMPT_PREPARED'],
      ['Updated', 'SENT_TO_COMFY'],
      ['Updated', 'COMFY_RESULT'],
      ['Succeeded', undefined],
    ]);
    for (const { context } of events)
      expect(context).toMatchObject({
        trace_id: TRACE,
        job_type: 'textToImage',
        ecosystems: 'sd1',
      });
    expect(events[1]).toMatchObject({
      id: 'run-1:4',
      at: '1970-01-01T00:16:43.000Z',
      attempt: 1,
      tries: 1,
      worker: 'worker-1',
      serverId: 'gpu-a',
      context: {
        prompt_id: 'prompt-1',
        placement: 'it is free',
        queued_ms: 1000,
        duration_ms: 1000,
      },
    });
    expect(events[2]?.context).toMatchObject({ comfy_prompt_request: '{"1":{}}' });
    expect(events[3]?.context).toMatchObject({ comfy_prompt_response: '{"number":1}' });
    expect(events[4]?.context).toMatchObject({ comfy_execution_ms: 2, store_ms: 3 });
    expect(JSON.stringify(events)).not.toContain('secret/path');
  });

  it('names the blob of a graph that is too large for the history', () => {
    const [, , prepared] = projectEvents(
      RUN,
      history(
        started,
        ...CLAIMED,
        scheduled('prepare'),
        picked(5),
        completed(5, { graph: { blob: { ref: 'graphs/1.json' }, blobKey: 'KEY.json' } }),
      ),
    );
    expect(prepared?.context).toMatchObject({ comfy_prompt_request_blob: 'KEY.json' });
    expect(prepared?.context).not.toHaveProperty('comfy_prompt_request');
  });

  it('shows a pending retry under the id it keeps when the activity closes', () => {
    const waiting = history(started, ...CLAIMED, scheduled('submit', 'submit-1'));
    const lastFailure = applicationFailure('server_unreachable', 'no answer');
    const pending = projectEvents(RUN, waiting, [
      {
        activityId: 'submit-1',
        attempt: 3,
        lastFailure,
        lastWorkerIdentity: 'worker-2',
        lastStartedTime: { seconds: 1_005 as never, nanos: 0 },
      },
    ]);
    const retry = {
      id: 'run-1:5',
      type: 'Updated',
      tries: 3,
      context: {
        stage: 'submit',
        retried: true,
        error_code: 'server_unreachable',
        error_message: 'no answer',
      },
    };
    expect(pending.at(-1)).toMatchObject({ ...retry, worker: 'worker-2' });
    const closed = projectEvents(RUN, [
      ...waiting,
      ...history(
        ...Array<Attributes>(5).fill({}),
        picked(5, { attempt: 3, lastFailure }),
        completed(5, { promptId: 'prompt-1', response: '{}' }),
      ).slice(5),
    ]);
    expect(closed.slice(0, pending.length)).toMatchObject([
      ...pending.slice(0, -1),
      { ...retry, worker: 'worker-1' },
    ]);
    expect(closed.at(-1)).toMatchObject({ id: 'run-1:7', stage: 'SENT_TO_COMFY', tries: 3 });
  });

  it('gives a retry to the activity with its id when two of a name are open', () => {
    const events = projectEvents(
      RUN,
      history(started, scheduled('claim', '1'), scheduled('claim', '2')),
      [{ activityId: '2', activityType: { name: 'claim' }, attempt: 2 }],
    );
    expect(shapes(events)).toEqual([
      ['run-1:1', 'Initialized'],
      ['run-1:3', 'Updated'],
    ]);
  });

  it('shows no event for a first try that is still under way', () => {
    const events = projectEvents(RUN, history(started, scheduled('claim')), [
      { activityId: 'claim', activityType: { name: 'claim' }, attempt: 1 },
    ]);
    expect(shapes(events)).toEqual([['run-1:1', 'Initialized']]);
  });

  it('keeps the id of a pending retry when the activity ends between two tries', () => {
    const events = projectEvents(
      RUN,
      history(started, ...CLAIMED, scheduled('submit'), {
        activityTaskCanceledEventAttributes: { scheduledEventId: 5 as never },
      }),
    );
    expect(events.at(-1)).toMatchObject({
      id: 'run-1:5',
      context: { stage: 'submit', outcome: 'canceled' },
    });
  });

  it('keeps the id of a pending retry when the run is terminated', () => {
    const events = projectEvents(
      RUN,
      history(started, ...CLAIMED, scheduled('collect'), {
        workflowExecutionTerminatedEventAttributes: { reason: 'stuck' },
      }),
    );
    expect(shapes(events).slice(2)).toEqual([
      ['run-1:5', 'Updated'],
      ['run-1:6', 'Failed'],
    ]);
    expect(events.at(-2)?.context).toMatchObject({ stage: 'collect', outcome: 'left open' });
    expect(events.at(-1)?.context).toMatchObject({
      error_code: 'terminated',
      error_message: 'stuck',
    });
  });

  it('tells failed, timed out and cancelled activities apart, with the innermost error code', () => {
    const fail = (scheduledEventId: number): Attributes => ({
      activityTaskFailedEventAttributes: {
        scheduledEventId: scheduledEventId as never,
        failure: {
          message: 'Activity task failed',
          cause: applicationFailure('graph_refused', 'node 4'),
        },
      },
    });
    const events = projectEvents(
      RUN,
      history(
        started,
        scheduled('submit', 'a'),
        picked(2),
        fail(2),
        scheduled('collect', 'b'),
        picked(5),
        {
          activityTaskTimedOutEventAttributes: {
            scheduledEventId: 5 as never,
            failure: { message: 'timed out', timeoutFailureInfo: { timeoutType: 4 } },
          },
        },
        scheduled('collect', 'c'),
        picked(8),
        { activityTaskCanceledEventAttributes: { scheduledEventId: 8 as never } },
      ),
    );
    expect(
      events.slice(1).map(({ context }) => [context['outcome'], context['error_code']]),
    ).toEqual([
      ['failed', 'graph_refused'],
      ['timed out', 'TimeoutFailure'],
      ['canceled', undefined],
    ]);
  });

  it('counts what comes before the next claim to the attempt before it', () => {
    const events = projectEvents(
      RUN,
      history(
        started,
        ...CLAIMED,
        scheduled('collect'),
        picked(5),
        {
          activityTaskFailedEventAttributes: {
            scheduledEventId: 5 as never,
            failure: applicationFailure('prompt_lost', 'restarted'),
          },
        },
        scheduled('claim', 'claim-2'),
        picked(8),
        completed(8, { ...LEASE, attempt: 2, serverId: 'gpu-b' }),
      ),
    );
    expect(events.map(({ attempt, serverId }) => [attempt, serverId])).toEqual([
      [1, undefined],
      [1, 'gpu-a'],
      [1, 'gpu-a'],
      [2, 'gpu-b'],
    ]);
  });

  it.each<[string, Attributes, string, Record<string, unknown>]>([
    ['success', { workflowExecutionCompletedEventAttributes: {} }, 'Succeeded', {}],
    [
      'failure',
      {
        workflowExecutionFailedEventAttributes: {
          failure: applicationFailure('execution_failed', 'out of memory'),
        },
      },
      'Failed',
      { error_code: 'execution_failed', error_message: 'out of memory' },
    ],
    [
      'expiry',
      {
        workflowExecutionFailedEventAttributes: {
          failure: applicationFailure('expired', 'no server'),
        },
      },
      'Expired',
      { error_code: 'expired' },
    ],
    ['cancel', { workflowExecutionCanceledEventAttributes: {} }, 'Deleted', {}],
    ['time-out', { workflowExecutionTimedOutEventAttributes: {} }, 'Expired', {}],
  ])('ends with the event of a %s', (_name, attributes, type, context) => {
    const events = projectEvents(RUN, history(started, attributes));
    expect(events.at(-1)).toMatchObject({ id: 'run-1:2', type, context });
  });

  it('shows signals and cancel requests', () => {
    const events = projectEvents(
      RUN,
      history(
        started,
        { workflowExecutionSignaledEventAttributes: { signalName: 'hold' } },
        { workflowExecutionCancelRequestedEventAttributes: {} },
      ),
    );
    expect(events.slice(1).map(({ type, context }) => [type, context])).toMatchObject([
      ['Updated', { signal: 'hold' }],
      ['Updated', { cancel_requested: true }],
    ]);
  });

  it('never drops or reorders an event as the history grows', () => {
    const whole = history(
      started,
      { workflowExecutionSignaledEventAttributes: { signalName: 'hold' } },
      scheduled('claim'),
      picked(3, { attempt: 2, lastFailure: applicationFailure('unavailable', 'no database') }),
      completed(3, LEASE),
      scheduled('submit'),
      { workflowExecutionCancelRequestedEventAttributes: {} },
      { activityTaskCanceledEventAttributes: { scheduledEventId: 6 as never } },
      { workflowExecutionCanceledEventAttributes: {} },
    );
    let shown: string[] = [];
    for (let length = 1; length <= whole.length; length += 1) {
      const ids = projectEvents(RUN, whole.slice(0, length)).map(({ id }) => id);
      expect(ids.filter((id) => shown.includes(id))).toEqual(shown);
      shown = ids;
    }
    expect(new Set(shown).size).toBe(shown.length);
  });
});
