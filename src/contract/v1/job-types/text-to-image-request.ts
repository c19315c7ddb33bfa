/** `textToImage` as clients write it. */
import { z } from '@hono/zod-openapi';
import { ECOSYSTEMS } from '../../../domain/generation.ts';
import { GENERATION_DEFAULTS } from '../../../domain/generation-defaults.ts';
import { embeddingAirsIn, embeddingProblem } from '../../../domain/prompt-embeddings.ts';
import { canonicalScheduler, SCHEDULERS } from '../../../domain/schedulers.ts';
import { airProblem, AirText, INVALID_AIR } from '../../air-text.ts';
import { commonFields, quantityField } from './common-fields.ts';
import { pictureFieldProblem, pictureFields } from './picture-fields.ts';
import { controlNets } from './control-nets.ts';

const MAX_PROMPT_LENGTH = 10_000;
const MAX_SEED = 4_294_967_295;
const PIXEL_STEP = 8;
const MAX_NETWORKS = 50;

const defaultsOf = (name: 'scheduler' | 'cfgScale'): string =>
  ECOSYSTEMS.map((ecosystem) => `${ecosystem} ${GENERATION_DEFAULTS[ecosystem][name]}`).join(', ');

const side = z
  .int()
  .min(64)
  .max(2048)
  .refine((value) => value % PIXEL_STEP === 0, {
    error: ({ input }) => {
      const low = Math.floor(Number(input) / PIXEL_STEP) * PIXEL_STEP;
      return `expected a multiple of ${PIXEL_STEP}, such as ${low} or ${low + PIXEL_STEP}`;
    },
  })
  .openapi({
    description: 'Pixels; refused when not a multiple of 8, never rounded',
    multipleOf: PIXEL_STEP,
    example: 512,
  });

/** What ComfyUI reads in a prompt (`(word:1.2)`, `embedding:name`) is passed on as it stands. */
const prompt = z
  .string()
  .max(MAX_PROMPT_LENGTH)
  .superRefine((text, context) => {
    if (text.length > MAX_PROMPT_LENGTH) return;
    const message = embeddingProblem(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
    const airs = embeddingAirsIn(text);
    if (airs.length > MAX_NETWORKS)
      context.addIssue({
        code: 'custom',
        message: `calls ${airs.length} embeddings by AIR; at most ${MAX_NETWORKS} are taken`,
      });
    for (const problem of airs.slice(0, MAX_NETWORKS).map(airProblem))
      if (problem !== undefined)
        context.addIssue({ code: 'custom', message: problem, params: INVALID_AIR });
  });

const ImageJobParams = z
  .object({
    prompt: prompt.openapi({ example: 'a fox in a snowy forest, golden hour' }),
    negativePrompt: prompt.nullish().openapi({ example: 'blurry' }),
    scheduler: z
      .string()
      .refine((name) => canonicalScheduler(name) !== undefined, {
        error: () => `expected one of ${SCHEDULERS.join(', ')}`,
      })
      .nullish()
      .openapi({
        description: `Any casing; one of ${SCHEDULERS.join(', ')} (default: ${defaultsOf('scheduler')})`,
        example: 'EulerA',
      }),
    steps: z.int().min(1).max(150).nullish().openapi({ description: 'Default 20', example: 20 }),
    cfgScale: z
      .number()
      .min(1)
      .max(30)
      .nullish()
      .openapi({
        description: `Guidance; for flux1 the distilled one (default: ${defaultsOf('cfgScale')})`,
        example: 7,
      }),
    width: side,
    height: side,
    seed: z.int().min(-1).max(MAX_SEED).nullish().openapi({
      description: '-1 or absent: a random one, fixed at acceptance and reported',
      example: -1,
    }),
    clipSkip: z
      .int()
      .min(1)
      .max(12)
      .nullish()
      .openapi({ description: 'Default 1: none; sd3 and flux1 do not look at it', example: 1 }),
    ...pictureFields,
  })
  .superRefine((params, context) => {
    const problem = pictureFieldProblem(params);
    if (problem)
      context.addIssue({ code: 'custom', path: [problem.field], message: problem.message });
  })
  .openapi('ImageJobParams');

const NetworkParams = z
  .object({
    type: z
      .string()
      .max(40)
      .nullish()
      .openapi({ description: "Ignored; the AIR's own type counts" }),
    strength: z
      .number()
      .min(-10)
      .max(10)
      .nullish()
      .openapi({ description: 'Default 1; a VAE has none', example: 1 }),
    triggerWord: z.string().max(500).nullish(),
  })
  .openapi('ImageJobNetworkParams');

export const TextToImageRequest = z
  .object({
    $type: z
      .string()
      .nullish()
      .openapi({ description: 'Optional for this type', example: 'textToImage' }),
    baseModel: z.string().max(100).nullish().openapi({
      description: 'Ignored: the ecosystem comes from the AIR of the model',
      example: 'SDXL',
    }),
    model: AirText.openapi({ example: 'urn:air:sdxl:checkpoint:civitai:101055@128078' }),
    params: ImageJobParams,
    additionalNetworks: z
      .record(AirText, NetworkParams)
      .refine((value) => Object.keys(value).length <= MAX_NETWORKS, {
        error: ({ input }) =>
          `expected at most ${MAX_NETWORKS} networks, and these are ${Object.keys(input ?? {}).length}`,
      })
      .nullish()
      .openapi({
        description:
          'LoRAs in the order they are applied, embeddings, at most one VAE; made for the ecosystem of the model, each once',
        maxProperties: MAX_NETWORKS,
        example: { 'urn:air:sd1:lora:civitai:82098@87153': { strength: 1 } },
      }),
    controlNets,
    ...quantityField,
    batchSize: z
      .int()
      .min(1)
      .max(100)
      .nullish()
      .openapi({ description: 'Multiplies quantity: every image is a job of its own', example: 1 }),
    ...commonFields,
  })
  .openapi('TextToImageJobRequest');
export type TextToImageRequest = z.infer<typeof TextToImageRequest>;
