/** `lastEvent` as the row alone tells it; the full history is at `/v1/consumer/jobs/{jobId}/events`. */
import { z } from '@hono/zod-openapi';
import type { JobRow } from '../../db/job-row.ts';
import {
  EVENT_TYPES,
  isTerminal,
  STAGE_EVENTS,
  STAGES,
  type EventType,
  type JobState,
  type StageEventName,
} from '../../domain/job.ts';
import { comfySampling } from '../../domain/schedulers.ts';
import { taintContext } from '../../domain/taint.ts';
import { wireDate, wireDuration } from './wire-time.ts';

export const LastEvent = z
  .object({
    jobId: z.guid(),
    type: z.enum(EVENT_TYPES),
    dateTime: z.string().openapi({ example: '2025-09-06T18:18:42.7889903Z' }),
    provider: z.string().optional().openapi({
      description: 'In GET by id only, unless PROVIDER_NAME is set',
      example: 'local',
    }),
    workerId: z.string().optional(),
    context: z.record(z.string(), z.unknown()),
    claimDuration: z.string().optional().openapi({ example: '00:00:12.0810000' }),
    jobDuration: z.string().optional(),
    retryAttempt: z.int(),
    jobType: z.string().openapi({ example: 'TextToImageV2' }),
    jobPriority: z.int(),
    claimHasCompleted: z.boolean(),
    jobHasCompleted: z.boolean(),
  })
  .openapi('JobEventInStatus');
type LastEvent = z.infer<typeof LastEvent>;

/** `textToImage` → `textToImageV2`, the name live events carry. */
const eventJobType = (type: string): string => (type === 'textToImage' ? `${type}V2` : type);

/** The same in the casing of `jobType`. */
export const pascalJobType = (type: string): string => {
  const name = eventJobType(type);
  return name.charAt(0).toUpperCase() + name.slice(1);
};

/** What is known of a drawing under way. */
export interface DrawingProgress {
  /** 0 to 1. */
  readonly fraction: number;
  readonly at: Date;
  readonly previewUrl?: string;
}

/** The newest event of a job. */
export function lastEvent(
  row: JobRow,
  provider: string | undefined,
  further: Readonly<Record<string, unknown>>,
  progress?: DrawingProgress,
): LastEvent {
  const isEnded = isTerminal(row.state);
  // Submit and collect write no rows; that the server draws is known from its progress.
  const stage = progress ? STAGE_EVENTS.submit : newestStage(row);
  const end = row.finishedAt ?? undefined;
  const at = end ?? progress?.at ?? (row.state === 'queued' ? row.createdAt : row.changedAt);
  return {
    jobId: row.id,
    type: eventType(row.state, stage),
    dateTime: wireDate(at),
    ...(provider === undefined ? {} : { provider }),
    ...(row.serverId === null ? {} : { workerId: row.serverId }),
    context: {
      ...further,
      ...(row.serverId === null ? {} : { worker_group: row.pool }),
      job_type: eventJobType(row.type),
      ecosystems: row.ecosystem,
      ...(stage === undefined ? {} : { stage }),
      ...(progress
        ? {
            progress: Math.round(progress.fraction * 1_000) / 1_000,
            ...(progress.previewUrl === undefined ? {} : { preview: progress.previewUrl }),
          }
        : {}),
      ...(row.held ? { held: true } : {}),
      ...substitution(row),
      ...(row.taskResult?.servers ? { servers: row.taskResult.servers } : {}),
      ...(row.failure === null
        ? {}
        : { error_code: row.failure.code, error_message: row.failure.message }),
      ...taintContext(row.taint),
      ...(row.promptRequest === null ? {} : { comfy_prompt_request: row.promptRequest }),
      trace_id: row.traceId,
    },
    ...(row.claimedAt === null
      ? {}
      : { claimDuration: wireDuration(at.getTime() - row.claimedAt.getTime()) }),
    jobDuration: wireDuration(at.getTime() - row.createdAt.getTime()),
    retryAttempt: Math.max(0, row.attempt - 1),
    jobType: pascalJobType(row.type),
    jobPriority: row.priority,
    claimHasCompleted: isEnded,
    jobHasCompleted: isEnded,
  };
}

/** Says when the asked scheduler is not what ComfyUI has under that name. */
function substitution({ generation }: JobRow): Record<string, string> {
  if (generation.operation !== 'textToImage') return {};
  const { substituted } = comfySampling(generation.scheduler);
  return substituted === undefined ? {} : { scheduler_substituted: substituted };
}

function newestStage(row: JobRow): StageEventName | undefined {
  if (row.class === 'task') return undefined;
  if (row.state === 'succeeded') return STAGE_EVENTS.collect;
  const stage = STAGES[row.stageRank];
  return stage === 'claim' || stage === 'prepare' || stage === 'submit' || stage === 'collect'
    ? STAGE_EVENTS[stage]
    : undefined;
}

function eventType(state: JobState, stage: StageEventName | undefined): EventType {
  switch (state) {
    case 'queued':
      return 'Initialized';
    case 'running':
      return stage === undefined || stage === STAGE_EVENTS.claim ? 'Claimed' : 'Updated';
    case 'succeeded':
      return 'Succeeded';
    case 'failed':
      return 'Failed';
    case 'expired':
      return 'Expired';
    // The live service says Canceled, which the official Python client cannot read.
    case 'canceled':
      return 'Deleted';
  }
}
