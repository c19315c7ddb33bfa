/** States, stages and the values that travel through a job's Temporal history. Pure; imported by workflows. */
import type { JobClass } from './job-class.ts';
import type { TimeLimits } from './time-limits.ts';
import type { TextOutput, TextResult } from './text-result.ts';

export const JOB_STATES = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'canceled',
  'expired',
] as const;
export type JobState = (typeof JOB_STATES)[number];

export const TERMINAL_STATES = ['succeeded', 'failed', 'canceled', 'expired'] as const;
export type TerminalState = (typeof TERMINAL_STATES)[number];

export const isTerminal = (state: JobState): state is TerminalState =>
  (TERMINAL_STATES as readonly string[]).includes(state);

/** Stages in order; a row write applies only if its (run index, attempt, stage) is greater. */
export const STAGES = ['accepted', 'claim', 'prepare', 'submit', 'collect', 'finish'] as const;
export type Stage = (typeof STAGES)[number];
export const stageRank = (stage: Stage): number => STAGES.indexOf(stage);

/** Stage events of the origin; the wire shows them in an event's context. */
export const STAGE_EVENTS = {
  claim: 'CLAIMED',
  prepare: 'PROMPT_PREPARED',
  submit: 'SENT_TO_COMFY',
  collect: 'COMFY_RESULT',
} as const;
export type StageEventName = (typeof STAGE_EVENTS)[keyof typeof STAGE_EVENTS];

/** Civitai's job event types. */
export const EVENT_TYPES = [
  'Initialized',
  'Claimed',
  'Rejected',
  'LateRejected',
  'ClaimExpired',
  'Updated',
  'Failed',
  'Succeeded',
  'Expired',
  'Deleted',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Input of `jobWorkflow`: ids and routing only, never the request. */
export interface JobInput {
  readonly jobId: string;
  readonly tenant: string;
  readonly jobType: string;
  readonly jobClass: JobClass;
  readonly ecosystem: string;
  readonly pool: string;
  /** W3C traceparent. */
  readonly traceId: string;
  /** ISO time at which a job that was not claimed expires. */
  readonly expireAt: string;
  /** 1 (first) to 5. */
  readonly priority: number;
  /** Share of the tenant; absent for 1. */
  readonly fairnessWeight?: number;
  readonly maxAttempts: number;
  /** Waiting claims are rescheduled one priority level up after this long. */
  readonly priorityAgeMs: number;
  /** A server without worker or answer for this long is given up and a new attempt starts. */
  readonly serverLostAfterMs: number;
  /** How long a drawing may take from its beginning; absent for the limit of the class. */
  readonly timeoutMs?: number;
  /** Time limits of its stages that are not the usual ones. */
  readonly timeLimits?: TimeLimits;
}

/** The right to run one attempt on one server. */
export interface Lease {
  readonly jobId: string;
  /** Temporal run that holds it; an activity of another run must not use it. */
  readonly runId: string;
  readonly runIndex: number;
  readonly attempt: number;
  readonly serverId: string;
  readonly promptId: string;
  /** Why this server was chosen, in words. */
  readonly reason: string;
  readonly grantedAt: string;
  /** W3C traceparent of the job. */
  readonly traceId: string;
  /** AIR of the checkpoint; leases of older histories do not say. */
  readonly model?: string;
  /** ISO time from which the claim waited; leases of older histories do not say. */
  readonly waitingSince?: string;
}

/** What a claim answers, whoever gives the answer: the lease, and since when its job waited. */
export const claimAnswer = (lease: Lease, scheduledAtMs: number): Lease => ({
  ...lease,
  waitingSince: new Date(scheduledAtMs).toISOString(),
});

/** Bytes that are too large for a payload. */
export interface BlobRef {
  readonly ref: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** A graph, inline up to 64 KB of JSON text, else by reference; `blobKey` is the public id of the file. */
export type GraphRef =
  { readonly text: string } | { readonly blob: BlobRef; readonly blobKey: string };

/** An input file of a graph: where its bytes are stored, and the name under which the graph loads it. */
export interface InputFile {
  readonly blob: BlobRef;
  /** `<subfolder>/<name>` in the server's input folder. */
  readonly name: string;
}

export interface PreparedPrompt {
  readonly graph: GraphRef;
  readonly outputPrefix: string;
  /** Files the picture must have, in graph order; 0 when only the server will know. */
  readonly expectedOutputs: number;
  readonly durationMs: number;
  /** Input files that must be on the server before the prompt; absent for none. */
  readonly inputs?: readonly InputFile[];
  /** Its result is this text, and no file. */
  readonly text?: TextOutput;
  /** Its files are in no books of the server: they are known by their names only. */
  readonly outputExtension?: string;
}

export interface SubmitReceipt {
  readonly promptId: string;
  /** ComfyUI's answer, or what a look-up found when an earlier try had posted it. */
  readonly response: string;
  readonly reattached: boolean;
  readonly bootId: string;
  readonly submittedAt: string;
  /** Prompts that were on the server when this one was posted; absent when it was found there. */
  readonly queuedBehind?: number;
}

/** One stored output. */
export interface StoredOutput {
  readonly slot: number;
  readonly storageKey: string;
  readonly contentType: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Of a client's own graph: the file's name on the server and the node that saved it. */
  readonly name?: string;
  readonly nodeId?: string;
  readonly width?: number;
  readonly height?: number;
  /** What the file says, of a job whose result is text; a long one is in the file only. */
  readonly text?: TextResult;
}

export interface CollectResult {
  readonly outputs: readonly StoredOutput[];
  readonly queuedMs: number;
  readonly executionMs: number;
  readonly storeMs: number;
  readonly cachedNodes: number;
}

/** Where the files of an attempt would be, for whoever takes its prompt off the server. */
export interface Salvage {
  readonly outputPrefix: string;
  readonly expectedOutputs: number;
}

/** Pictures of an attempt that had been given up, found when its server was back. */
export interface RescuedResult {
  readonly attempt: number;
  readonly outputs: readonly StoredOutput[];
}

/** Why a job ended without success. */
export interface JobFailure {
  readonly code: string;
  readonly message: string;
}

/** What the finish activity writes. */
export interface FinishInput {
  readonly jobId: string;
  readonly tenant: string;
  readonly attempt: number;
  readonly lease?: Lease;
  readonly state: TerminalState;
  readonly outputs?: readonly StoredOutput[];
  readonly failure?: JobFailure;
  /** False when the prompt could not be withdrawn: the closer keeps trying and then frees the room. */
  readonly releaseLease: boolean;
  /** W3C traceparent, and ISO start of the run; older histories do not say. */
  readonly traceId?: string;
  readonly startedAt?: string;
}

/** Holds or frees a waiting job; a lease granted to this attempt in the same moment is given back. */
export interface HoldInput {
  readonly jobId: string;
  readonly attempt: number;
  readonly held: boolean;
}

/** Answer of the `status` query. */
export interface JobStatusView {
  readonly jobId: string;
  readonly stage: Stage;
  readonly held: boolean;
  readonly attempt: number;
  readonly serverId?: string;
}

/** One line of the `timeline` query. */
export interface TimelineEntry {
  readonly at: string;
  readonly stage: Stage;
  readonly text: string;
}
