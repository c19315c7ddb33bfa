/** `mediaCaptioning`: some sentences about a picture. */
import { z } from '@hono/zod-openapi';
import type { Captioning } from '../../../domain/generation.ts';
import { shown } from '../../field-errors.ts';
import { commonFields } from './common-fields.ts';
import { defineJobType } from './job-type.ts';
import { hasOneMedia, mediaFields, namedMediaOf, ONE_MEDIA } from './media-source.ts';
import { sayText } from './say-text.ts';

/** Those that the node knows and fetches by itself: https://github.com/kijai/ComfyUI-Florence2 (nodes.py). */
const CAPTIONERS = [
  ...['microsoft/Florence-2-base', 'microsoft/Florence-2-base-ft', 'microsoft/Florence-2-large'],
  ...[
    'microsoft/Florence-2-large-ft',
    'thwri/CogFlorence-2.1-Large',
    'thwri/CogFlorence-2.2-Large',
  ],
  ...['gokaygokay/Florence-2-SD3-Captioner', 'gokaygokay/Florence-2-Flux-Large'],
  ...['MiaoshouAI/Florence-2-base-PromptGen-v1.5', 'MiaoshouAI/Florence-2-large-PromptGen-v1.5'],
  ...['MiaoshouAI/Florence-2-base-PromptGen-v2.0', 'MiaoshouAI/Florence-2-large-PromptGen-v2.0'],
];
const DEFAULT_CAPTIONER = 'microsoft/Florence-2-large';

/** What Civitai's own calls name (https://github.com/civitai/civitai); the default does its work here. */
const CIVITAI_CAPTIONER = 'joy-caption-pre-alpha';

const MOST_TOKENS = 4_096;
/** The defaults of Civitai's v2 document. */
const DEFAULT_TOKENS = 300;
const DEFAULT_TEMPERATURE = 0.5;

const model = z
  .string()
  .max(200)
  .refine((name) => name === CIVITAI_CAPTIONER || CAPTIONERS.includes(name), {
    error: ({ input }) =>
      `${shown(input)} is no captioner that is known here; use ${[CIVITAI_CAPTIONER, ...CAPTIONERS].join(', ')}`,
  })
  .nullish()
  .openapi({
    enum: [CIVITAI_CAPTIONER, ...CAPTIONERS],
    description: `Default, and what stands in for ${CIVITAI_CAPTIONER}: ${DEFAULT_CAPTIONER}`,
    example: DEFAULT_CAPTIONER,
  });

const MediaCaptioningRequest = z
  .object({
    $type: z.string().nullish().openapi({ example: 'mediaCaptioning' }),
    model,
    ...mediaFields,
    temperature: z
      .number()
      .min(0)
      .max(2)
      .nullish()
      .openapi({
        description: `0: the most probable words; above: words are sampled, at Florence-2’s own temperature (default ${DEFAULT_TEMPERATURE})`,
      }),
    maxNewTokens: z
      .int()
      .min(1)
      .max(MOST_TOKENS)
      .nullish()
      .openapi({ description: `Length of the caption (default ${DEFAULT_TOKENS})` }),
    customInstructions: z
      .unknown()
      .refine((value) => value === undefined || value === null || value === '', {
        error: () => 'Florence-2 takes no instructions; leave it out',
      })
      .optional()
      .openapi({ type: 'string', description: 'Refused: Florence-2 takes no instructions' }),
    ...commonFields,
  })
  .refine(hasOneMedia, { error: () => ONE_MEDIA })
  .openapi('MediaCaptioningJobRequest');

export const mediaCaptioning = defineJobType(
  'mediaCaptioning',
  MediaCaptioningRequest,
  (request) => {
    const named = request.model ?? DEFAULT_CAPTIONER;
    const temperature = request.temperature ?? DEFAULT_TEMPERATURE;
    const maxNewTokens = request.maxNewTokens ?? DEFAULT_TOKENS;
    const asked = { model: named, temperature, maxNewTokens };
    return sayText(namedMediaOf(request), asked, (image, { randomSeed }): Captioning => ({
      operation: 'mediaCaptioning',
      captioner: named === CIVITAI_CAPTIONER ? DEFAULT_CAPTIONER : named,
      ...{ maxNewTokens, image },
      isSampled: temperature > 0,
      // The node takes no 0.
      seed: Math.max(1, randomSeed()),
    }));
  },
);
