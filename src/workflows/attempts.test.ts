import { describe, expect, it } from 'vitest';
import type { Lease } from '../domain/job.ts';
import { createAttempts } from './attempts.ts';

const AT = '2026-11-22T10:00:00.000Z';
const lease = (attempt: number, serverId = 'a'): Lease => ({
  jobId: '37d9d863-7928-41c1-bc83-626c00995137',
  runId: 'run',
  runIndex: 1,
  attempt,
  serverId,
  promptId: '5471d64f-c8e0-57cd-9b23-3a17979a6ea1',
  reason: 'room',
  grantedAt: AT,
  traceId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
});
const lost = { code: 'prompt_lost', message: 'gone' };

describe('the attempts of a job', () => {
  it('end at the limit, and the error names servers, starts and times', () => {
    const attempts = createAttempts(2, () => AT);
    expect(attempts.failed(lease(1, 'a'), 'boot-1', lost, false)).toBe(false);
    expect(attempts.failed(lease(2, 'b'), undefined, lost, false)).toBe(true);
    expect(attempts.exhausted(lost)).toEqual({
      code: 'attempts_exhausted',
      message:
        'All 2 attempts failed; the last with prompt_lost: gone ' +
        `(attempt 1 on a (boot boot-1) at ${AT}: prompt_lost; attempt 2 on b at ${AT}: prompt_lost)`,
    });
    expect(attempts.suspectedOf()).toEqual(['a', 'b']);
  });

  it('are not counted, nor held against the job, while it only waited behind another', () => {
    const attempts = createAttempts(2, () => AT);
    for (let attempt = 1; attempt <= 20; attempt += 1)
      expect(attempts.failed(lease(attempt), 'boot', lost, true)).toBe(false);
    expect(attempts.suspectedOf()).toEqual([]);
    expect(attempts.evidence()).toMatch(/^10 earlier; .*not counted$/);
    expect(attempts.failed(lease(21), 'boot', lost, false)).toBe(false);
    expect(attempts.failed(lease(22), 'boot', lost, false)).toBe(true);
  });

  it('are counted all the same when waiting never leads anywhere', () => {
    const attempts = createAttempts(2, () => AT);
    const ends = Array.from({ length: 22 }, (_, index) =>
      attempts.failed(lease(index + 1), 'boot', lost, true),
    );
    expect(ends.indexOf(true)).toBe(21);
  });

  it('say nothing against a server that refused or finished the prompt', () => {
    const attempts = createAttempts(3, () => AT);
    attempts.failed(lease(1), 'boot', { code: 'interrupted', message: '' }, false);
    expect(attempts.suspectedOf()).toEqual([]);
  });
});
