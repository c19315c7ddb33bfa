/** Signatures of the activities, for workflows (`import type` only) and for the factories that implement them. */
import type { CallbackInput, CallbackTurn } from '../domain/callback.ts';
import type {
  CollectResult,
  FinishInput,
  HoldInput,
  Lease,
  PreparedPrompt,
  RescuedResult,
  Salvage,
  SubmitReceipt,
} from '../domain/job.ts';
import type { TaskResult } from '../domain/task.ts';
import type { TextOutput } from '../domain/text-result.ts';

export interface ClaimInput {
  readonly jobId: string;
  readonly tenant: string;
  readonly pool: string;
  readonly attempt: number;
  /** W3C traceparent. */
  readonly traceId: string;
  /** 1 (first) to 5. */
  readonly priority: number;
  /** Lease of the attempt before, when it is proven that its prompt is gone. */
  readonly release?: Lease;
  /** Lease of the attempt before, when nobody answered for its server: its prompt may still be there. */
  readonly abandoned?: Lease;
  /** Servers that went down while they drew this job, each once. */
  readonly suspectedOf?: readonly string[];
}

/** On `gpu-<pool>`, executed by the placer. */
export interface PlacementActivities {
  claim(input: ClaimInput): Promise<Lease>;
}

/** On `cpu`. */
export interface CpuActivities {
  prepare(lease: Lease): Promise<PreparedPrompt>;
}

export interface TaskInput {
  readonly jobId: string;
  readonly tenant: string;
  /** W3C traceparent. */
  readonly traceId: string;
  /** Tries that may fail at an address that the client named. */
  readonly maxAttempts: number;
  /** How long one of them may take; absent for the limit of the class. */
  readonly timeoutMs?: number;
}

/** On `tasks`. */
export interface TaskActivities {
  runTask(input: TaskInput): Promise<TaskResult>;
}

export interface SubmitInput {
  readonly lease: Lease;
  readonly prepared: PreparedPrompt;
  readonly traceId: string;
}

export interface CollectInput {
  readonly lease: Lease;
  readonly receipt: SubmitReceipt;
  readonly outputPrefix: string;
  readonly expectedOutputs: number;
  readonly serverLostAfterMs: number;
  /** How long the drawing may take from its beginning. (Default: as long as the try of the activity) */
  readonly timeoutMs?: number;
  /** Its result is this text, and no file. */
  readonly text?: TextOutput;
  /** Its files are in no books of the server: they are known by their names only. */
  readonly outputExtension?: string;
}

export interface RescueInput extends Salvage {
  readonly lease: Lease;
}

export interface DeliverInput extends CallbackInput {
  /** ISO time by Temporal's clock, by which a delivery is given up. */
  readonly now: string;
}

/** On `callbacks`. */
export interface CallbackActivities {
  deliverCallbacks(input: DeliverInput): Promise<CallbackTurn>;
}

/** On `gpu-host-<server>`. */
export interface HostActivities {
  submit(input: SubmitInput): Promise<SubmitReceipt>;
  collect(input: CollectInput): Promise<CollectResult>;
  withdraw(lease: Lease): Promise<void>;
  rescue(input: RescueInput): Promise<RescuedResult | null>;
}

/** Local activities of the cpu worker: one short database transaction each. */
export interface RecordActivities {
  finish(input: FinishInput): Promise<void>;
  setHeld(input: HoldInput): Promise<void>;
  releaseLease(lease: Lease): Promise<void>;
}
