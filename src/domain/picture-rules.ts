/** What no graph can draw, though every field is right by itself. Pure. */
import type { Ecosystem, TextToImage } from './generation.ts';
import { finishedSize } from './picture-size.ts';

export interface PictureFault {
  /** Where, from the job's own object. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Families whose ControlNets are known by their files. */
const CONTROLLED: readonly Ecosystem[] = ['sd1', 'sdxl', 'flux1'];
const REFINED: readonly Ecosystem[] = ['sdxl'];
/** A VAE takes several gigabytes of memory beyond this. */
const LONGEST_SIDE = 4096;

/** Why this picture cannot be drawn as asked; empty when it can. */
export function pictureFaults(generation: TextToImage): PictureFault[] {
  const { ecosystem, source, controlNets = [], hires, refiner, steps } = generation;
  const faults: PictureFault[] = [];
  const fault = (path: PictureFault['path'], message: string): void => {
    faults.push({ path, message });
  };
  const strength = ['params', 'sourceImageDenoiseStrength'];
  if (controlNets.length > 0 && !CONTROLLED.includes(ecosystem))
    fault(
      ['controlNets'],
      `ControlNets are not supported for ${ecosystem}; use a model of ${CONTROLLED.join(', ')}`,
    );
  controlNets.forEach(({ start, end }, index) => {
    if (start >= end)
      fault(['controlNets', index, 'startStep'], `expected a step before the last of the ${steps}`);
  });
  if (refiner && !REFINED.includes(ecosystem))
    fault(
      ['params', 'refiner'],
      `a refiner is for models of ${REFINED.join(', ')}; this is ${ecosystem}`,
    );
  if (refiner && source?.mask)
    fault(
      ['params', 'refiner'],
      'cannot be used with maskImage: the noise that is left for it would stay outside the mask; leave one of the two out',
    );
  if (refiner && steps < 2) fault(['params', 'refiner'], 'needs a run of at least 2 steps');
  const { width, height } = finishedSize(generation);
  if (Math.max(width, height) > LONGEST_SIDE)
    fault(
      ['params', 'hires', 'scale'],
      `makes ${width}×${height} pixels; at most ${LONGEST_SIDE} a side are drawn`,
    );
  if (source?.denoise === 0) {
    if (!hires) fault(strength, 'draws nothing at 0 without hires; use more than 0');
    if (source.mask) fault(strength, 'draws nothing at 0, so maskImage would be ignored');
    if (refiner) fault(strength, 'draws nothing at 0, so refiner would be ignored');
    if (controlNets.length > 0 && hires?.denoise === 0)
      fault(strength, 'draws nothing at 0, so controlNets would be ignored');
  }
  return faults;
}
