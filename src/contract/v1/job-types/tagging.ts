/** `wdTagging` and `mediaTagging`: names of what is on a picture. */
import { z } from '@hono/zod-openapi';
import type { Tagging } from '../../../domain/generation.ts';
import { shown } from '../../field-errors.ts';
import { commonFields } from './common-fields.ts';
import { defineJobType } from './job-type.ts';
import { hasOneMedia, mediaFields, namedMediaOf, ONE_MEDIA } from './media-source.ts';
import { sayText } from './say-text.ts';

/** Those that the node knows and fetches by itself: https://github.com/pythongosssss/ComfyUI-WD14-Tagger (pysssss.json). */
const TAGGERS = [
  ...['wd-eva02-large-tagger-v3', 'wd-vit-tagger-v3', 'wd-swinv2-tagger-v3'],
  ...['wd-convnext-tagger-v3', 'wd-v1-4-moat-tagger-v2', 'wd-v1-4-convnextv2-tagger-v2'],
  ...['wd-v1-4-convnext-tagger-v2', 'wd-v1-4-convnext-tagger', 'wd-v1-4-vit-tagger-v2'],
  ...['wd-v1-4-swinv2-tagger-v2', 'wd-v1-4-vit-tagger'],
];

/** What Civitai's own calls name (https://github.com/civitai/civitai). */
const CIVITAI_TAGGERS: ReadonlyMap<string, string> = new Map([
  ['wd14-vit.v1', 'wd-v1-4-vit-tagger'],
  ['wd14-vit.v2', 'wd-v1-4-vit-tagger-v2'],
]);

/** The defaults of the node. */
const DEFAULT_TAGGER = 'wd-v1-4-moat-tagger-v2';
const DEFAULT_THRESHOLD = 0.35;

const taggerOf = (name: string): string | undefined =>
  CIVITAI_TAGGERS.get(name) ?? TAGGERS.find((one) => one === name);

const model = z
  .string()
  .min(1)
  .max(200)
  .refine((name) => taggerOf(name) !== undefined, {
    error: ({ input }) =>
      `${shown(input)} is no tagger that is known here; use ${[...CIVITAI_TAGGERS.keys(), ...TAGGERS].join(', ')}`,
  })
  .openapi({ enum: [...CIVITAI_TAGGERS.keys(), ...TAGGERS], example: 'wd14-vit.v1' });

const WdTaggingRequest = z
  .object({
    $type: z.string().nullish().openapi({ example: 'wdTagging' }),
    model,
    ...mediaFields,
    threshold: z
      .number()
      .min(0)
      .max(1)
      .nullish()
      .openapi({ description: `Least confidence of a tag (default ${DEFAULT_THRESHOLD})` }),
    ...commonFields,
  })
  .refine(hasOneMedia, { error: () => ONE_MEDIA })
  .openapi('WDTaggingJobRequest');

const MediaTaggingRequest = z
  .object({
    $type: z.string().nullish().openapi({ example: 'mediaTagging' }),
    modelId: z
      .int()
      .min(-2_147_483_648)
      .max(2_147_483_647)
      .openapi({ description: 'Of the client’s own; kept and shown', example: 0 }),
    ...mediaFields,
    ...commonFields,
  })
  .refine(hasOneMedia, { error: () => ONE_MEDIA })
  .openapi('MediaTaggingJobRequest');

export const wdTagging = defineJobType('wdTagging', WdTaggingRequest, (request) => {
  const threshold = request.threshold ?? DEFAULT_THRESHOLD;
  const asked = { model: request.model, threshold };
  return sayText(namedMediaOf(request), asked, (image): Tagging => {
    const tagger = taggerOf(request.model) ?? DEFAULT_TAGGER;
    return { operation: 'wdTagging', tagger, threshold, image };
  });
});

export const mediaTagging = defineJobType('mediaTagging', MediaTaggingRequest, (request) =>
  sayText(namedMediaOf(request), { modelId: request.modelId }, (image): Tagging => ({
    ...{ operation: 'mediaTagging', image },
    ...{ tagger: DEFAULT_TAGGER, threshold: DEFAULT_THRESHOLD },
  })),
);
