/** `GET /v1/consumer/coverage` on the wire. */
import { z } from '@hono/zod-openapi';
import { AirText } from '../air-text.ts';

/** Many more make a URL that Node's HTTP server refuses (16 KiB with all headers). */
export const MAX_COVERAGE_MODELS = 200;

export const CoverageModels = z
  .array(AirText, { error: () => 'is required: one AIR or several, as model=…&model=…' })
  .min(1)
  .max(MAX_COVERAGE_MODELS)
  .openapi({
    description: `AIRs in any spelling that names a version, at most ${MAX_COVERAGE_MODELS}; the parameter is repeated`,
    example: ['urn:air:sdxl:checkpoint:civitai:101055@128078', '@civitai/128713'],
  });

export const ProviderAssetAvailability = z
  .object({
    availability: z.enum(['Unknown', 'Unsupported', 'Unavailable', 'Available']).openapi({
      description:
        'Unknown: not in the catalogue. Unsupported: of a type or an ecosystem that no job here can use. Unavailable: no server that takes work has it. Available: `workers` servers do',
    }),
    workers: z.int().min(0),
  })
  .openapi('ProviderAssetAvailability');
export type ProviderAssetAvailability = z.infer<typeof ProviderAssetAvailability>;

export const Coverage = z
  .record(z.string(), ProviderAssetAvailability)
  .openapi('Coverage', { description: 'By AIR, spelt as it was asked for' });
