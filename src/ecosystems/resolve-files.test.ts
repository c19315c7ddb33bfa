import { describe, expect, it } from 'vitest';
import { EXAMPLE_GENERATIONS } from '../../test/fixtures/generations.ts';
import type { ListedFiles } from './look-up-file.ts';
import { resolveFiles } from './resolve-files.ts';

const sd1 = EXAMPLE_GENERATIONS['sd1-text-to-image'];
const flux = EXAMPLE_GENERATIONS['flux1-text-to-image-diffusion-model'];

const LISTED: ListedFiles = {
  checkpoints: ['sd1\\DreamShaper_8.safetensors', 'other.safetensors'],
  loras: ['ink_87153.safetensors', 'detail_62833.safetensors'],
  vae: ['sd1/civitai/276082/311162.safetensors'],
  embeddings: ['EasyNegative'],
};
const NAMES = new Map<string, string>([
  [sd1.generation.model, 'sd1/dreamshaper_8.safetensors'],
  ['urn:air:sd1:embedding:civitai:7808@9208', 'EasyNegative.safetensors'],
]);
const nameOf = (air: string): string | undefined => NAMES.get(air);

describe('resolveFiles', () => {
  it('names every file as the server lists it, in the order of the request', () => {
    expect(resolveFiles(sd1.generation, nameOf, LISTED)).toEqual({
      files: {
        checkpoint: { folder: 'checkpoints', name: 'sd1\\DreamShaper_8.safetensors' },
        networks: [
          { kind: 'lora', name: 'ink_87153.safetensors', strength: 0.8 },
          { kind: 'lora', name: 'detail_62833.safetensors', strength: 0.4 },
          { kind: 'vae', name: 'sd1/civitai/276082/311162.safetensors', strength: 1 },
          { kind: 'embedding', name: 'EasyNegative', strength: 1 },
        ],
      },
      missing: [],
      notes: [],
    });
  });

  it('reports every missing file at once with AIR, folder and next action', () => {
    const { files, missing } = resolveFiles(sd1.generation, nameOf, { checkpoints: [], loras: [] });
    expect(files).toBeUndefined();
    expect(missing).toHaveLength(5);
    expect(missing[0]).toEqual({
      air: 'urn:air:sd1:checkpoint:civitai:4384@128713',
      folders: ['checkpoints'],
      message:
        "urn:air:sd1:checkpoint:civitai:4384@128713 is not in the server's model folder checkpoints: put it there as sd1/dreamshaper_8.safetensors or correct its fileName.",
    });
    expect(missing[1]?.message).toContain(
      'loras: put it there as sd1/civitai/82098/87153.safetensors or give the resource a fileName.',
    );
  });

  it('says when several files fit', () => {
    const listed = { ...LISTED, loras: ['b_87153.pt', 'a_87153.pt', 'detail_62833.safetensors'] };
    const { files, notes } = resolveFiles(sd1.generation, nameOf, listed);
    expect(files?.networks[0]?.name).toBe('a_87153.pt');
    expect(notes).toEqual([
      'urn:air:sd1:lora:civitai:82098@87153: took a_87153.pt in loras; b_87153.pt would fit as well.',
    ]);
  });

  it('keeps trigger words', () => {
    const networks = [
      { air: 'urn:air:sd1:embedding:civitai:7808@9208', strength: 1, triggerWord: 'easy' },
    ];
    expect(resolveFiles({ ...sd1.generation, networks }, nameOf, LISTED).files?.networks).toEqual([
      { kind: 'embedding', name: 'EasyNegative', strength: 1, triggerWord: 'easy' },
    ]);
  });

  it('refuses a checkpoint as a network', () => {
    const networks = [{ air: sd1.generation.model, strength: 1 }];
    expect(() => resolveFiles({ ...sd1.generation, networks }, nameOf, LISTED)).toThrow(
      /of type checkpoint and cannot be an additional network/,
    );
  });

  it('finds the companions of a bare Flux model, or says which are missing', () => {
    const generation = { ...flux.generation, networks: [] };
    const listed = { diffusion_models: ['flux_691639.safetensors'], vae: ['flux/ae.safetensors'] };
    expect(
      resolveFiles(generation, nameOf, {
        ...listed,
        text_encoders: ['T5XXL_fp8_e4m3fn.safetensors', 'clip_l.safetensors', 'clip_g.safetensors'],
      }).files,
    ).toEqual({
      checkpoint: { folder: 'diffusion_models', name: 'flux_691639.safetensors' },
      networks: [],
      companions: {
        clipL: 'clip_l.safetensors',
        t5xxl: 'T5XXL_fp8_e4m3fn.safetensors',
        vae: 'flux/ae.safetensors',
      },
    });
    const { files, missing } = resolveFiles(generation, nameOf, {
      ...listed,
      clip: ['clip_l.safetensors'],
    });
    expect(files).toBeUndefined();
    expect(missing.map(({ message }) => message)).toEqual([
      expect.stringContaining('needs t5xxl_fp16.safetensors'),
    ]);
  });

  it('needs no VAE beside a bare model when the job names one', () => {
    const listed = {
      diffusion_models: ['flux_691639.safetensors'],
      text_encoders: ['clip_l.safetensors', 't5xxl_fp16.safetensors'],
      vae: ['mine_311162.safetensors'],
    };
    const vae = { air: 'urn:air:flux1:vae:civitai:276082@311162', strength: 1 };
    const resolve = (networks: readonly (typeof vae)[]) =>
      resolveFiles({ ...flux.generation, networks }, nameOf, listed);
    expect(resolve([]).missing.map(({ message }) => message)).toEqual([
      expect.stringContaining('needs ae.safetensors'),
    ]);
    expect(resolve([vae]).files?.networks).toEqual([
      { kind: 'vae', name: 'mine_311162.safetensors', strength: 1 },
    ]);
  });
});

describe('resolveFiles of sd3', () => {
  const generation = {
    ...EXAMPLE_GENERATIONS['sd3-text-to-image'].generation,
    networks: [],
  };
  const encoders = ['sd3\\CLIP_L.safetensors', 'clip_g_fp8.safetensors', 'clip_large.safetensors'];
  const listing = (text_encoders: readonly string[]): ListedFiles => ({
    checkpoints: ['sd35_983309.safetensors'],
    text_encoders,
  });

  it('takes the text encoders of the server when it has all three', () => {
    const { files } = resolveFiles(generation, nameOf, listing([...encoders, 't5xxl.safetensors']));
    expect(files?.companions).toEqual({
      clipL: 'sd3\\CLIP_L.safetensors',
      clipG: 'clip_g_fp8.safetensors',
      t5xxl: 't5xxl.safetensors',
    });
  });

  it('takes those of the checkpoint when one is not there', () => {
    const { files, missing } = resolveFiles(generation, nameOf, listing(encoders));
    expect(files).toEqual({
      checkpoint: { folder: 'checkpoints', name: 'sd35_983309.safetensors' },
      networks: [],
    });
    expect(missing).toEqual([]);
  });
});
