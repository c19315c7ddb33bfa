/** What the core needs from the outside. Two implementations or a test fake justify an entry here. */
import type { Readable } from 'node:stream';
import type { Graph } from './domain/graphs/graph.ts';
import type { Lease } from './domain/job.ts';
import type { PreviewType } from './domain/preview.ts';
import type { GaugeReading, MetricLabels, MetricOf } from './domain/metric-catalogue.ts';

// ── Blob store ───────────────────────────────────────────────────────────────

export interface StoredBytes {
  readonly bytes: number;
  readonly sha256: string;
}

export interface BlobStat {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** Owns bytes. Keys are relative POSIX paths of `[A-Za-z0-9._-]` segments; anything else throws `invalid_request`. */
export interface BlobStore {
  /** Writes atomically and durably (temp file, fsync, rename); the same key again replaces. Throws `storage_full`. */
  put(key: string, source: Readable | Uint8Array): Promise<StoredBytes>;
  /** Bytes from `start` to `end` inclusive, or undefined when the key is absent. */
  open(key: string, range?: { start: number; end: number }): Promise<Readable | undefined>;
  stat(key: string): Promise<BlobStat | undefined>;
  /** Absent keys are no error. */
  delete(key: string): Promise<void>;
  list(): AsyncIterable<BlobStat>;
  /** Bytes that can still be written, where that can be known. */
  freeBytes(): Promise<number | undefined>;
}

/** What names a lease to those who check it. */
export type LeaseName = Pick<Lease, 'serverId' | 'promptId'>;

/**
 * The blobs as the attempts at a server use them; every call names the lease that allows it, because a store behind the
 * API asks for it. Throws `storage_full` and `unavailable` (retryable), and `lease_lost` when the lease is over.
 */
export interface AttemptBlobs {
  /** As in BlobStore. `key` is the one that derives from the lease's attempt and `slot`. */
  put(
    lease: LeaseName,
    output: { readonly key: string; readonly slot: number },
    source: Readable,
  ): Promise<StoredBytes>;
  open(lease: LeaseName, key: string): Promise<Readable | undefined>;
}

// ── Executor: what can run a graph ───────────────────────────────────────────

/** What a server says of itself. */
export interface ServerReport {
  readonly serverId: string;
  readonly reachable: boolean;
  readonly error?: string;
  readonly version?: string;
  readonly device?: string;
  readonly vramBytes?: number;
  /** Prompts that it runs and that wait on it, whoever put them there. */
  readonly running?: number;
  readonly waiting?: number;
  /** Changes when the server process was restarted, as far as that can be known. */
  readonly bootId?: string;
  /** Model folder → file names as the server lists them (`checkpoints`, `loras`, `vae`, `embeddings`, …). */
  readonly files?: Readonly<Record<string, readonly string[]>>;
  readonly nodeClasses?: readonly string[];
  /** Of the two lists. */
  readonly listsHash?: string;
}

export interface OutputFile {
  readonly nodeId: string;
  readonly filename: string;
  readonly subfolder: string;
  readonly type: 'output' | 'temp' | 'input';
}

/** Words that a node left in the server's books, such as `tags` or `text`. */
export interface OutputText {
  readonly nodeId: string;
  readonly text: string;
}

export interface Progress {
  /** 0..1, never falling within one watch. */
  readonly fraction: number;
  readonly node?: string;
}

/** A small picture of an unfinished drawing, of the kind its own bytes say. */
export interface Preview {
  readonly contentType: PreviewType;
  readonly bytes: Uint8Array;
}

/** Where a prompt stands, by the server's own books. `absent` is proof only while the boot id is unchanged. */
export type PromptState =
  | {
      readonly state: 'absent';
      /** Prompts that waited or ran on the server when it was looked for. */
      readonly others?: number;
    }
  | { readonly state: 'queued' }
  | { readonly state: 'running' }
  | {
      readonly state: 'succeeded';
      readonly outputs: readonly OutputFile[];
      /** In graph order; absent for none. */
      readonly texts?: readonly OutputText[];
      /** Milliseconds from execution_start to execution_success on the server's clock. */
      readonly executionMs: number;
      readonly cachedNodes: number;
    }
  | {
      readonly state: 'failed';
      readonly nodeId: string;
      readonly nodeType: string;
      readonly exceptionType: string;
      readonly message: string;
      /** What other nodes had written by then. */
      readonly outputs: readonly OutputFile[];
    }
  | { readonly state: 'interrupted' };

export interface WatchOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  readonly onPreview?: (preview: Preview) => void;
  /** Called with every answer of the server, also while there is no progress. */
  readonly onAnswer?: (seen: PromptState['state']) => void;
}

/**
 * One server. Errors: `graph_refused` (final, names node, class, input), `server_unreachable` and `server_error`
 * (retryable; the outcome of a submit is then unknown until looked up).
 */
export interface Executor {
  readonly serverId: string;
  /** Lists of files and nodes are those of an earlier probe, unless they are old or the server was restarted. */
  probe(signal?: AbortSignal): Promise<ServerReport>;
  /** The next probe reads the lists anew. */
  forgetLists(): void;
  /** Queue first, then history: a prompt that moves between them is never missed. */
  find(promptId: string, signal?: AbortSignal): Promise<PromptState>;
  /** Puts a file into the server's input folder as `name` (`<subfolder>/<file>`); the same again replaces it. */
  uploadInput(
    file: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> },
    signal?: AbortSignal,
  ): Promise<void>;
  /** Posts without looking first. Returns the server's answer as text. */
  submit(
    prompt: { readonly promptId: string; readonly graph: Graph; readonly traceId: string },
    signal?: AbortSignal,
  ): Promise<string>;
  /** Resolves when history says the prompt ended, or when it is absent. The socket only hastens and reports progress. */
  watch(promptId: string, options: WatchOptions): Promise<PromptState>;
  fetchOutput(file: OutputFile, signal?: AbortSignal): Promise<Readable>;
  /** Dequeues or interrupts exactly this prompt and looks until it is gone. Never touches another's. */
  withdraw(promptId: string, signal?: AbortSignal): Promise<'gone' | 'finished'>;
  bootId(signal?: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

// ── Soft state ───────────────────────────────────────────────────────────────

/** What a worker process reports of a server that it stands at. */
export interface FleetReport extends ServerReport {
  readonly pool: string;
  readonly room: 'auto' | number;
  readonly labels?: Readonly<Record<string, string>>;
  /** What it may serve; a list that is absent means everything. */
  readonly serves?: { readonly ecosystems?: readonly string[] };
  /** Several workers may stand at a server: the settings of the latest started one count. */
  readonly worker?: { readonly id: string; readonly startedAt: string };
}

export interface FleetAnswer {
  /** Its lists are not those of the report's hash: they are to be sent. */
  readonly wantsLists: boolean;
  /** Placement may now decide otherwise. */
  readonly changed: boolean;
}

/** Takes what a gpu worker sees. Nothing correct depends on a report arriving. */
export interface FleetReporter {
  report(report: FleetReport): Promise<FleetAnswer>;
  /** The server is through with this prompt: its room can be given to another job while the result is stored. */
  reportDrawn(drawn: {
    readonly serverId: string;
    readonly promptId: string;
    /** How long it drew, when it succeeded. */
    readonly drawMs?: number;
  }): Promise<void>;
  /** This worker process takes nothing new at the server. */
  leave(worker: { readonly serverId: string; readonly workerId: string }): Promise<void>;
}

export interface ProgressReport extends LeaseName {
  /** 0 to 1. */
  readonly fraction: number;
  readonly node?: string;
  /** Left out: the one before stays. */
  readonly preview?: Preview;
}

/** Takes how far a drawing is. Nothing correct depends on it. */
export interface ProgressReporter {
  reportProgress(report: ProgressReport): Promise<void>;
}

// ── Metrics ──────────────────────────────────────────────────────────────────

/** Counts and times what happens. Cheap, and never throws. */
export interface Metrics {
  count<M extends MetricOf<'counter'>>(metric: M, labels: MetricLabels<M>, by?: number): void;
  /** Seconds, unless the metric says otherwise. */
  observe<M extends MetricOf<'histogram'>>(metric: M, labels: MetricLabels<M>, value: number): void;
  /** Gauges that are read when somebody asks, at most every few seconds; a failed read leaves them out. */
  addSource(name: string, read: () => Promise<readonly GaugeReading[]>): void;
}

// ── Traces ───────────────────────────────────────────────────────────────────

/** A span of the trace that a W3C traceparent names. */
export interface SpanFacts {
  readonly name: string;
  readonly traceparent: string;
  /** 16 hex digits, where other spans have to know it; otherwise one is made up. */
  readonly id?: string;
  /** 16 hex digits of the span above; without it this one is the first of its trace. */
  readonly parentId?: string;
  /** No secrets, and nothing that a client wrote. */
  readonly attributes?: Readonly<Record<string, string | number>>;
}

/** A span that is over. */
export interface EndedSpan extends SpanFacts {
  readonly kind?: 'server';
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Error code; absent when it went well. */
  readonly error?: string;
}

/** Tells a collector what took how long. Never throws, and nothing waits for it. */
export interface Tracer {
  /** Runs work as a span; HTTP calls that it makes lie below it. Of a failure only its code is told. */
  during<T>(span: SpanFacts, run: () => Promise<T>): Promise<T>;
  note(span: EndedSpan): void;
}

// ── Logging ──────────────────────────────────────────────────────────────────

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(bindings: object): Logger;
}
