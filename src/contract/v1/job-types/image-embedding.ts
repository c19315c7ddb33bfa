/** `imageEmbedding`: a picture as the numbers of an image encoder. */
import { z } from '@hono/zod-openapi';
import { commonFields } from './common-fields.ts';
import { defineJobType } from './job-type.ts';
import { hasOneSource, mediaSourceFields, mediaSourceOf, ONE_SOURCE } from './media-source.ts';
import { sayText } from './say-text.ts';

const ImageEmbeddingRequest = z
  .object({
    $type: z.string().nullish().openapi({ example: 'imageEmbedding' }),
    ...mediaSourceFields,
    ...commonFields,
  })
  .refine(hasOneSource, { error: () => ONE_SOURCE })
  .openapi('ImageEmbeddingJobRequest');

export const imageEmbedding = defineJobType('imageEmbedding', ImageEmbeddingRequest, (request) =>
  sayText(mediaSourceOf(request), {}, (image) => ({ operation: 'imageEmbedding', image })),
);
