/** Each time limit of a job's stages fires, on a real Temporal; the activities are fakes that hang as they are told to. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { TIME_LIMITS_MS } from '../../src/domain/time-limits.ts';
import { createFakeStages, dawdle, fail, firstOn, hang, once } from '../support/fake-stages.ts';
import { until } from '../support/until.ts';

const stages = createFakeStages();
const { job } = stages;
beforeAll(() => stages.start(inject('temporalAddress')));
afterAll(() => stages.stop());

const tooLong = (activity: string): string =>
  expect.stringMatching(
    new RegExp(`^${activity} timed out \\(\\w+\\): one try may take 1 s and all of them 3 s\\.`),
  ) as string;

describe('a claim', () => {
  const waits = job({}, { pool: 'nobody', priority: 2, priorityAgeMs: 500 }, 6_000);
  it('that nobody takes moves up a level, and its job expires at the end of its time', async () => {
    expect(await waits.end()).toMatchObject({
      state: 'expired',
      failure: {
        code: 'expired',
        message: expect.stringMatching(/^No server took the job before 20\d\d-.*Z\./) as string,
      },
      releaseLease: true,
    });
    const levels = (await waits.scheduled('claim')).map(({ priority }) => priority?.priorityKey);
    expect(levels).toEqual([2, 1]);
  });

  const refused = job({ claim: fail('unavailable') }, {}, 2_000);
  it('whose tries all fail until then ends so as well', async () => {
    expect(await refused.end()).toMatchObject({ state: 'expired', failure: { code: 'expired' } });
    expect(refused.tries('claim').length).toBeGreaterThan(1);
  });

  const dead = job({ claim: once(hang) });
  it('whose placer is silent is given to another', async () => {
    expect(await dead.end()).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(dead.tries('claim')).toEqual(['claim 1.1', 'claim 1.2']);
  });
});

describe('prepare', () => {
  const silent = job({ prepare: once(hang) });
  it('that is silent is done again', async () => {
    expect(await silent.end()).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(silent.tries('prepare')).toEqual(['prepare 1.1', 'prepare 1.2']);
  });

  const stuck = job({ prepare: dawdle }, { timeLimits: { prepare: { one: 1_000, all: 3_000 } } });
  it('that fetches on and on is begun anew, and ends the job when all tries took too long', async () => {
    expect(await stuck.end()).toMatchObject({
      state: 'failed',
      attempt: 1,
      failure: {
        code: 'timed_out',
        message: tooLong('prepare'),
      },
      releaseLease: true,
    });
    expect(stuck.tries('prepare').length).toBeGreaterThan(1);
    expect(stuck.tries('submit')).toEqual([]);
  });

  const away = job(
    { prepare: fail('unavailable') },
    { timeLimits: { prepare: { one: 1_000, all: 3_000 } } },
  );
  it('that fails until then ends the job', async () => {
    const { state, failure } = await away.end();
    expect(state).toBe('failed');
    // Temporal knows the last failure when the time ends in a try, and not always when it ends in a pause.
    if (failure?.code === 'unavailable') expect(failure.message).toBe('not now');
    else expect(failure).toMatchObject({ code: 'timed_out', message: tooLong('prepare') });
    expect(away.tries('prepare').length).toBeGreaterThan(1);
  });
});

describe('submit', () => {
  const silent = job({ submit: once(hang) });
  it('whose worker is silent is done again on the same server, in the same attempt', async () => {
    expect(await silent.end()).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(silent.tries('submit')).toEqual(['submit 1.1', 'submit 1.2']);
  });

  const hangs = job(
    { submit: ({ lease }) => (lease?.attempt === 1 ? dawdle() : undefined) },
    { serverLostAfterMs: 2_000 },
  );
  it('that hangs makes the server lost: its prompt is looked after, a new attempt begins', async () => {
    expect(await hangs.end()).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect((await hangs.withdrawal(1)).type).toBe('withdrawWorkflow');
    expect((await hangs.scheduled('claim'))[1]).toBeDefined();
  });

  const nobody = job({ claim: firstOn('nobody') }, { serverLostAfterMs: 1_000, maxAttempts: 1 });
  it('without any worker does so too, and the last attempt says which server it was', async () => {
    const { state, failure } = await nobody.end();
    expect([state, failure?.code]).toEqual(['failed', 'attempts_exhausted']);
    expect(failure?.message).toMatch(/nobody/);
    expect(failure?.message).toMatch(/submit timed out \(\w+\): no worker or no answer/);
  });
});

describe('collect', () => {
  const silent = job({ collect: once(hang) });
  it('whose worker is silent is taken up again in the same attempt', async () => {
    expect(await silent.end()).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(silent.tries('collect')).toEqual(['collect 1.1', 'collect 1.2']);
    expect(silent.tries('submit')).toEqual(['submit 1.1']);
  });

  let leave = (): void => undefined;
  stages.before(async () => {
    ({ leave } = await stages.addHost('left'));
  });
  const left = job(
    {
      claim: firstOn('left'),
      submit: ({ lease }) => {
        if (lease?.serverId === 'left') leave();
        return undefined;
      },
    },
    { serverLostAfterMs: 3_000 },
  );
  it('without any worker makes the server lost; a new attempt draws', async () => {
    expect(await left.end()).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect(left.tries('submit')).toEqual(['submit 1.1', 'submit 2.1']);
    expect(left.tries('collect')).toEqual(['collect 2.1']);
    expect((await left.withdrawal(1)).status.name).toBe('RUNNING');
  });

  const classes = (['image', 'video', 'training'] as const).map((jobClass) => ({
    jobClass,
    usual: job({}, { jobClass }),
    slow: job(
      { collect: dawdle },
      { jobClass, timeLimits: { [jobClass]: { one: 1_000, all: 3_000 } } },
    ),
  }));
  it.each(classes)(
    'of $jobClass jobs that take too long is looked at again; then the job ends and the prompt is withdrawn',
    async ({ slow }) => {
      expect(await slow.end()).toMatchObject({
        state: 'failed',
        attempt: 1,
        failure: {
          code: 'timed_out',
          message: tooLong('collect'),
        },
        releaseLease: true,
      });
      expect(slow.tries('submit')).toEqual(['submit 1.1']);
      expect(slow.tries('collect').length).toBeGreaterThan(1);
      expect(slow.tries('withdraw')).toEqual(['withdraw 1.1']);
    },
  );

  const seconds = (duration: { seconds?: unknown } | null | undefined): number =>
    Number(duration?.seconds ?? 0);
  const limits = async (scheduled: ReturnType<typeof job>, activity: string) => {
    const [first] = await scheduled.scheduled(activity);
    return {
      one: seconds(first?.startToCloseTimeout) * 1_000,
      all: seconds(first?.scheduleToCloseTimeout) * 1_000,
    };
  };
  it.each(classes)('of $jobClass jobs has the usual limits otherwise', async (given) => {
    await given.usual.end();
    expect(await limits(given.usual, 'collect')).toEqual(TIME_LIMITS_MS[given.jobClass]);
    expect(await limits(given.usual, 'prepare')).toEqual(TIME_LIMITS_MS.prepare);
    expect(await limits(given.usual, 'submit')).toEqual({ one: 30_000, all: 60_000 });
  });
});

describe('withdraw at a cancel', () => {
  const cancelled = job({ collect: dawdle, withdraw: hang });
  stages.before(async () => {
    await until('it is drawn', () => cancelled.tries('collect')[0]);
    await cancelled.handle().cancel();
  });
  it('that hangs goes on in a run of its own, which keeps the room until then', async () => {
    expect(await cancelled.end()).toMatchObject({ state: 'canceled', releaseLease: false });
    expect((await cancelled.withdrawal(1)).status.name).toBe('RUNNING');
  });
});

describe('a task', () => {
  const task = { jobClass: 'task', jobType: 'blobGet' } as const;
  const silent = job({ runTask: once(hang) }, task);
  it('whose worker is silent is done again', async () => {
    expect(await silent.end()).toMatchObject({ state: 'succeeded' });
    expect(silent.tries('runTask')).toEqual(['runTask 1.1', 'runTask 1.2']);
  });

  const slow = job(
    { runTask: dawdle },
    { ...task, timeLimits: { task: { one: 1_000, all: 1_000 } } },
    4_000,
  );
  it('that takes too long is tried again, until the time of its job is over', async () => {
    const { state, failure } = await slow.end();
    expect([state, failure?.code]).toEqual(['expired', 'expired']);
    expect(failure?.message).toMatch(/^It was not done before 20\d\d-.*Z\. The last try: /);
    expect(slow.tries('runTask').length).toBeGreaterThan(1);
  });
});

describe('finish', () => {
  const hangs = job({ finish: once(hang) });
  it('that hangs is done again', async () => {
    expect(await hangs.end()).toMatchObject({ state: 'succeeded' });
    expect(hangs.tries('finish')).toEqual(['finish 1.1', 'finish 1.2']);
  });
});
