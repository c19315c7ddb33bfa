/** From what an ecosystem brings to the graph of one picture. */
import type { TextToImage } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { chainControlNets } from './control-chain.ts';
import { enlarge } from './enlarge.ts';
import type { Ingredients } from './ingredients.ts';
import { decoded, redraw, type Picture } from './redraw.ts';
import { required, type ResolvedFiles } from './resolved-files.ts';
import { sampleInTurn, sampleOnce, type Drawn } from './sampling-pass.ts';
import { fillSkeleton, fragmentsFor, neededFor, type Link } from './skeleton.ts';
import maskImage from './skeletons/picture/mask.json' with { type: 'json' };
import save from './skeletons/picture/save.json' with { type: 'json' };
import sourceImage from './skeletons/picture/source.json' with { type: 'json' };

const MASK: Link = ['mask', 0];

/** The graph of a picture, with no node that it does not need. Throws `internal` for a file that was not resolved. */
export const buildPicture = (
  made: Ingredients,
  generation: TextToImage,
  files: ResolvedFiles,
  outputPrefix: string,
): Graph => {
  const { nodes: controls, ...conditioning } = chainControlNets(made, generation, files);
  const controlled = { ...made, ...conditioning };
  const { hires, source } = generation;
  const mask = source?.mask === undefined ? undefined : MASK;
  const { upscaler } = files;
  const first = firstPicture(controlled, generation, files);
  const last =
    hires === undefined ? first : enlarge(controlled, first, { hires, upscaler, mask }, generation);
  const saved = fillSkeleton(save, { image: last.image, outputPrefix });
  return neededFor({ ...made.nodes, ...controls, ...last.nodes, ...saved }, 'save');
};

function firstPicture(made: Ingredients, generation: TextToImage, files: ResolvedFiles): Picture {
  const { source, refiner, width, height, steps, seed } = generation;
  const fragments = fragmentsFor();
  const sample = (latent: Link, denoise: number): Drawn => {
    const run = { steps, denoise, seed };
    return refiner === undefined
      ? sampleOnce(made, latent, run, fragments)
      : sampleInTurn(made, latent, run, {
          refiner: required(files.refiner, 'the file of the refiner'),
          switchAt: refiner.switchAt,
        });
  };
  if (source === undefined) return decoded(made, sample(['latent', 0], 1), fragments);
  const load = (skeleton: Graph, role: string): Graph => {
    const file = required(files.inputs?.[role], `the input file '${role}'`);
    return fillSkeleton(skeleton, { file, width, height });
  };
  const nodes = {
    ...load(sourceImage, 'image'),
    ...(source.mask === undefined ? {} : load(maskImage, 'mask')),
  };
  const image: Link = ['source', 0];
  if (source.denoise === 0) return { nodes, image };
  const mask = source.mask === undefined ? undefined : MASK;
  const drawn = redraw(made, image, mask, (latent) => sample(latent, source.denoise), fragments);
  return { ...drawn, nodes: { ...nodes, ...drawn.nodes } };
}
