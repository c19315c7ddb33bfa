/** What a v1 client posts: one job, or `{"jobs": […]}`. Unknown fields are ignored, as the original service does. */
import { z } from '@hono/zod-openapi';
import { JOB_REQUESTS } from './job-types/table.ts';

export const MAX_JOBS_PER_REQUEST = 1_000;

const JobRequest = z.union(JOB_REQUESTS);

const JobTemplateList = z
  .object({ jobs: z.array(JobRequest).min(1).max(MAX_JOBS_PER_REQUEST) })
  .openapi('JobTemplateList');

/** For the documentation; `parseJobRequests` reads the body, because it says more about what is wrong. */
export const JobRequestBody = z.union([...JOB_REQUESTS, JobTemplateList]);
