import type { BlobRecord } from '../../db/blobs.ts';
import type { TimeLimits } from '../../domain/time-limits.ts';
import type { JobProgress } from '../../db/job-progress.ts';
import type { Waiting } from '../../domain/why-waiting.ts';
import type { JobRow } from '../../db/job-row.ts';

/** What an answer about a job is made with, beside its row. */
export interface StatusOptions {
  readonly detailed: boolean;
  readonly resultShape: 'auto' | 'array';
  /** PROVIDER_NAME. */
  readonly providerName: string | undefined;
  /** Signed link of a blob and when it ends; `until`: a certain time. */
  readonly blobUrl: (
    blobKey: string,
    until?: Date,
  ) => { readonly url: string; readonly expiresAt: Date };
  /** Signed link for the file of a `blobUpload`. */
  readonly uploadUrl: (jobId: string, until: Date) => string;
  /** Files of tasks that are there, by public id. */
  readonly taskBlobs: ReadonlyMap<string, Pick<BlobRecord, 'width' | 'height'>>;
  /** Id an output will have, shown before it exists. */
  readonly expectedBlobKey: (jobId: string, slot: number, extension: string) => string;
  /** Graphs of comfy jobs by `graphKey`, for detailed answers. */
  readonly graphs: ReadonlyMap<string, string>;
  /** TIME_LIMITS. */
  readonly timeLimits: TimeLimits;
  /** How far running jobs are, where that is known. */
  readonly progress: ReadonlyMap<string, JobProgress>;
  readonly previewUrl: (jobId: string) => string;
  /** Why a queued job has no server yet; undefined for any other. */
  readonly waiting: (row: JobRow) => Waiting | undefined;
  readonly now: Date;
  /** Further context of the last event, where it is known. */
  readonly context?: Readonly<Record<string, unknown>>;
}
