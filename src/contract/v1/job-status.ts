/** What v1 clients read: the status of a job, made from its row. */
import { z } from '@hono/zod-openapi';
import type { JobOutput, JobRow } from '../../db/job-row.ts';
import { saysText, type Generation } from '../../domain/generation.ts';
import { isTerminal } from '../../domain/job.ts';
import { isTask } from '../../domain/task.ts';
import { BlobSlot } from './blob-slot.ts';
import { detailedJob } from './detailed-job.ts';
import { LastEvent, lastEvent, type DrawingProgress } from './last-event.ts';
import { ServiceProvider, serviceProvider } from './queue-position.ts';
import type { StatusOptions } from './status-options.ts';
import { taskSlots } from './task-result.ts';
import { encodeToken } from './token.ts';
import { wireDate } from './wire-time.ts';

export const JobStatus = z
  .object({
    job: z
      .record(z.string(), z.unknown())
      .optional()
      .openapi({ description: 'With detailed=true: the job as it was accepted' }),
    jobId: z.guid(),
    cost: z.number(),
    properties: z.record(z.string(), z.unknown()),
    result: z.union([BlobSlot, z.array(BlobSlot)]).openapi({
      description: 'An object for one output, a list otherwise (RESULT_SHAPE=array: always a list)',
    }),
    lastEvent: LastEvent,
    serviceProviders: z
      .record(z.string(), ServiceProvider)
      .optional()
      .openapi({ description: 'While the job is active; in GET by id always' }),
    scheduled: z.boolean().openapi({ description: 'True until the job has ended' }),
  })
  .openapi('JobStatus');
export type JobStatus = z.infer<typeof JobStatus>;

export const JobStatusCollection = z
  .object({
    token: z
      .string()
      .openapi({ description: 'Names these jobs in GET and DELETE /v1/consumer/jobs' }),
    jobId: z.guid().optional().openapi({ description: 'When the collection is one job' }),
    jobs: z.array(JobStatus),
  })
  .openapi('JobStatusCollection');
export type JobStatusCollection = z.infer<typeof JobStatusCollection>;

const LOCAL = 'local';

/** Status for GET by id: names the provider (`local`), as clients of that call expect. */
export const jobStatus = (row: JobRow, options: StatusOptions): JobStatus =>
  status(row, options, options.providerName ?? LOCAL, true);

/** Statuses as collections have them. */
export const jobStatuses = (rows: readonly JobRow[], options: StatusOptions): JobStatus[] =>
  rows.map((row) => status(row, options, options.providerName, false));

/**
 * Statuses with their token. The provider is left out unless one is configured: the official Python client refuses a
 * collection with a provider it does not list.
 */
export function jobStatusCollection(
  rows: readonly JobRow[],
  options: StatusOptions,
  token = encodeToken(
    rows[0]?.batchId ?? '',
    rows.map((row) => row.id),
  ),
): JobStatusCollection {
  const jobs = jobStatuses(rows, options);
  const [only, ...others] = jobs;
  return { token, ...(only && others.length === 0 ? { jobId: only.jobId } : {}), jobs };
}

function status(
  row: JobRow,
  options: StatusOptions,
  provider: string | undefined,
  showsProviders: boolean,
): JobStatus {
  const isActive = !isTerminal(row.state);
  const progress = progressOf(row, options);
  const waiting = options.waiting(row);
  const context = { ...options.context, ...(waiting ? { waiting: waiting.text } : {}) };
  const shown = result(row, options);
  const slots = [shown].flat().map(({ blobKey }) => blobKey);
  return {
    ...(options.detailed
      ? { job: detailedJob(row, slots, options.graphs, options.timeLimits) }
      : {}),
    jobId: row.id,
    cost: row.cost,
    properties: row.properties,
    result: shown,
    lastEvent: lastEvent(row, provider, context, progress),
    ...(isActive || showsProviders
      ? {
          serviceProviders: {
            [options.providerName ?? LOCAL]: serviceProvider(waiting, options.now),
          },
        }
      : {}),
    scheduled: isActive,
  };
}

/** How many files a client's own graph gives, and of what kind, is known at its end. */
const expected = (
  { id, generation }: JobRow,
  options: StatusOptions,
): { blobKey: string; available: boolean }[] =>
  generation.operation === 'comfy'
    ? []
    : [{ blobKey: options.expectedBlobKey(id, 0, extensionOf(generation)), available: false }];

const extensionOf = (generation: JobRow['generation']): string =>
  saysText(generation) ? 'json' : generation.operation === 'imageResourceTraining' ? 'bin' : 'png';

/** Of the attempt that the row shows, not of one before. */
function progressOf(row: JobRow, options: StatusOptions): DrawingProgress | undefined {
  const known = options.progress.get(row.id);
  if (!known || row.state !== 'running' || known.attempt !== row.attempt) return undefined;
  const { fraction, reportedAt: at, hasPreview } = known;
  return { fraction, at, ...(hasPreview ? { previewUrl: options.previewUrl(row.id) } : {}) };
}

function result(row: JobRow, options: StatusOptions): JobStatus['result'] {
  const { generation } = row;
  const slots = isTask(generation)
    ? taskSlots(row, generation, options)
    : drawnSlots(row, generation, options);
  const [only, ...others] = slots;
  return options.resultShape === 'auto' && only && others.length === 0 ? only : slots;
}

/** One: the nodes that train save at their end only. */
function epochsOf(
  generation: Generation,
  { blobKey, bytes }: JobOutput,
  blobUrl: string,
): Pick<BlobSlot, 'epochs'> {
  if (generation.operation !== 'imageResourceTraining') return {};
  return {
    epochs: [{ epochNumber: 1, blobName: blobKey, blobSize: bytes, blobUrl, sampleImages: [] }],
  };
}

function drawnSlots(row: JobRow, generation: Generation, options: StatusOptions): BlobSlot[] {
  const seed = generation.operation === 'textToImage' ? { seed: generation.seed } : {};
  const slots = row.outputs?.map((output): BlobSlot => {
    const { blobKey, isGone } = output;
    if (isGone) return { blobKey, available: false, ...seed };
    const link = options.blobUrl(blobKey);
    return {
      blobKey,
      available: true,
      blobUrl: link.url,
      blobUrlExpirationDate: wireDate(link.expiresAt),
      ...seed,
      ...(output.name === undefined ? {} : { name: output.name, nodeId: output.nodeId }),
      ...(output.width === undefined ? {} : { width: output.width }),
      ...(output.height === undefined ? {} : { height: output.height }),
      ...output.text,
      ...epochsOf(generation, output, link.url),
    };
  });
  return slots ?? expected(row, options).map((slot) => ({ ...slot, ...seed }));
}
