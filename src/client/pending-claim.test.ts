import { describe, expect, it } from 'vitest';
import {
  LEASE,
  completed,
  history,
  picked,
  scheduled,
  started,
} from './hand-made-history.test-support.ts';
import { pendingClaim } from './pending-claim.ts';

const claim = (attempt: number, activityId = 'claim') =>
  scheduled('claim', activityId, { attempt });

describe('the claim that a run waits for', () => {
  it('is the one that is in the queue or with a placer', () => {
    const waiting = { activityId: 'claim', attempt: 1, scheduledAtMs: 1_001_000 };
    expect(pendingClaim(history(started, claim(1)))).toMatchObject(waiting);
    expect(pendingClaim(history(started, claim(1), picked(2)))).toMatchObject(waiting);
  });

  it('is that of the level it moved up to, or of its next attempt', () => {
    const timedOut = { activityTaskTimedOutEventAttributes: { scheduledEventId: 2 as never } };
    for (const attempt of [1, 2])
      expect(
        pendingClaim(history(started, claim(1), timedOut, claim(attempt, 'next'))),
      ).toMatchObject({ activityId: 'next', attempt });
  });

  it.each([
    ['has not asked yet', []],
    ['was answered', [claim(1), picked(2), completed(2, LEASE)]],
    [
      'asked to cancel it',
      [claim(1), { activityTaskCancelRequestedEventAttributes: { scheduledEventId: 2 as never } }],
    ],
    ['is over', [claim(1), { workflowExecutionTerminatedEventAttributes: {} }]],
    ['waits for something else', [scheduled('prepare')]],
  ])('is none when the run %s', (_, events) => {
    expect(pendingClaim(history(started, ...events))).toBeUndefined();
  });
});
