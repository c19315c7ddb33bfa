/** A server was granted to a claim that could not say so any more, while others fill the window and wait for its room. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLeaseStore } from '../../src/db/leases.ts';
import { createRunStore } from '../../src/db/runs.ts';
import { STAGE_EVENTS, stageRank } from '../../src/domain/job.ts';
import { jobWorkflowId } from '../../src/domain/naming.ts';
import { grantRequest } from '../support/grant-request.ts';
import { postPicture, untilDrawing, untilState } from '../support/jobs.ts';
import { untilServerKnown } from '../support/server-known.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

describe('a granted job whose claim stands behind a full window', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack({ env: { COMFY_ROOM: '1', PLACEMENT_WINDOW: '1' } });
    await untilServerKnown(stack);
    stack.simulator.pauseDrawing(true);
  });
  afterAll(() => stack.stop());

  const pendingClaim = async (jobId: string) => {
    const { raw, runId } = await stack.client.workflow.getHandle(jobWorkflowId(jobId)).describe();
    const claim = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'claim');
    return claim && { runId, isInWindow: Number(claim.lastStartedTime?.seconds ?? 0) > 0 };
  };

  it('is told of its server, and is drawn once', async () => {
    const drawn = await postPicture(stack);
    await untilDrawing(stack, drawn);
    const inWindow = await postPicture(stack);
    await until('its claim is the window', async () => (await pendingClaim(inWindow))?.isInWindow);
    const granted = await postPicture(stack);
    const claim = await until('its claim waits', () => pendingClaim(granted));
    expect(claim.isInWindow).toBe(false);

    // What a placer leaves that is killed behind its grant, or whose claim moves up a level in that moment.
    await createRunStore(stack.sql).openRun(granted, claim.runId);
    const answer = await stack.sql.begin(async (tx) => {
      await tx`update servers set room = 2, room_auto = false`;
      return createLeaseStore(tx as never).grant(
        grantRequest(granted, { runId: claim.runId, serverId: 'local' }),
      );
    });
    expect(answer.outcome).toBe('granted');

    await until('it has left its claim', async () => {
      const rows =
        await stack.sql`select from jobs where id = ${granted} and stage_rank >= ${stageRank('prepare')}`;
      return rows.count > 0;
    });
    expect((await pendingClaim(inWindow))?.isInWindow).toBe(true);
    stack.simulator.pauseDrawing(false);
    for (const jobId of [drawn, inWindow, granted]) await untilState(stack, jobId, 'succeeded');
    expect(stack.simulator.executions()).toHaveLength(3);
    const events = await fetch(`${stack.url}/v1/consumer/jobs/${granted}/events`);
    const { events: shown } = (await events.json()) as { events: { stage?: string }[] };
    expect(shown.flatMap(({ stage }) => stage ?? [])).toEqual(Object.values(STAGE_EVENTS));
  });
});
