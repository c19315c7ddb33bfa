import type { SourceJob, TaskStore } from '../db/task-store.ts';
import type { Sql } from '../db/connect.ts';
import { OrchestratorError } from '../errors.ts';

/** What a task needs of its job besides itself. */
export interface TaskJob {
  readonly jobId: string;
  readonly tenant: string;
  /** First scheduled; the same for every try. */
  readonly askedAtMs: number;
}

/** The job whose files a task is about. Throws `not_found`, and `conflict` for one that has not ended. */
export async function findEnded(
  tasks: Pick<TaskStore, 'findSource'>,
  tenant: string,
  jobId: string,
  tx?: Sql,
): Promise<SourceJob> {
  const source = await tasks.findSource(tenant, jobId, tx);
  if (!source) throw new OrchestratorError('not_found', `There is no job ${jobId}.`);
  if (source.isEnded) return source;
  throw new OrchestratorError(
    'conflict',
    `Job ${jobId} has not ended. Submit this when it has, or name that job in "dependencies".`,
  );
}
