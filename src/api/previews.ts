/** `/v1/consumer/jobs/{jobId}/preview`: ours; how a drawing looks so far. */
import { z } from '@hono/zod-openapi';
import { OrchestratorError } from '../errors.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { JobParams } from './job-params.ts';

/** Endpoint of previews. */
export const previewEndpoints = ({ orchestrator, progress }: ApiDeps): readonly Endpoint[] => [
  endpoint({
    method: 'get',
    path: '/v1/consumer/jobs/{jobId}/preview',
    access: 'tenant',
    scope: 'jobs:read',
    tag: 'Jobs (v1)',
    summary: 'See a job while it is drawn',
    description:
      'The newest preview of a drawing that takes longer than a second, where the ComfyUI server makes some (`--preview-method auto`). Gone when the job ends.',
    params: JobParams,
    responses: {
      200: {
        description: 'A small JPEG, PNG or WebP',
        schema: z.any().openapi({ type: 'string', format: 'binary' }),
        mediaType: 'image/jpeg',
      },
    },
    errors: [400, 404],
    async handle(_c, { params, caller }) {
      const { id } = await orchestrator.getJob(caller, params.jobId);
      const preview = await progress.findPreview(id);
      if (!preview)
        throw new OrchestratorError(
          'not_found',
          `There is no preview of job ${id} at the moment; lastEvent.context.preview of the job says when there is one.`,
        );
      return new Response(Buffer.from(preview.bytes), {
        headers: {
          'content-type': preview.contentType,
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
          'content-security-policy': "default-src 'none'; sandbox",
        },
      });
    },
  }),
];
