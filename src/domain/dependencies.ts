/** What a job that waits for other jobs is told, and why it ends when they do not succeed. Pure. */
import type { JobFailure, JobState } from './job.ts';
import type { Waiting } from './why-waiting.ts';

/** A job that another one waits for; without a state it is gone. */
export interface NeededJob {
  readonly id: string;
  readonly state: JobState | null;
  readonly failure?: JobFailure | null;
  readonly cost?: number;
}

const SHOWN = 3;
const MESSAGE_LENGTH = 500;

/** What becomes of a job whose needed ones are like this, or undefined while it waits. */
export function settle(
  needs: readonly NeededJob[],
  expiredAt: Date | undefined,
): 'ready' | { readonly state: 'failed' | 'expired'; readonly failure: JobFailure } | undefined {
  const lost = needs.find(
    ({ state }) => state === null || (!isOpen(state) && state !== 'succeeded'),
  );
  if (lost)
    return { state: 'failed', failure: { code: 'dependency_failed', message: lossOf(lost) } };
  const open = needs.filter(({ state }) => isOpen(state));
  if (open.length === 0) return 'ready';
  if (!expiredAt) return undefined;
  const message = `The jobs it depends on had not succeeded before ${expiredAt.toISOString()}: ${listed(open)}.`;
  return { state: 'expired', failure: { code: 'expired', message } };
}

/** Why a job has no server yet that waits for others. */
export function waitsForJobs(needs: readonly NeededJob[]): Waiting {
  const open = needs.filter(({ state }) => isOpen(state));
  const precedingCost = open.reduce((sum, { cost = 0 }) => sum + cost, 0);
  return {
    isPossible: true,
    text:
      open.length === 0
        ? 'the jobs it depends on have ended: it is about to go on'
        : `it waits for ${open.length === 1 ? 'a job' : `${open.length} jobs`} it depends on: ${listed(open)}`,
    place: { precedingJobs: open.length, precedingCost, precedingOwn: open.length },
    jobsPerHour: undefined,
    startsInMs: undefined,
  };
}

const isOpen = (state: JobState | null): boolean => state === 'queued' || state === 'running';

const listed = (needs: readonly NeededJob[]): string => {
  const names = needs.slice(0, SHOWN).map(({ id, state }) => `${id} (${state})`);
  return [...names, ...(needs.length > SHOWN ? [`${needs.length - SHOWN} more`] : [])].join(', ');
};

function lossOf({ id, state, failure }: NeededJob): string {
  const what = {
    failed: `which failed`,
    canceled: 'which was cancelled',
    expired: 'which expired',
  };
  if (state !== 'failed' && state !== 'canceled' && state !== 'expired')
    return `It depends on job ${id}, which is no longer known.`;
  const why = failure ? ` (${failure.code}: ${failure.message.slice(0, MESSAGE_LENGTH)})` : '';
  return `It depends on job ${id}, ${what[state]}${why}.`;
}
