/** What all job types have in common that need no server. */
import type { z } from '@hono/zod-openapi';
import type { Scope } from '../../../domain/scopes.ts';
import { NO_ECOSYSTEM, type Task } from '../../../domain/task.ts';
import type { CommonRequest } from './common-fields.ts';
import { defineJobType, type JobType, type MediaUse, type SourceUse } from './job-type.ts';

export interface TaskDefinition<Request> {
  /** Other names that `$type` may have, in lower case and without an ending. */
  readonly aliases?: readonly string[];
  readonly scope: Scope;
  /** Its own fields as they were accepted, for `detailed=true`. */
  fields(request: Request): Record<string, unknown>;
  media?(request: Request): readonly MediaUse[];
  sources?(request: Request): readonly SourceUse[];
  task(request: Request): Task;
}

/** A job type whose jobs are tasks: one a request, without cost. */
export const defineTask = <Request extends CommonRequest>(
  name: string,
  schema: z.ZodType<Request>,
  { aliases = [], scope, fields, media, sources, task }: TaskDefinition<NoInfer<Request>>,
): JobType => ({
  ...defineJobType(name, schema, (request) => ({
    jobClass: 'task',
    count: 1,
    uses: [],
    media: media?.(request) ?? [],
    sources: sources?.(request) ?? [],
    scope,
    make: () => ({
      generation: task(request),
      ecosystem: NO_ECOSYSTEM,
      cost: 0,
      request: { $type: name, ...fields(request) },
    }),
  })),
  aliases,
});
