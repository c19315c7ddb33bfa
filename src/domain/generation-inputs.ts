/** Input files of a generation. Pure. */
import type { MediaSource, TextToImage } from './generation.ts';

/** The role of a ControlNet's image, counted from 0. */
export const controlRole = (index: number): string => `control${index}`;

/** Where each input file of a generation comes from, by role: `image`, `mask`, `control0`, … */
export const inputsOf = ({
  source,
  controlNets = [],
}: Pick<TextToImage, 'source' | 'controlNets'>): Readonly<Record<string, MediaSource>> => ({
  ...(source === undefined ? {} : { image: source.image }),
  ...(source?.mask === undefined ? {} : { mask: source.mask }),
  ...Object.fromEntries(controlNets.map(({ image }, index) => [controlRole(index), image])),
});
