/** Checks the jobs that tasks of a request are about, before anything is accepted. */
import { formatPath } from '../contract/field-errors.ts';
import { faultsError, type ParsedJob } from '../contract/v1/parse-jobs.ts';
import type { Orchestrator } from '../client/verbs.ts';
import { isOrchestratorError } from '../errors.ts';

/** They must be the tenant's; another's is as unknown. Throws naming all that are not. */
export const createSourceCheck =
  (orchestrator: Pick<Orchestrator, 'getJobs'>) =>
  async (tenant: string, jobs: readonly ParsedJob[]): Promise<void> => {
    const named = jobs.flatMap(({ path, asked }) =>
      (asked.sources ?? []).map(({ jobId, path: inner }) => ({
        jobId,
        path: formatPath([...path, ...inner]),
      })),
    );
    if (named.length === 0) return;
    const ids = [...new Set(named.map(({ jobId }) => jobId))];
    const found = await orchestrator
      .getJobs({ tenant, traceId: '' }, { ids })
      .catch((error: unknown) => {
        if (isOrchestratorError(error) && error.code === 'not_found') return [];
        throw error;
      });
    const known = new Set(found.map(({ id }) => id));
    const faults = named
      .filter(({ jobId }) => !known.has(jobId))
      .map(({ jobId, path }) => ({
        ...{ code: 'invalid_request' as const, path },
        message: `there is no job ${jobId}`,
      }));
    if (faults.length > 0) throw faultsError(faults);
  };
