/** Answers that show jobs: what all calls of `/v1/consumer/jobs` share. */
import type { Context } from 'hono';
import type { Caller, JobSelector } from '../client/verbs.ts';
import { jobStatusCollection } from '../contract/v1/job-status.ts';
import type { StatusOptions } from '../contract/v1/status-options.ts';
import { tokenOf } from '../contract/v1/token.ts';
import { createFleetView, type FleetView } from '../db/fleet-view.ts';
import type { JobRow } from '../db/job-row.ts';
import { isTerminal } from '../domain/job.ts';
import { blobKeyFor } from '../storage/keys.ts';
import { createBlobLinks, createUploadLinks, publicBase } from './blob-links.ts';
import type { ApiDeps, ApiEnv } from './deps.ts';
import { createWaitView } from './wait-view.ts';

export const JOBS_TAG = 'Jobs (v1)';
export const JOBS_PATH = '/v1/consumer/jobs';
export const JOB_PATH = `${JOBS_PATH}/{jobId}`;

export interface JobAnswers {
  /** The fleet as the calls see it. */
  readonly fleet: FleetView;
  readonly linksFor: ReturnType<typeof createBlobLinks>;
  /** What statuses of these rows are made with. */
  options(
    c: Context<ApiEnv>,
    rows: readonly JobRow[] | 'new',
    isDetailed: boolean,
  ): Promise<StatusOptions>;
  /** The collection as an answer, under the token of the selector where there is one. */
  collection(
    c: Context<ApiEnv>,
    rows: readonly JobRow[],
    isDetailed: boolean,
    status: 200 | 202,
    selector?: JobSelector,
  ): Promise<Response>;
  /** The jobs as they are when all have ended, or when the time is up. */
  waited(c: Context<ApiEnv>, caller: Caller, jobs: readonly JobRow[]): Promise<readonly JobRow[]>;
}

/** 200 when all have ended. */
export const statusOf = (rows: readonly JobRow[]): 200 | 202 =>
  rows.every((row) => isTerminal(row.state)) ? 200 : 202;

/** Made once for all calls: they share one look at the fleet and the queue. */
export function createJobAnswers(deps: ApiDeps): JobAnswers {
  const { config, orchestrator, now } = deps;
  const fleet = createFleetView(
    () => deps.fleet.readFleet(),
    () => now().getTime(),
  );
  const waitsOf = createWaitView({ ...deps, fleet });
  const linksFor = createBlobLinks(deps.signer, config.PUBLIC_URL);
  const uploadLinks = createUploadLinks(deps.signer, config.PUBLIC_URL);

  /** Of drawings that take longer than a second, which are the only ones reported. */
  const progressOf = async (rows: readonly JobRow[]): Promise<StatusOptions['progress']> => {
    const before = now().getTime() - 1_000;
    const drawn = rows.filter(
      ({ state, claimedAt }) => state === 'running' && claimedAt && claimedAt.getTime() < before,
    );
    return deps.progress.findProgress(drawn.map((row) => row.id));
  };

  /** Files that tasks show; other jobs know their own. */
  const taskBlobsOf = async (rows: readonly JobRow[]): Promise<StatusOptions['taskBlobs']> => {
    const ids = rows.flatMap(({ taskResult }) => taskResult?.blobs.map(({ id }) => id) ?? []);
    const [first] = rows;
    return first && ids.length > 0 ? deps.blobs.listBlobs(first.tenant, ids) : new Map();
  };

  const options: JobAnswers['options'] = async (c, rows, isDetailed) => ({
    detailed: isDetailed,
    resultShape: config.RESULT_SHAPE,
    providerName: config.PROVIDER_NAME,
    timeLimits: config.TIME_LIMITS ?? {},
    blobUrl: linksFor(c),
    uploadUrl: uploadLinks(c),
    taskBlobs: await taskBlobsOf(rows === 'new' ? [] : rows),
    expectedBlobKey: blobKeyFor,
    progress: await progressOf(rows === 'new' ? [] : rows),
    previewUrl: (jobId) => `${publicBase(c, config.PUBLIC_URL)}${JOBS_PATH}/${jobId}/preview`,
    waiting: await waitsOf(rows),
    graphs: isDetailed && rows !== 'new' ? await deps.graphs.findGraphs(rows) : new Map(),
    now: now(),
  });

  return {
    fleet,
    linksFor,
    options,
    async collection(c, rows, isDetailed, status, selector) {
      const shown = await options(c, rows, isDetailed);
      return c.json(jobStatusCollection(rows, shown, selector && tokenOf(selector)), status);
    },
    waited: (c, caller, jobs) =>
      orchestrator.waitForJobs(caller, jobs, config.WAIT_LIMIT_MS, c.req.raw.signal),
  };
}
