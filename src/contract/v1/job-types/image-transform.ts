/** `imageTransform`: a control image, or a cut-out, of one picture. */
import { z } from '@hono/zod-openapi';
import { FLAT_COSTS } from '../../../domain/cost.ts';
import type { ImageTransform } from '../../../domain/generation.ts';
import { commonFields } from './common-fields.ts';
import { transformer } from './control-nets.ts';
import { defineJobType } from './job-type.ts';
import { hasOneSource, mediaSourceFields, mediaSourceOf, ONE_SOURCE } from './media-source.ts';

const DEFAULT_RESOLUTION = 512;

const ImageTransformRequest = z
  .object({
    $type: z.string().nullish().openapi({ example: 'imageTransform' }),
    transformer,
    ...mediaSourceFields,
    params: z
      .looseObject({
        resolution: z
          .int()
          .min(64)
          .max(2048)
          .nullish()
          .openapi({
            description: `Shorter side that DepthZoe and SoftedgePidinet work at (default ${DEFAULT_RESOLUTION})`,
            example: DEFAULT_RESOLUTION,
          }),
      })
      .nullish(),
    replace: z
      .boolean()
      .nullish()
      .openapi({ description: 'Ignored: the result is a new file of the job either way' }),
    destinationUrl: z
      .unknown()
      .refine((value) => value === undefined || value === null, {
        error: () =>
          'results are not sent anywhere; leave it out and fetch the blobUrl of the result',
      })
      .optional()
      .openapi({ type: 'string', description: 'Refused: fetch the result instead' }),
    ...commonFields,
  })
  .refine(hasOneSource, { error: () => ONE_SOURCE })
  .openapi('ImageTransformJobRequest');

export const imageTransform = defineJobType('imageTransform', ImageTransformRequest, (request) => {
  const { source, field } = mediaSourceOf(request);
  const generation: ImageTransform = {
    operation: 'imageTransform',
    transformer: request.transformer ?? 'Canny',
    image: source,
    resolution: request.params?.resolution ?? DEFAULT_RESOLUTION,
  };
  return {
    jobClass: 'image',
    count: 1,
    uses: [],
    media: [{ source, path: [field] }],
    make: () => ({
      generation,
      ecosystem: 'transform',
      cost: FLAT_COSTS.imageTransform,
      request: { $type: 'imageTransform', params: request.params ?? {} },
    }),
  };
});
