/** What a job type is: how its requests are read, and what jobs they ask for. */
import type { z } from '@hono/zod-openapi';
import type { MediaSource } from '../../../domain/media-source.ts';
import type { JobClass } from '../../../domain/job-class.ts';
import type { Scope } from '../../../domain/scopes.ts';
import type { JobWork } from '../../../domain/task.ts';
import type { CommonRequest } from './common-fields.ts';

/** `file`: any whose file a server can list. */
export type ModelRole =
  'model' | 'network' | 'embedding' | 'controlNet' | 'upscaler' | 'refiner' | 'graph' | 'file';

/** A resource that a request names. */
export interface ModelUse {
  /** As written. */
  readonly air: string;
  /** Where, from the job's own object. */
  readonly path: readonly (string | number)[];
  readonly role: ModelRole;
}

/** An input file that a request names. */
export interface MediaUse {
  readonly source: MediaSource;
  /** Where, from the job's own object. */
  readonly path: readonly (string | number)[];
}

/** A job whose files a request is about. */
export interface SourceUse {
  readonly jobId: string;
  /** Where, from the job's own object. */
  readonly path: readonly (string | number)[];
}

/** One job, with everything about it fixed. */
export interface MadeJob {
  readonly generation: JobWork;
  readonly ecosystem: string;
  readonly cost: number;
  /** The client's own graph, where the job has one. */
  readonly graph?: { readonly sha256: string; readonly text: string };
  /** As accepted, for `detailed=true`; common fields are added to it. */
  readonly request: Record<string, unknown>;
}

export interface MakeContext {
  /** Canonical AIR of one that the request names; all of them passed their check. */
  readonly airOf: (asked: string) => string;
  readonly randomSeed: () => number;
}

/** A request that was read and is right by itself. */
export interface AskedJob {
  readonly type: string;
  readonly jobClass: JobClass;
  readonly common: CommonRequest;
  /** Jobs that it asks for. */
  readonly count: number;
  /** The checkpoint first. */
  readonly uses: readonly ModelUse[];
  readonly media?: readonly MediaUse[];
  readonly sources?: readonly SourceUse[];
  /** What a key must be allowed to do beside submitting jobs. */
  readonly scope?: Scope;
  /** The `index`-th of its jobs; they need the same files and node classes. */
  make(index: number, context: MakeContext): MadeJob;
}

export interface JobType {
  /** `$type`. */
  readonly name: string;
  /** Other names, in lower case and without an ending. */
  readonly aliases?: readonly string[];
  readonly schema: z.ZodType;
  read(
    value: unknown,
  ): { readonly asked: AskedJob } | { readonly issues: readonly z.core.$ZodIssue[] };
}

/** A job type of the table, from its schema and what its requests ask for. */
export const defineJobType = <Request extends CommonRequest>(
  name: string,
  schema: z.ZodType<Request>,
  ask: (request: Request) => Omit<AskedJob, 'type' | 'common'>,
): JobType => ({
  name,
  schema,
  read(value) {
    const result = schema.safeParse(value);
    if (!result.success) return { issues: result.error.issues };
    return { asked: { type: name, common: result.data, ...ask(result.data) } };
  },
});
