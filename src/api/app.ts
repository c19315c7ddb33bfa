import { OpenAPIHono } from '@hono/zod-openapi';
import { OrchestratorError } from '../errors.ts';
import { blobEndpoints } from './blobs.ts';
import { callbackEndpoints } from './callbacks.ts';
import { coverageEndpoints } from './coverage.ts';
import type { ApiDeps, ApiEnv } from './deps.ts';
import { docEndpoints } from './docs.ts';
import { mountEndpoints, type Api, type Endpoint } from './endpoint.ts';
import { healthEndpoints } from './health.ts';
import { internalEndpoints } from './internal.ts';
import { jobEndpoints } from './jobs.ts';
import { requestLog } from './middleware/request-log.ts';
import { requestMetrics } from './middleware/request-metrics.ts';
import { requestSpan } from './middleware/request-span.ts';
import { trace } from './middleware/trace.ts';
import { previewEndpoints } from './previews.ts';
import { answerError } from './problem.ts';
import { quotaEndpoints } from './quota.ts';
import { resourceEndpoints } from './resources.ts';
import { uploadEndpoint } from './uploads.ts';
import { tenantCallbackEndpoints } from './tenant-callbacks.ts';
import { transferEndpoints } from './transfers.ts';
import { serverEndpoints } from './servers.ts';

/** Every endpoint there is; tests walk this list. */
export const listEndpoints = (deps: ApiDeps, api: Api): readonly Endpoint[] => [
  ...jobEndpoints(deps),
  ...callbackEndpoints(deps),
  ...tenantCallbackEndpoints(deps),
  ...coverageEndpoints(deps),
  ...previewEndpoints(deps),
  ...resourceEndpoints(deps),
  ...blobEndpoints(deps),
  uploadEndpoint(deps),
  ...serverEndpoints(deps),
  ...healthEndpoints(deps),
  ...quotaEndpoints(deps),
  ...internalEndpoints(deps),
  ...transferEndpoints(deps),
  ...docEndpoints(api),
];

/** The HTTP API, without a server around it. */
export function createApp(deps: ApiDeps): Api {
  const api = new OpenAPIHono<ApiEnv>();
  api.use(trace(deps.randomHex));
  api.use(requestSpan(deps.tracer));
  api.use(requestMetrics(deps.metrics));
  api.use(requestLog(deps.logger, deps.now));
  api.onError((error, c) => answerError(c, error, deps.logger, deps.newId));
  api.openAPIRegistry.registerComponent('securitySchemes', 'key', {
    type: 'http',
    scheme: 'bearer',
    description: 'Needed with AUTH=keys; ignored with AUTH=open',
  });
  mountEndpoints(api, deps, listEndpoints(deps, api));
  api.notFound((c) =>
    answerError(
      c,
      new OrchestratorError(
        'not_found',
        `There is nothing at ${new URL(c.req.url).pathname.slice(0, 200)}. /docs lists every call.`,
      ),
      deps.logger,
      deps.newId,
    ),
  );
  return api;
}
