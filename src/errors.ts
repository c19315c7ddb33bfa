import type { StoredOutput } from './domain/job.ts';

/**
 * The one error family. `code` is public and stable; `retryable` says whether the same call may succeed later.
 * Translated in three places only: `api/problem.ts`, `activities/failures.ts`, `client/temporal.ts`.
 */
export const ERROR_CODES = {
  invalid_request: 400,
  malformed_json: 400,
  invalid_air: 400,
  unknown_resource: 400,
  ambiguous_resource: 400,
  resource_unavailable: 400,
  ecosystem_mismatch: 400,
  unsupported_job_type: 400,
  invalid_token: 400,
  url_refused: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  too_many_requests: 429,
  rate_limited: 429,
  quota_exceeded: 429,
  internal: 500,
  unavailable: 503,
  storage_full: 503,
  // Reasons a job ends or an attempt is repeated; they reach clients as data, not as a status.
  graph_refused: 500,
  model_missing: 500,
  execution_failed: 500,
  interrupted: 500,
  lease_lost: 500,
  prompt_lost: 500,
  server_unreachable: 500,
  server_error: 500,
  server_lost: 500,
  output_missing: 500,
  output_invalid: 500,
  attempts_exhausted: 500,
  input_unavailable: 500,
  input_invalid: 500,
  history_lost: 500,
  dependency_failed: 500,
  // A connection to an address that a client named.
  fetch_failed: 500,
  fetch_timed_out: 500,
  fetch_too_large: 500,
  terminated: 500,
  timed_out: 500,
  configuration: 500,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** One wrong field: `path` as the client wrote it (`params.steps`), `message` naming the seen value and the range. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export interface ErrorOptions {
  readonly retryable?: boolean;
  readonly cause?: unknown;
  readonly fields?: readonly FieldError[];
  /** Seconds after which a client may try again; sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** How much there is and how much may be; sent as members of the problem. */
  readonly counts?: Readonly<Record<'queued' | 'limit' | 'requested', number>>;
  /** Which quota is used up; sent as members of the problem. */
  readonly quota?: QuotaFacts;
  /** HTTP status where it is not the usual one of the code. */
  readonly status?: number;
  /** What a workflow needs to know besides the code. */
  readonly details?: FailureDetails;
}

/** A quota that a request does not fit into. */
export interface QuotaFacts {
  readonly quota: 'jobsPerDay' | 'storedBytes';
  readonly used: number;
  readonly limit: number;
  readonly requested: number;
  /** ISO 8601; absent when nothing frees it by itself. */
  readonly freesAt?: string;
}

/** Travels with a failed stage in the history. */
export interface FailureDetails {
  /** The prompt was lost before the server had begun with it: its job did no harm. */
  readonly waiting?: boolean;
  /** Files that were stored although the drawing failed. */
  readonly outputs?: readonly StoredOutput[];
}

export class OrchestratorError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly fields: readonly FieldError[];
  readonly retryAfterSeconds: number | undefined;
  readonly counts: ErrorOptions['counts'];
  readonly quota: QuotaFacts | undefined;
  readonly status: number;
  readonly details: FailureDetails | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'OrchestratorError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.fields = options.fields ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.counts = options.counts;
    this.quota = options.quota;
    this.status = options.status ?? ERROR_CODES[code];
    this.details = options.details;
  }
}

/** True for errors of this family, also across module copies. */
export const isOrchestratorError = (error: unknown): error is OrchestratorError =>
  error instanceof OrchestratorError ||
  (error instanceof Error && error.name === 'OrchestratorError' && 'code' in error);

/** Message of anything that was thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
