/** `/v1/consumer/coverage` */
import { z } from '@hono/zod-openapi';
import { Coverage, CoverageModels } from '../contract/v1/coverage.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { createModelAvailability } from './model-availability.ts';

/** Which of the named models the servers have. */
export function coverageEndpoints(deps: ApiDeps): readonly Endpoint[] {
  const availability = createModelAvailability(deps);
  return [
    endpoint({
      method: 'get',
      path: '/v1/consumer/coverage',
      access: 'tenant',
      scope: 'resources:read',
      tag: 'Coverage (v1)',
      summary: 'Ask which models can be used now',
      description:
        'From the lists of model files that the ComfyUI servers give, at most 2 seconds old. A server that does not answer or is being drained is no worker.',
      query: z.object({ model: CoverageModels }),
      repeated: ['model'],
      responses: { 200: { description: 'Availability by AIR', schema: Coverage } },
      errors: [400],
      async handle(c, { query, caller }) {
        const [availabilityOf, found] = await Promise.all([
          availability(),
          deps.resources.findResources(caller.tenant, query.model),
        ]);
        return c.json(
          Object.fromEntries(query.model.map((air) => [air, availabilityOf(found.get(air))])),
        );
      },
    }),
  ];
}
