import { describe, expect, it } from 'vitest';
import { check } from '../chaos/check.ts';
import type { Evidence, JobExecution } from '../chaos/evidence.ts';
import { createSchedule, type ScheduleOptions } from '../chaos/schedule.ts';

const LOST_AFTER_MS = 30_000;
const JOB = '37d9d863-7928-41c1-bc83-626c00995137';
const plan = { index: 0, seed: 1, steps: 2, prompt: 'a lighthouse', isSentTwice: false };

const execution = (change: Partial<JobExecution> = {}): JobExecution => ({
  ...{ server: 'sim-1', bootId: 'first', promptId: 'p1', startMs: 1_000, endMs: 2_000 },
  ...{ outcome: 'success', jobId: JOB, attempt: 1, hasFile: true },
  ...change,
});

/** A run in which one job succeeded and nothing is left. */
const fine: Evidence = {
  accepted: [{ plan, jobId: JOB, isCancelSent: false }],
  complaints: [],
  rows: [
    {
      ...{ id: JOB, state: 'succeeded', runIndex: 1, attempt: 1, maxAttempts: 5 },
      ...{ failure: null, promptRequest: '{}' },
    },
  ],
  leases: [],
  runs: new Map([[JOB, ['COMPLETED']]]),
  openWorkflows: [],
  answers: new Map([[JOB, { type: 'Succeeded', pictureSha256: 'aa' }]]),
  expected: new Map([[JOB, 'aa']]),
  executions: [execution()],
  strays: [],
  boots: [{ server: 'sim-1', bootId: 'first', atMs: 0 }],
  prompts: [],
  outages: [],
  callbacks: {
    told: [
      { jobId: JOB, number: 1, event: 'Claimed', state: 'delivered' },
      { jobId: JOB, number: 2, event: 'Succeeded', state: 'delivered' },
    ],
    arrivals: [
      { id: `msg_${JOB}_1_Claimed`, text: 'claimed', isAccepted: false },
      { id: `msg_${JOB}_1_Claimed`, text: 'claimed', isAccepted: true },
      { id: `msg_${JOB}_2_Succeeded`, text: 'succeeded', isAccepted: true },
      { id: `msg_${JOB}_1_Claimed`, text: 'claimed', isAccepted: true },
    ],
  },
};
const callbacks = (
  change: (all: Evidence['callbacks']) => Partial<Evidence['callbacks']>,
): Partial<Evidence> => ({ callbacks: { ...fine.callbacks, ...change(fine.callbacks) } });
const row = (change: object): Evidence['rows'] => fine.rows.map((one) => ({ ...one, ...change }));
const findings = (change: Partial<Evidence>): string =>
  check({ ...fine, ...change }, LOST_AFTER_MS).findings.join('\n');

describe('the checker of a chaos run', () => {
  it('finds nothing in a run in which nothing went wrong', () => {
    expect(findings({})).toBe('');
  });

  it.each<[string, Partial<Evidence>, string]>([
    ['an accepted job without a row', { rows: [] }, 'has no row'],
    ['a job that did not end', { rows: row({ state: 'running' }) }, 'is still running'],
    ['a cancel that nobody sent', { rows: row({ state: 'canceled' }) }, 'nobody asked'],
    ['a second job for one key', { rows: [...fine.rows, ...row({ id: 'x' })] }, 'no accepted job'],
    ['a picture that cannot be read', { answers: new Map() }, 'cannot be read'],
    ['another picture', { expected: new Map([[JOB, 'bb']]) }, 'not the one asked for'],
    ['a picture that nobody drew', { executions: [] }, 'no server drew'],
    ['another end in Temporal', { runs: new Map([[JOB, ['FAILED']]]) }, 'Temporal says FAILED'],
    ['a lease that is left', { leases: ['p1'] }, 'the lease of p1 is left'],
    ['a workflow that still runs', { openWorkflows: ['withdraw-p1'] }, 'withdraw-p1 still runs'],
    ['a prompt left on a server', { prompts: ['p1'] }, 'still on its server'],
    [
      'a callback that is lost',
      callbacks(({ arrivals }) => ({ arrivals: arrivals.slice(0, 2) })),
      'callbacks arrived as',
    ],
    [
      'callbacks in another order',
      callbacks(({ arrivals }) => ({ arrivals: arrivals.slice(2) })),
      'callbacks arrived as',
    ],
    [
      'a callback that changed between two tries',
      callbacks(({ arrivals }) => ({
        arrivals: [...arrivals, { id: `msg_${JOB}_2_Succeeded`, text: 'failed', isAccepted: true }],
      })),
      'came in two forms',
    ],
    [
      'a callback that nobody wrote',
      callbacks(({ arrivals }) => ({
        arrivals: [...arrivals, { id: `msg_${JOB}_3_Failed`, text: '', isAccepted: true }],
      })),
      'never written',
    ],
    [
      'a callback that is still to be sent',
      callbacks(({ told }) => ({ told: told.map((one) => ({ ...one, state: 'pending' })) })),
      'is pending',
    ],
    [
      'an end that is not told',
      callbacks(({ told }) => ({ told: told.slice(0, 1) })),
      'ended as Succeeded and its callbacks tell Claimed',
    ],
    [
      'two ends',
      callbacks(({ told }) => ({
        told: [...told, { jobId: JOB, number: 3, event: 'Succeeded', state: 'delivered' }],
      })),
      'several ends',
    ],
    ['a prompt of nobody', { strays: [execution()] }, 'drawn for no job'],
  ])('sees %s', (_what, change, text) => {
    expect(findings(change)).toContain(text);
  });

  it('accepts a cancelled job that was to be cancelled', () => {
    const change: Partial<Evidence> = {
      accepted: [{ plan, jobId: JOB, isCancelSent: true }],
      rows: row({ state: 'canceled' }),
      answers: new Map([[JOB, { type: 'Deleted', pictureSha256: undefined }]]),
      runs: new Map([[JOB, ['CANCELLED']]]),
      callbacks: {
        told: [{ jobId: JOB, number: 1, event: 'Deleted', state: 'delivered' }],
        arrivals: [{ id: `msg_${JOB}_1_Deleted`, text: 'deleted', isAccepted: true }],
      },
    };
    expect(findings(change)).toBe('');
  });
});

describe('the proof of a second drawing', () => {
  const again = execution({ server: 'sim-2', promptId: 'p2', attempt: 2, startMs: 60_000 });
  const reboot = { server: 'sim-1', bootId: 'second', atMs: 5_000 };
  const outage = (part: string, fromMs: number, toMs: number) =>
    ({ part, what: 'stopped', fromMs, toMs }) as const;
  const drawn = (first: Partial<JobExecution>, change: Partial<Evidence>): string =>
    findings({ executions: [execution(first), again], ...change });
  const REFUSED = 'was drawn again without need';

  it('is a restart that left no file', () => {
    const boots = [...fine.boots, reboot];
    expect(drawn({ hasFile: false, outcome: undefined }, { boots })).toBe('');
    expect(drawn({ hasFile: true }, { boots })).toContain(REFUSED);
    expect(drawn({ hasFile: false }, {})).toContain(REFUSED);
  });

  it('is a time without answer as long as SERVER_LOST_AFTER, whoever was away', () => {
    const long = outage('link to sim-1', 3_000, 40_000);
    expect(drawn({}, { outages: [long] })).toBe('');
    const [half, other] = [
      outage('simulator-sim-1', 3_000, 20_000),
      outage('worker-gpu-sim-1', 19_000, 40_000),
    ];
    expect(drawn({}, { outages: [half, other] })).toBe('');
    expect(drawn({}, { outages: [half] })).toContain(REFUSED);
    expect(drawn({}, { outages: [{ ...long, part: 'link to sim-2' }] })).toContain(REFUSED);
  });

  it('is nothing when the same process was given the same prompt twice', () => {
    const outages = [outage('link to sim-1', 3_000, 50_000)];
    expect(
      findings({ executions: [execution(), execution({ startMs: 55_000 })], outages }),
    ).toContain(REFUSED);
  });
});

describe('the schedule', () => {
  const options: ScheduleOptions = {
    ...{ seed: 3, jobs: 200, kills: 40, servers: 3, apis: 2, cpuWorkers: 2 },
    ...{ lostAfterMs: LOST_AFTER_MS, withLongOutages: true },
  };

  it('is the same for the same seed and another for another', () => {
    expect(createSchedule(options)).toEqual(createSchedule(options));
    expect(createSchedule({ ...options, seed: 4 })).not.toEqual(createSchedule(options));
  });

  it('has as many kills as asked for, of every kind of part, while jobs are left', () => {
    const { disturbances, jobs } = createSchedule(options);
    const kills = disturbances.filter(({ kind }) => kind === 'kill');
    expect(kills).toHaveLength(40);
    const parts = kills.map((kill) => ('part' in kill ? kill.part.replace(/-\d+$/, '') : ''));
    expect(new Set(parts)).toEqual(
      new Set(['temporal', 'postgres', 'api', 'worker-cpu', 'worker-gpu-sim', 'simulator-sim']),
    );
    expect(disturbances.every(({ afterEnded }) => afterEnded < 180)).toBe(true);
    expect(jobs).toHaveLength(200);
  });
});
