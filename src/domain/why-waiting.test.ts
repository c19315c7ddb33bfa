import { describe, expect, it } from 'vitest';
import { whyWaiting, type PoolState, type QueuedJob, type QueueFacts } from './why-waiting.ts';

const NOW = new Date('2026-01-01T12:00:00Z');
const pool: PoolState = {
  ...{ pool: 'big', servers: 2, live: 2, room: 4, used: 4, downSince: null, error: null },
};
const queued: QueuedJob = {
  ...{ pool: 'big', tenant: 'studio', level: 3, position: 0, held: false, isCanceling: false },
  createdAt: new Date(NOW.getTime() - 60_000),
  startedAt: new Date(NOW.getTime() - 59_000),
};
const ahead = {
  ...{ pool: 'big', tenant: 'studio', level: 2, jobs: 9, cost: 18, marks: [] },
};
const why = (job: Partial<QueuedJob>, facts: Partial<QueueFacts> = {}) =>
  whyWaiting(
    { ...queued, ...job },
    {
      now: NOW,
      pool,
      groups: [ahead],
      policyOf: () => ({ weight: 1, maxRunning: undefined }),
      running: 0,
      poolRate: 0.5,
      tenantRate: undefined,
      missing: undefined,
      ...facts,
    },
  );

describe('why a job waits', () => {
  it('is a busy pool, with its place and when it should start', () => {
    expect(why({})).toEqual({
      isPossible: true,
      text: "pool 'big' is busy: 4 of 4 places taken, 9 jobs ahead, about 20 s",
      place: { precedingJobs: 9, precedingCost: 18, precedingOwn: 0 },
      jobsPerHour: 1_800,
      startsInMs: 20_000,
    });
  });

  it('is told without a time while no job has ended lately', () => {
    const { text, startsInMs, jobsPerHour } = why({}, { poolRate: undefined });
    expect(text).toBe("pool 'big' is busy: 4 of 4 places taken, 9 jobs ahead");
    expect([startsInMs, jobsPerHour]).toEqual([undefined, undefined]);
  });

  it('is nothing but the choice of a server while there is room for it', () => {
    const room = { ...pool, used: 3 };
    expect(why({}, { pool: room, groups: [] })).toMatchObject({
      text: "pool 'big' has room: it is about to get a server",
      startsInMs: 0,
    });
    expect(why({}, { pool: room }).startsInMs).toBe(18_000);
  });

  it('is a pool that is down, since when and with what error', () => {
    const downSince = new Date('2026-01-01T11:59:00Z');
    const down = { ...pool, live: 0, room: 0, used: 0, downSince, error: 'connect ECONNREFUSED' };
    expect(why({}, { pool: down })).toMatchObject({
      isPossible: false,
      text: "pool 'big' is down since 2026-01-01T11:59:00.000Z: none of its 2 servers answers (connect ECONNREFUSED); it starts when one does",
      startsInMs: undefined,
    });
    expect(why({}, { pool: undefined })).toMatchObject({
      isPossible: false,
      text: "pool 'big' has no ComfyUI server yet; it starts when one answers",
    });
  });

  it('is servers that drain', () => {
    expect(why({}, { pool: { ...pool, room: 0, used: 0 } })).toMatchObject({
      isPossible: false,
      text: "pool 'big' takes nothing new: all of its servers drain",
    });
  });

  it('is a model that no server has', () => {
    const missing = 'no reachable server lists a file for urn:air:sd1:checkpoint:civitai:1@2';
    expect(why({}, { missing })).toMatchObject({ isPossible: false, text: missing });
  });

  it('is a hold, or a cancel under way', () => {
    expect(why({ held: true }).text).toContain('held');
    expect(why({ held: true, isCanceling: true }).text).toContain('being cancelled');
  });

  it('is a start that Temporal has not acknowledged', () => {
    expect(why({ startedAt: null }).text).toBe(
      'it waits for its start in Temporal, for 60 s so far',
    );
    expect(why({ startedAt: null, createdAt: NOW }).text).toContain('busy');
  });

  it('is the limit of its tenant, and then goes by the pace of that tenant', () => {
    const policyOf = () => ({ weight: 1, maxRunning: 2 });
    expect(why({}, { policyOf, running: 2, tenantRate: 0.1 })).toMatchObject({
      isPossible: true,
      text: "tenant 'studio' has 2 jobs on servers, as many as it may; 0 jobs of its own wait before this one",
      startsInMs: 10_000,
    });
    expect(why({}, { policyOf, running: 1 }).text).toContain('busy');
  });
});
