/** Fields of `params` that v1 does not have: image-to-image, inpaint, hires fix, upscale and refiner. */
import { z } from '@hono/zod-openapi';
import type { TextToImage } from '../../../domain/generation.ts';
import { AirText } from '../../air-text.ts';
import type { MediaUse, ModelUse } from './job-type.ts';
import { hasOneSource, mediaSourceFields, mediaSourceOf, ONE_SOURCE } from './media-source.ts';

const DENOISE = 0.75;
const HIRES = { scale: 2, denoise: 0.5 } as const;
const SWITCH_AT = 0.8;

const MediaFile = z
  .object(mediaSourceFields)
  .refine(hasOneSource, { error: () => ONE_SOURCE })
  .openapi('MediaFile');

/** ComfyUI computes steps / denoise noise levels: a tiny value would keep a server busy with nothing else. */
const LEAST_DENOISE = 0.01;
const share = z
  .number()
  .min(0)
  .max(1)
  .refine((value) => value === 0 || value >= LEAST_DENOISE, {
    error: () => `expected 0, or ${LEAST_DENOISE} to 1`,
  });

const Hires = z
  .object({
    scale: z
      .number()
      .min(1)
      .max(4)
      .nullish()
      .openapi({
        description: `Both sides times this, in the nearest steps of 8 (default: ${HIRES.scale})`,
      }),
    denoise: share.nullish().openapi({
      description: `How much of the enlarged picture is drawn anew; 0 only enlarges it (default: ${HIRES.denoise})`,
    }),
    steps: z.int().min(1).max(150).nullish().openapi({ description: 'Default: those of params' }),
    upscaler: AirText.nullish().openapi({
      description: 'AIR of an upscaler; without one the latent is enlarged, or the pixels',
      example: 'urn:air:other:upscaler:civitai:147759@164821',
    }),
  })
  .openapi('HiresParams');

const Refiner = z
  .object({
    model: AirText.openapi({ description: 'AIR of the checkpoint that finishes the picture' }),
    switchAt: z
      .number()
      .min(0.01)
      .max(0.99)
      .nullish()
      .openapi({
        description: `Fraction of the run after which it takes over (default: ${SWITCH_AT})`,
      }),
  })
  .openapi('RefinerParams');

/** To be spread into the schema of `params`, which `pictureFieldProblem` then refines. */
export const pictureFields = {
  sourceImage: MediaFile.nullish().openapi({
    description: 'Ours: a picture to start from, scaled and cut to width and height',
  }),
  sourceImageDenoiseStrength: share.nullish().openapi({
    description: `Ours: how much of sourceImage is drawn anew (default: ${DENOISE})`,
  }),
  maskImage: MediaFile.nullish().openapi({
    description: 'Ours: only where this picture is white sourceImage is drawn anew',
  }),
  hires: Hires.nullish().openapi({ description: 'Ours: enlarges the picture and draws it over' }),
  refiner: Refiner.nullish().openapi({
    description: 'Ours, sdxl: a second checkpoint for the last part of the run',
  }),
};

export type PictureFields = z.infer<z.ZodObject<typeof pictureFields>>;

/** A field that means nothing by itself, and why, or undefined. */
export const pictureFieldProblem = ({
  sourceImage,
  sourceImageDenoiseStrength,
  maskImage,
}: PictureFields): { readonly field: string; readonly message: string } | undefined => {
  if (sourceImage) return undefined;
  const field = maskImage
    ? 'maskImage'
    : typeof sourceImageDenoiseStrength === 'number'
      ? 'sourceImageDenoiseStrength'
      : undefined;
  return field === undefined ? undefined : { field, message: 'needs a sourceImage beside it' };
};

/** The files they name. */
export const pictureMedia = ({ sourceImage, maskImage }: PictureFields): MediaUse[] =>
  Object.entries({ sourceImage, maskImage }).flatMap(([name, file]) => {
    if (!file) return [];
    const { source, field } = mediaSourceOf(file);
    return [{ source, path: ['params', name, field] }];
  });

/** The resources they name. */
export const pictureUses = ({ hires, refiner }: PictureFields): ModelUse[] => [
  ...(refiner
    ? [{ air: refiner.model, path: ['params', 'refiner', 'model'], role: 'refiner' as const }]
    : []),
  ...(typeof hires?.upscaler === 'string'
    ? [{ air: hires.upscaler, path: ['params', 'hires', 'upscaler'], role: 'upscaler' as const }]
    : []),
];

/** In the domain's words. */
export const pictureOf = (
  { sourceImage, sourceImageDenoiseStrength, maskImage, hires, refiner }: PictureFields,
  airOf: (asked: string) => string,
): Pick<TextToImage, 'source' | 'hires' | 'refiner'> => ({
  ...(sourceImage
    ? {
        source: {
          image: mediaSourceOf(sourceImage).source,
          denoise: sourceImageDenoiseStrength ?? DENOISE,
          ...(maskImage ? { mask: mediaSourceOf(maskImage).source } : {}),
        },
      }
    : {}),
  ...(hires
    ? {
        hires: {
          scale: hires.scale ?? HIRES.scale,
          denoise: hires.denoise ?? HIRES.denoise,
          ...(typeof hires.steps === 'number' ? { steps: hires.steps } : {}),
          ...(typeof hires.upscaler === 'string' ? { upscaler: airOf(hires.upscaler) } : {}),
        },
      }
    : {}),
  ...(refiner
    ? { refiner: { model: airOf(refiner.model), switchAt: refiner.switchAt ?? SWITCH_AT } }
    : {}),
});

/** As `detailed=true` shows them: as asked, with what stands where nothing was said. */
export const acceptedPicture = (
  { sourceImage, maskImage }: PictureFields,
  { source, hires, refiner }: TextToImage,
): Record<string, unknown> => ({
  ...(sourceImage && source
    ? {
        sourceImage,
        sourceImageDenoiseStrength: source.denoise,
        ...(maskImage ? { maskImage } : {}),
      }
    : {}),
  ...(hires ? { hires } : {}),
  ...(refiner ? { refiner } : {}),
});
