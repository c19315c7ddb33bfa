/** Reads the body of `POST /v1/consumer/jobs`, reporting every wrong field of every job at once. */
import { OrchestratorError, type ErrorCode, type FieldError } from '../../errors.ts';
import { isAirIssue } from '../air-text.ts';
import { linkDependencies, type EntryNeeds } from './dependencies.ts';
import { fieldErrors, formatPath, shown } from '../field-errors.ts';
import { MAX_JOBS_PER_REQUEST } from './job-request.ts';
import type { AskedJob, JobType } from './job-types/job-type.ts';
import { DEFAULT_JOB_TYPE, findJobType, unsupportedTypeMessage } from './job-types/table.ts';

const MAX_REPORTED = 100;
const MAX_LIFETIME_MS = 30 * 86_400_000;

/** One job of a request, and where it stands in the body. */
export interface ParsedJob {
  readonly path: readonly (string | number)[];
  readonly asked: AskedJob;
  readonly needs: EntryNeeds;
}

interface Fault extends FieldError {
  readonly code: ErrorCode;
}

/** Throws `invalid_request`, `invalid_air` or `unsupported_job_type` with all fields; the code is that of every fault or the general one. */
export function parseJobRequests(body: unknown, now: Date): ParsedJob[] {
  if (!isObject(body))
    throw new OrchestratorError(
      'invalid_request',
      `The body must be a JSON object, a job or {"jobs": [...]}; seen ${shown(body)}.`,
    );
  const faults: Fault[] = [];
  const parsed: Omit<ParsedJob, 'needs'>[] = [];
  for (const { value, path } of jobsIn(body, faults)) {
    const result = parseJob(value, path, now);
    if (Array.isArray(result)) faults.push(...result);
    else parsed.push(result);
    if (faults.length >= MAX_REPORTED) break;
  }
  if (faults.length > 0) throw faultsError(faults);
  const total = parsed.reduce((sum, job) => sum + job.asked.count, 0);
  if (total > MAX_JOBS_PER_REQUEST)
    throw new OrchestratorError(
      'invalid_request',
      `The request asks for ${total} jobs (quantity × batchSize of all entries); the limit is ${MAX_JOBS_PER_REQUEST} a request. Send several requests.`,
      {
        fields: [
          { path: 'quantity', message: `${total} jobs in all; at most ${MAX_JOBS_PER_REQUEST}` },
        ],
      },
    );
  const linked = linkDependencies(
    parsed.map(({ path, asked: { common } }) => ({ path, ...common })),
  );
  if (linked.faults.length > 0)
    throw faultsError(linked.faults.map((fault) => ({ ...fault, code: 'invalid_request' })));
  return parsed.map((job, index) => ({
    ...job,
    needs: linked.needs[index] ?? { entries: [], jobs: [] },
  }));
}

function jobsIn(
  body: Record<string, unknown>,
  faults: Fault[],
): { value: unknown; path: (string | number)[] }[] {
  if (body['jobs'] === undefined || body['jobs'] === null) return [{ value: body, path: [] }];
  const jobs = body['jobs'];
  if (!Array.isArray(jobs) || jobs.length === 0 || jobs.length > MAX_JOBS_PER_REQUEST) {
    faults.push({
      code: 'invalid_request',
      path: 'jobs',
      message: `expected a list of 1 to ${MAX_JOBS_PER_REQUEST} jobs; seen ${shown(jobs)}`,
    });
    return [];
  }
  return jobs.map((value: unknown, index) => ({ value, path: ['jobs', index] }));
}

function parseJob(
  value: unknown,
  path: (string | number)[],
  now: Date,
): Omit<ParsedJob, 'needs'> | Fault[] {
  if (!isObject(value))
    return [
      {
        code: 'invalid_request',
        path: formatPath(path),
        message: `expected an object; seen ${shown(value)}`,
      },
    ];
  const type = jobTypeOf(value);
  if ('code' in type) return [{ ...type, path: formatPath([...path, '$type']) }];
  const result = type.read(value);
  if ('issues' in result) {
    const code = result.issues.every((issue) => isAirIssue(issue))
      ? 'invalid_air'
      : 'invalid_request';
    return fieldErrors(result.issues, value, path).map((error) => ({ ...error, code }));
  }
  const { asked } = result;
  const expiry = expiryFault(asked.common.expireAt, now);
  if (expiry !== undefined)
    return [{ code: 'invalid_request', path: formatPath([...path, 'expireAt']), message: expiry }];
  return { path, asked };
}

function jobTypeOf(value: Record<string, unknown>): JobType | Omit<Fault, 'path'> {
  const type = value['$type'];
  if (type === undefined || type === null)
    return 'params' in value || 'model' in value
      ? DEFAULT_JOB_TYPE
      : {
          code: 'invalid_request',
          message: 'is required: expected "textToImage", with "model" and "params" beside it',
        };
  const known = typeof type === 'string' ? findJobType(type) : undefined;
  return known ?? { code: 'unsupported_job_type', message: unsupportedTypeMessage(type) };
}

function expiryFault(expireAt: string | null | undefined, now: Date): string | undefined {
  if (expireAt === null || expireAt === undefined) return undefined;
  const ahead = Date.parse(expireAt) - now.getTime();
  if (ahead > 0 && ahead <= MAX_LIFETIME_MS) return undefined;
  return `expected a time within the next 30 days; seen ${shown(expireAt)}, now ${now.toISOString()}`;
}

/** An error that carries all faults; its sentence names the first ones. */
export function faultsError(faults: readonly Fault[]): OrchestratorError {
  const [first] = faults;
  const isSame = faults.every((fault) => fault.code === first?.code);
  const named = faults
    .slice(0, 3)
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  const more = faults.length > 3 ? ` (and ${faults.length - 3} more, see errors)` : '';
  return new OrchestratorError(
    isSame && first ? first.code : 'invalid_request',
    `${named.join('. ')}${more}`,
    { fields: faults.slice(0, MAX_REPORTED).map(({ path, message }) => ({ path, message })) },
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
