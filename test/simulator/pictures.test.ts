import { describe, expect, it } from 'vitest';
import { decodePng } from '../../src/executors/simulator/picture/decode-png.ts';
import {
  LORA,
  textToImage,
  withSimulator,
  type Session,
  type TestGraph,
} from './simulator-session.ts';

const pixels = async ({ run, image }: Session, graph: TestGraph): Promise<string> => {
  const { width, height, data } = decodePng(await image(await run(graph)));
  return `${width}x${height} ${Buffer.from(data).toString('base64')}`;
};

describe('pictures', () => {
  it('are byte-equal for equal inputs, in another process of work and under other node ids', async () => {
    const seen = new Set<string>();
    for (let start = 0; start < 2; start++) {
      await withSimulator({}, async (session) => {
        seen.add(await pixels(session, textToImage({ width: 512, height: 320 })));
      });
    }
    await withSimulator({}, async (session) => {
      const renamed = JSON.parse(
        JSON.stringify(textToImage({ width: 512, height: 320 })).replaceAll('"5"', '"50"'),
      ) as TestGraph;
      seen.add(await pixels(session, renamed));
    });
    expect(seen.size).toBe(1);
  });

  it.each<[string, Parameters<typeof textToImage>[0]]>([
    ['seed', { seed: 43 }],
    ['steps', { steps: 5 }],
    ['cfg', { cfg: 7.5 }],
    ['sampler', { sampler: 'heun' }],
    ['scheduler', { scheduler: 'karras' }],
    ['denoise', { denoise: 0.9 }],
    ['prompt', { prompt: 'a quiet lake.' }],
    ['negative prompt', { negative: 'blurry, text' }],
    ['checkpoint', { checkpoint: 'v1-5-pruned-emaonly.safetensors' }],
    ['LoRA', { lora: 'sd1/civitai/58390/62833.safetensors' }],
    ['model strength of a LoRA', { strengthModel: 0.7 }],
    ['clip strength of a LoRA', { strengthClip: 0.7 }],
    ['clip skip', { clipSkip: -1 }],
    ['width', { width: 72 }],
    ['height', { height: 72 }],
  ])('change with the %s', async (_name, change) => {
    await withSimulator({}, async (session) => {
      const before = await pixels(session, textToImage());
      expect(await pixels(session, textToImage(change))).not.toBe(before);
    });
  });

  it('do not change with a LoRA of no strength, an unknown embedding or the prefix', async () => {
    await withSimulator({}, async (session) => {
      const bare = { strengthModel: 0, strengthClip: 0 };
      const before = await pixels(session, textToImage(bare));
      const other = { ...bare, lora: 'add-detail.safetensors', prefix: 'other/name' };
      expect(await pixels(session, textToImage(other))).toBe(before);
      const negative = (words: string) => pixels(session, textToImage({ negative: words }));
      expect(await negative('blurry embedding:nobody')).toBe(await negative('blurry '));
      expect(await negative('embedding:easynegative blurry')).not.toBe(await negative('blurry'));
    });
  });

  it('differ within a batch and are numbered', async () => {
    await withSimulator({}, async (session) => {
      const entry = await session.run(textToImage({ batch: 3 }));
      const names = entry.outputs['7'].images.map((file: { filename: string }) => file.filename);
      expect(names).toEqual(['image_00001_.png', 'image_00002_.png', 'image_00003_.png']);
    });
  });

  it('come out of the Flux graph, with guidance and schedule counting', async () => {
    const flux = (guidance: number, steps: number): TestGraph => ({
      '1': {
        class_type: 'UNETLoader',
        inputs: { unet_name: 'flux1-dev.safetensors', weight_dtype: 'default' },
      },
      '2': {
        class_type: 'DualCLIPLoader',
        inputs: {
          clip_name1: 'clip_l.safetensors',
          clip_name2: 't5xxl_fp8_e4m3fn.safetensors',
          type: 'flux',
        },
      },
      '3': { class_type: 'VAELoader', inputs: { vae_name: 'ae.safetensors' } },
      '4': { class_type: 'CLIPTextEncode', inputs: { text: 'a tall tower', clip: ['2', 0] } },
      '5': { class_type: 'FluxGuidance', inputs: { conditioning: ['4', 0], guidance } },
      '6': {
        class_type: 'EmptySD3LatentImage',
        inputs: { width: 128, height: 96, batch_size: 1 },
      },
      '8': { class_type: 'RandomNoise', inputs: { noise_seed: 7 } },
      '9': { class_type: 'KSamplerSelect', inputs: { sampler_name: 'euler' } },
      '10': {
        class_type: 'BasicScheduler',
        inputs: { model: ['1', 0], scheduler: 'simple', steps, denoise: 1 },
      },
      '11': { class_type: 'BasicGuider', inputs: { model: ['1', 0], conditioning: ['5', 0] } },
      '12': {
        class_type: 'SamplerCustomAdvanced',
        inputs: {
          noise: ['8', 0],
          guider: ['11', 0],
          sampler: ['9', 0],
          sigmas: ['10', 0],
          latent_image: ['6', 0],
        },
      },
      '13': { class_type: 'VAEDecode', inputs: { samples: ['12', 0], vae: ['3', 0] } },
      '7': { class_type: 'SaveImage', inputs: { images: ['13', 0], filename_prefix: 'flux/a' } },
    });
    await withSimulator({}, async (session) => {
      const seen = [flux(3.5, 4), flux(3, 4), flux(3.5, 5)].map((graph) => pixels(session, graph));
      expect(new Set(await Promise.all(seen)).size).toBe(3);
    });
  });

  it('scale through a hires pass and mix with a source picture', async () => {
    await withSimulator({}, async (session) => {
      const graph = textToImage();
      graph['20'] = {
        class_type: 'LatentUpscaleBy',
        inputs: { samples: ['5', 0], upscale_method: 'bislerp', scale_by: 2 },
      };
      const sampler = graph['5'];
      if (sampler) {
        const inputs = { ...sampler.inputs, latent_image: ['20', 0], denoise: 0.5 };
        graph['21'] = { class_type: 'KSampler', inputs };
      }
      graph['6'] = { class_type: 'VAEDecode', inputs: { samples: ['21', 0], vae: ['1', 2] } };
      expect(await pixels(session, graph)).toMatch(/^128x128 /);
      const source = (color: number): TestGraph => {
        const toImage = textToImage({ denoise: 0.6, lora: LORA });
        toImage['4'] = {
          class_type: 'VAEEncode',
          inputs: { pixels: ['30', 0], vae: ['1', 2] },
        };
        toImage['30'] = {
          class_type: 'EmptyImage',
          inputs: { width: 64, height: 64, batch_size: 1, color },
        };
        return toImage;
      };
      expect(await pixels(session, source(0xff0000))).not.toBe(
        await pixels(session, source(0x0000ff)),
      );
    });
  });
});
