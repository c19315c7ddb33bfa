import { isTerminal, type JobState } from '../../src/domain/job.ts';
import { countRepeats, findCallbackProblems } from './check-callbacks.ts';
import type { ChaosRow, Evidence } from './evidence.ts';
import { findReruns, type Rerun } from './reruns.ts';

/** What must not be. An empty list is a passed run. */
export interface Verdict {
  readonly findings: readonly string[];
  readonly reruns: readonly Rerun[];
  /** What was counted, in the order of the report. */
  readonly counts: readonly (readonly [string, number])[];
}

const EVENT_OF: Partial<Record<JobState, string>> = {
  succeeded: 'Succeeded',
  canceled: 'Deleted',
  failed: 'Failed',
  expired: 'Expired',
};
const STATUS_OF: Partial<Record<JobState, string>> = {
  succeeded: 'COMPLETED',
  canceled: 'CANCELLED',
  failed: 'FAILED',
  expired: 'FAILED',
};

/** Compares everything with everything. */
export function check(evidence: Evidence, lostAfterMs: number): Verdict {
  const rowOf = new Map(evidence.rows.map((row) => [row.id, row]));
  const reruns = findReruns(evidence, lostAfterMs);
  const unproven = reruns.filter(({ proof }) => proof === undefined);
  const lost = evidence.accepted.flatMap((job) => {
    const problem = outcomeProblem(job.isCancelSent, rowOf.get(job.jobId));
    return problem === undefined ? [] : [`job ${job.jobId} ${problem}`];
  });
  const wrongPictures = evidence.accepted.flatMap(({ jobId }) =>
    rowOf.get(jobId)?.state === 'succeeded' ? pictureProblems(jobId, evidence) : [],
  );
  const disagreeing = evidence.accepted.flatMap(({ jobId }) => {
    const row = rowOf.get(jobId);
    return row ? disagreements(row, evidence) : [];
  });
  const callbackProblems = findCallbackProblems(
    new Map(
      evidence.accepted.flatMap(({ jobId }) => {
        const end = EVENT_OF[rowOf.get(jobId)?.state ?? 'queued'];
        return end === undefined ? [] : [[jobId, end] as const];
      }),
    ),
    evidence.callbacks,
  );
  const acceptedIds = new Set(evidence.accepted.map(({ jobId }) => jobId));
  const surplus = evidence.rows.filter(({ id }) => !acceptedIds.has(id));
  const count = (state: JobState): number =>
    evidence.rows.filter((row) => row.state === state).length;
  return {
    findings: [
      ...evidence.complaints,
      ...lost,
      ...wrongPictures,
      ...disagreeing,
      ...surplus.map(({ id }) => `row ${id} belongs to no accepted job`),
      ...unproven.map(
        ({ jobId, before, after }) =>
          `job ${jobId} was drawn again without need: attempt ${before.attempt} on ${before.server} ` +
          `(${before.outcome ?? 'cut short'}${before.hasFile ? ', a whole file is there' : ''}), then attempt ` +
          `${after.attempt} on ${after.server}${after.bootId === before.bootId ? ', which was not restarted' : ''}`,
      ),
      ...callbackProblems,
      ...evidence.strays.map(({ promptId }) => `${promptId} was drawn for no job`),
      ...evidence.leases.map((promptId) => `the lease of ${promptId} is left`),
      ...evidence.openWorkflows.map((id) => `workflow ${id} still runs`),
      ...evidence.prompts.map((promptId) => `prompt ${promptId} is still on its server`),
    ],
    reruns,
    counts: [
      ['jobs accepted', evidence.accepted.length],
      ['succeeded', count('succeeded')],
      ['cancelled as asked', count('canceled')],
      ['lost, or ended otherwise', lost.length],
      ['pictures missing or wrong', wrongPictures.length],
      ['API or Temporal disagree with the row', disagreeing.length],
      ['duplicates of a key', surplus.length + evidence.complaints.length],
      ['executions on the servers', evidence.executions.length],
      ['drawn again, with proof', reruns.length - unproven.length],
      ['drawn again without need', unproven.length],
      ['callbacks to deliver', evidence.callbacks.told.length],
      ['callbacks lost, changed or out of order', callbackProblems.length],
      ['callbacks that came again, with the same id', countRepeats(evidence.callbacks)],
      ['leases left', evidence.leases.length],
      ['workflows left open', evidence.openWorkflows.length],
      ['prompts left on servers', evidence.prompts.length],
    ],
  };
}

function outcomeProblem(isCancelSent: boolean, row: ChaosRow | undefined): string | undefined {
  if (!row) return 'was accepted and has no row';
  if (!isTerminal(row.state)) return `is still ${row.state} (attempt ${row.attempt})`;
  if (row.state === 'succeeded') return undefined;
  if (row.state === 'canceled' && isCancelSent) return undefined;
  return `ended as ${row.state}: ${row.failure?.code ?? 'nobody asked'} ${row.failure?.message ?? ''}`;
}

function pictureProblems(jobId: string, { answers, expected, executions }: Evidence): string[] {
  const seen = answers.get(jobId)?.pictureSha256;
  if (seen === undefined) return [`the picture of ${jobId} cannot be read`];
  if (seen !== expected.get(jobId)) return [`the picture of ${jobId} is not the one asked for`];
  if (!executions.some((one) => one.jobId === jobId))
    return [`${jobId} has a picture that no server drew`];
  return [];
}

function disagreements({ id, state }: ChaosRow, { answers, runs }: Evidence): string[] {
  const said = answers.get(id)?.type;
  const statuses = runs.get(id) ?? [];
  // A cancel may come before the start: then there is no run, or it is closed before its first step.
  const wanted = STATUS_OF[state];
  const runFits =
    statuses.length === 1 ? statuses[0] === wanted : state === 'canceled' && !statuses.length;
  return [
    ...(said === EVENT_OF[state]
      ? []
      : [`job ${id} is ${state} and the API says ${said ?? 'nothing'}`]),
    ...(runFits
      ? []
      : [`job ${id} is ${state} and Temporal says ${statuses.join(', ') || 'nothing'}`]),
  ];
}
