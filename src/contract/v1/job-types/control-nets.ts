/** `controlNets` of a textToImage request. */
import { z } from '@hono/zod-openapi';
import { IMAGE_TRANSFORMERS, type ControlNet } from '../../../domain/generation.ts';
import { AirText } from '../../air-text.ts';
import type { MediaUse, ModelUse } from './job-type.ts';
import { hasOneSource, mediaSourceFields, mediaSourceOf, ONE_SOURCE } from './media-source.ts';

const MAX_CONTROL_NETS = 8;

/** One of Civitai's names in any casing. */
export const transformer = z
  .string()
  .transform((name) => IMAGE_TRANSFORMERS.find((one) => one.toLowerCase() === name.toLowerCase()))
  .refine((name) => name !== undefined, {
    error: () => `expected one of ${IMAGE_TRANSFORMERS.join(', ')}`,
  })
  .openapi({ type: 'string', enum: [...IMAGE_TRANSFORMERS], example: 'Canny' });

const step = z.number().min(0).max(150).nullish();

const ImageJobControlNet = z
  .object({
    preprocessor: transformer,
    model: AirText.nullish().openapi({
      description:
        'Ours: AIR of the ControlNet (default: one of the catalogue that says it is for the preprocessor, else a file of the server that does)',
      example: 'urn:air:sd1:controlnet:civitai:38784@44716',
    }),
    weight: z.number().min(0).max(10).nullish().openapi({ description: 'Default 1', example: 1 }),
    startStep: step.openapi({ description: 'Default 0; see endStep', example: 0 }),
    endStep: step.openapi({
      description: 'Up to 1 a fraction of the run, above 1 a number of steps (default: the end)',
      example: 20,
    }),
    ...mediaSourceFields,
  })
  .refine(hasOneSource, { error: () => ONE_SOURCE })
  .refine(({ startStep, endStep }) => (startStep ?? 0) < (endStep ?? Infinity), {
    error: () => 'expected a startStep below endStep',
  })
  .openapi('ImageJobControlNet');
type ImageJobControlNet = z.infer<typeof ImageJobControlNet>;

export const controlNets = z
  .array(ImageJobControlNet)
  .max(MAX_CONTROL_NETS)
  .nullish()
  .openapi({ description: 'Applied in their order; the preprocessor makes the control image' });

/** The files they name. */
export const controlNetMedia = (
  list: readonly ImageJobControlNet[] | null | undefined,
): MediaUse[] =>
  (list ?? []).map((item, index) => {
    const { source, field } = mediaSourceOf(item);
    return { source, path: ['controlNets', index, field] };
  });

/** The resources they name. */
export const controlNetUses = (
  list: readonly ImageJobControlNet[] | null | undefined,
): ModelUse[] =>
  (list ?? []).flatMap(({ model }, index) =>
    typeof model === 'string'
      ? [{ air: model, path: ['controlNets', index, 'model'], role: 'controlNet' as const }]
      : [],
  );

/** In the domain's words, for a run of so many steps. */
export const controlNetsOf = (
  list: readonly ImageJobControlNet[] | null | undefined,
  steps: number,
  airOf: (asked: string) => string,
): ControlNet[] =>
  (list ?? []).map((item) => {
    // Clients give fractions or counts; a run of one step or less ends at its end either way.
    const isFraction = (item.endStep ?? 1) <= 1;
    const part = (value: number): number => Math.min(1, isFraction ? value : value / steps);
    return {
      preprocessor: item.preprocessor ?? 'Canny',
      ...(typeof item.model === 'string' ? { model: airOf(item.model) } : {}),
      weight: item.weight ?? 1,
      start: part(item.startStep ?? 0),
      end: part(item.endStep ?? 1),
      image: mediaSourceOf(item).source,
    };
  });
