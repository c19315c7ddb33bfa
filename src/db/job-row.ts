import type { CallbackRequest } from '../domain/callback.ts';
import type { GraphText } from './graph-text.ts';
import type { JobFailure, JobState } from '../domain/job.ts';
import type { JobClass } from '../domain/job-class.ts';
import type { Taint } from '../domain/taint.ts';
import type { JobWork, TaskResult } from '../domain/task.ts';
import type { TextResult } from '../domain/text-result.ts';

/** An output as the row keeps it; the bytes are in the blob store. */
export interface JobOutput {
  /** Public blob id. */
  readonly blobKey: string;
  readonly contentType: string;
  readonly bytes: number;
  /** Of a client's own graph: the file's name on the server and the node that saved it. */
  readonly name?: string;
  readonly nodeId?: string;
  readonly width?: number;
  readonly height?: number;
  /** What the file says, of a job whose result is text; a long one is in the file only. */
  readonly text?: TextResult;
  /** It was deleted. */
  readonly isGone?: true;
}

/** A row of `jobs`. */
export interface JobRow {
  readonly id: string;
  readonly tenant: string;
  readonly batchId: string;
  readonly position: number;
  readonly type: string;
  readonly class: JobClass;
  readonly ecosystem: string;
  readonly pool: string;
  readonly priority: number;
  readonly cost: number;
  readonly request: Record<string, unknown>;
  readonly generation: JobWork;
  readonly properties: Record<string, unknown>;
  readonly traceId: string;
  readonly maxAttempts: number;
  readonly createdAt: Date;
  readonly expireAt: Date;
  readonly startAfter: Date;
  readonly startedAt: Date | null;
  readonly cancelRequestedAt: Date | null;
  readonly state: JobState;
  readonly held: boolean;
  readonly runId: string | null;
  readonly runIndex: number;
  readonly attempt: number;
  readonly stageRank: number;
  readonly serverId: string | null;
  readonly claimedAt: Date | null;
  /** Graph of the newest attempt as JSON text; null before prepare and for graphs over 64 KB. */
  readonly promptRequest: string | null;
  readonly finishedAt: Date | null;
  readonly changedAt: Date;
  readonly outputs: readonly JobOutput[] | null;
  readonly failure: JobFailure | null;
  /** What a task has done. */
  readonly taskResult: TaskResult | null;
  readonly taint: Taint | null;
  /** Its own limit of one drawing; null for that of its class. */
  readonly timeoutMs: number | null;
  /** It waits for other jobs, and nobody starts it before. */
  readonly awaitsJobs: boolean;
}

/** What acceptance stores; everything else starts at the table's defaults. */
export type NewJobRow = Pick<
  JobRow,
  | 'id'
  | 'tenant'
  | 'batchId'
  | 'position'
  | 'type'
  | 'class'
  | 'ecosystem'
  | 'pool'
  | 'priority'
  | 'cost'
  | 'request'
  | 'generation'
  | 'properties'
  | 'traceId'
  | 'maxAttempts'
  | 'createdAt'
  | 'expireAt'
> & {
  /** The client's own graph, where the job has one. */
  readonly graph?: GraphText;
  /** The starter leaves the row alone for so long. */
  readonly startInMs: number;
  /** (Default: the limit of its class) */
  readonly timeoutMs?: number;
  readonly callback?: CallbackRequest;
  /** Jobs that must have succeeded before it starts. (Default: none) */
  readonly needs?: readonly string[];
};

/** Whether a new job waits for others. */
export const awaitsJobs = ({ needs = [] }: NewJobRow): boolean => needs.length > 0;

/** What the table's defaults say of a job that was accepted a moment ago. */
export const ACCEPTED_JOB = {
  startedAt: null,
  cancelRequestedAt: null,
  state: 'queued',
  held: false,
  runId: null,
  runIndex: 0,
  attempt: 0,
  stageRank: 0,
  serverId: null,
  claimedAt: null,
  promptRequest: null,
  finishedAt: null,
  outputs: null,
  failure: null,
  taskResult: null,
  taint: null,
} as const satisfies Partial<JobRow>;

/**
 * The row as the insert leaves it, without reading it back. Field by field: V8 copies an object of so many fields twenty times
 * slower when it is spread.
 */
export const acceptedRow = (row: NewJobRow): JobRow => ({
  id: row.id,
  tenant: row.tenant,
  batchId: row.batchId,
  position: row.position,
  type: row.type,
  class: row.class,
  ecosystem: row.ecosystem,
  pool: row.pool,
  priority: row.priority,
  cost: row.cost,
  request: row.request,
  generation: row.generation,
  properties: row.properties,
  traceId: row.traceId,
  maxAttempts: row.maxAttempts,
  createdAt: row.createdAt,
  expireAt: row.expireAt,
  startAfter: new Date(row.createdAt.getTime() + row.startInMs),
  changedAt: row.createdAt,
  timeoutMs: row.timeoutMs ?? null,
  awaitsJobs: awaitsJobs(row),
  ...ACCEPTED_JOB,
});
