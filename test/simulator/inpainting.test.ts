import { describe, expect, it } from 'vitest';
import { decodePng } from '../../src/executors/simulator/picture/decode-png.ts';
import { textToImage, withSimulator, type TestGraph } from './simulator-session.ts';

const SIDE = 256;

/** A red source whose right half is masked: white on the right, by a mask of half the width set into an empty one. */
const inpaint = (latent: TestGraph[string]): TestGraph => {
  const graph = textToImage({ denoise: 1, steps: 2 });
  graph['30'] = {
    class_type: 'EmptyImage',
    inputs: { width: SIDE, height: SIDE, batch_size: 1, color: 0xff0000 },
  };
  graph['31'] = {
    class_type: 'EmptyImage',
    inputs: { width: SIDE, height: SIDE, batch_size: 1, color: 0 },
  };
  graph['32'] = {
    class_type: 'EmptyImage',
    inputs: { width: SIDE / 2, height: SIDE, batch_size: 1, color: 0xffffff },
  };
  graph['33'] = {
    class_type: 'ImageCompositeMasked',
    inputs: { destination: ['31', 0], source: ['32', 0], x: SIDE / 2, y: 0, resize_source: false },
  };
  graph['34'] = { class_type: 'ImageToMask', inputs: { image: ['33', 0], channel: 'red' } };
  graph['35'] = { class_type: 'VAEEncode', inputs: { pixels: ['30', 0], vae: ['1', 2] } };
  graph['4'] = latent;
  return graph;
};

const LATENTS: readonly (readonly [string, TestGraph[string], number])[] = [
  [
    'SetLatentNoiseMask',
    { class_type: 'SetLatentNoiseMask', inputs: { samples: ['35', 0], mask: ['34', 0] } },
    0,
  ],
  [
    'VAEEncodeForInpaint',
    {
      class_type: 'VAEEncodeForInpaint',
      inputs: { pixels: ['30', 0], vae: ['1', 2], mask: ['34', 0], grow_mask_by: 6 },
    },
    0,
  ],
  [
    'InpaintModelConditioning',
    {
      class_type: 'InpaintModelConditioning',
      inputs: {
        positive: ['2', 0],
        negative: ['3', 0],
        vae: ['1', 2],
        pixels: ['30', 0],
        mask: ['34', 0],
        noise_mask: true,
      },
    },
    2,
  ],
];

describe('inpainting', () => {
  it.each(LATENTS)(
    'with %s paints inside the mask and keeps the rest',
    async (_name, node, slot) => {
      await withSimulator({}, async ({ run, image }) => {
        const graph = inpaint(node);
        const sampler = graph['5'];
        if (sampler) sampler.inputs['latent_image'] = ['4', slot];
        const { data } = decodePng(await image(await run(graph)));
        // Above the caption, a quarter of the height down.
        const at = (x: number): number[] => [
          ...data.subarray((SIDE * (SIDE / 4) + x) * 3, (SIDE * (SIDE / 4) + x) * 3 + 3),
        ];
        expect(at(SIDE / 4)).toEqual([255, 0, 0]);
        expect(at((SIDE * 3) / 4)).not.toEqual([255, 0, 0]);
      });
    },
  );
});
