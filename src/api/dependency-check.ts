/** What the jobs of a request wait for, checked against the jobs that there are. */
import type { SubmissionNeeds } from '../client/verbs.ts';
import { formatPath } from '../contract/field-errors.ts';
import { faultsError, type ParsedJob } from '../contract/v1/parse-jobs.ts';
import type { Dependencies } from '../db/dependencies.ts';
import { isTerminal, type JobState } from '../domain/job.ts';

/** Each waits for each of a quantity, so few words can ask for very much. */
const MOST_PAIRS = 10_000;

/** One for each entry of the request. Throws `invalid_request` for unknown jobs, and for ended ones that did not succeed. */
export type DependencyCheck = (
  tenant: string,
  parsed: readonly ParsedJob[],
) => Promise<readonly SubmissionNeeds[]>;

export function createDependencyCheck(
  dependencies: Pick<Dependencies, 'listStates'>,
): DependencyCheck {
  return async (tenant, parsed) => {
    requireFew(parsed);
    const asked = parsed.flatMap(({ needs }) => needs.jobs);
    const ids = [...new Set(asked.map(({ id }) => id))];
    const states =
      ids.length > 0 ? await dependencies.listStates(tenant, ids) : new Map<string, JobState>();
    const faults = asked.flatMap(({ id, path }) => {
      const message = problemOf(id, states.get(id));
      return message === undefined ? [] : [{ code: 'invalid_request' as const, path, message }];
    });
    if (faults.length > 0) throw faultsError(faults);

    let next = 0;
    const positions = parsed.map(({ asked: { count } }) =>
      Array.from({ length: count }, () => next++),
    );
    return parsed.map(({ needs: { entries, jobs } }) => ({
      positions: entries.flatMap((entry) => positions[entry] ?? []),
      jobIds: jobs.map(({ id }) => id).filter((id) => states.get(id) !== 'succeeded'),
    }));
  };
}

function problemOf(id: string, state: JobState | undefined): string | undefined {
  if (state === undefined) return `there is no job ${id}`;
  if (!isTerminal(state) || state === 'succeeded') return undefined;
  return `job ${id} has ended as ${state}, so this one could never start`;
}

/** Before anything is looked up. */
function requireFew(parsed: readonly ParsedJob[]): void {
  let pairs = 0;
  for (const { asked, needs, path } of parsed) {
    const ofRequest = needs.entries.map((entry) => parsed[entry]?.asked.count ?? 0);
    pairs += asked.count * ofRequest.reduce((sum, count) => sum + count, needs.jobs.length);
    if (pairs <= MOST_PAIRS) continue;
    throw faultsError([
      {
        code: 'invalid_request',
        path: formatPath([...path, 'dependencies']),
        message: `with this one the request has more than ${MOST_PAIRS} pairs of a job and one that it waits for; ask for fewer, or put a single job in between`,
      },
    ]);
  }
}
