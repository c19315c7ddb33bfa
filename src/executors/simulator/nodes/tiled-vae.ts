import { decode, encode } from './latent-nodes.ts';
import {
  imageIn,
  latentIn,
  NodeError,
  numberIn,
  opaqueIn,
  type NodeContext,
  type NodeExecutor,
} from './node-context.ts';

interface Tiling {
  readonly width: number;
  readonly height: number;
  readonly tile: number;
  readonly overlap: number;
}

/** Tiles along one side. Tiles that do not advance divide by zero in the original, too. */
const countTiles = (size: number, tile: number, overlap: number): number => {
  if (size <= tile) return 1;
  if (tile === overlap) throw new NodeError('ZeroDivisionError', 'division by zero');
  return Math.max(1, Math.ceil((size - overlap) / (tile - overlap)));
};

/** Reports a step for each tile of the three passes, as the original's progress bar does. */
const overTiles = async (
  { width, height, tile, overlap }: Tiling,
  pictures: number,
  context: NodeContext,
): Promise<void> => {
  const passes = [
    [tile, tile],
    [tile / 2, tile * 2],
    [tile * 2, tile / 2],
  ] as const;
  const total = passes
    .map(([across, down]) => countTiles(width, across, overlap) * countTiles(height, down, overlap))
    .reduce((sum, count) => sum + count * pictures, 0);
  for (let done = 1; done <= total; done++) await context.step(done, total);
};

const decodeTiled: NodeExecutor = async (inputs, context) => {
  const latent = latentIn(inputs, 'samples');
  const tile = numberIn(inputs, 'tile_size', 512);
  const overlap = Math.min(numberIn(inputs, 'overlap', 64), tile / 4);
  await overTiles({ ...latent, tile, overlap }, latent.batch, context);
  return { outputs: [decode(latent, opaqueIn(inputs, 'vae'))] };
};

const encodeTiled: NodeExecutor = async (inputs, context) => {
  const image = imageIn(inputs, 'pixels');
  const latent = encode(image, opaqueIn(inputs, 'vae'));
  const tile = numberIn(inputs, 'tile_size', 512);
  await overTiles(
    { ...latent, tile, overlap: numberIn(inputs, 'overlap', 64) },
    image.frames.length,
    context,
  );
  return { outputs: [latent] };
};

export const TILED_VAE_NODES: Readonly<Record<string, NodeExecutor>> = {
  VAEDecodeTiled: decodeTiled,
  VAEEncodeTiled: encodeTiled,
};
